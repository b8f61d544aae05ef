"""The shared memory of database servers that were killed: the kernel keeps it until it is told to let go.

A PostgreSQL that ends by itself frees its segment; one that is killed leaves it to whoever starts on the same data
directory again. A lab that goes takes its data directories with it, so nobody would.
"""

import ctypes
from pathlib import Path
from typing import Final

SEGMENTS: Final = Path("/proc/sysvipc/shm")
"""The kernel's table of System V segments."""
_REMOVE: Final = 0
"""IPC_RMID, from sys/ipc.h."""
_PID_FILE: Final = "postmaster.pid"
_LINE: Final = 6
"""Where PostgreSQL writes the key and the id of its segment into its pid file, counted from nought."""


def let_go(folder: Path) -> None:
    """Free the segments of the servers below `folder` that were killed; one that a process still uses stays.

    A segment is a server's when key and id are those in the pid file in its data directory.
    """
    theirs = {segment for path in folder.rglob(_PID_FILE) if (segment := _told_by(path))}
    if not theirs:
        return
    call = ctypes.CDLL(None, use_errno=True).shmctl
    for segment in theirs & _unused():
        call(segment[1], _REMOVE, None)  # it is gone, or it is another user's: either way there is nothing left to do


def _told_by(path: Path) -> tuple[int, int] | None:
    try:
        key, number = path.read_text(encoding="utf-8", errors="replace").splitlines()[_LINE].split()
        return int(key), int(number)
    except (OSError, IndexError, ValueError):
        return None


def _unused() -> set[tuple[int, int]]:
    """Return key and id of every segment that no process has attached."""
    try:
        head, *lines = (line.split() for line in SEGMENTS.read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):
        return set()
    attached = head.index("nattch")
    return {(int(line[0]), int(line[1])) for line in lines if line[attached] == "0"}
