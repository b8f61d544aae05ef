"""The lock of a lab: held by its supervisor for as long as that lives, and telling who holds it.

A POSIX record lock: the kernel drops it with its holder, however that dies, and names the holder to whoever asks.
"""

import fcntl
import os
import struct
from pathlib import Path
from typing import Final

from faildrill.system import state_folder

_FLOCK: Final = "hhqqi4x"
"""`struct flock` of 64-bit Linux: type, whence, start, length, pid."""
_held: dict[Path, int] = {}


def acquire(path: Path) -> bool:
    """Take the lock, until `release` or the end of this process; false when another process holds it."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # a `down` has just removed the empty folder
        try:
            state_folder.lock_record(file)
        except BlockingIOError:
            os.close(file)
            return False
        _held[path] = file
        if still_there(path):
            return True
        release(path)  # a `down` has just removed the file that we locked


def still_there(path: Path) -> bool:
    """Tell whether the file of a lock that this process holds is there still, and the same."""
    try:
        return os.path.samestat(os.fstat(_held[path]), path.stat())
    except FileNotFoundError:
        return False


def release(path: Path) -> None:
    """Let go of a lock that this process holds."""
    os.close(_held.pop(path))


def holder(path: Path) -> int | None:
    """Return the id of the process that holds the lock, None when nobody does. Not for its holder itself."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
    finally:
        os.close(file)
    return None if kind == fcntl.F_UNLCK else int(pid)
