"""Processes as /proc shows them, each with when it was started: a number alone may be another process by now.

Standard library only: the process that holds a time limit starts with it.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection
from typing import Final, NamedTuple

STOPPED: Final = "Tt"
"""States of processes that are held: by a signal, by a tracer."""
_GONE: Final = "ZX"
TICKS: Final = os.sysconf("SC_CLK_TCK")
"""Of what the kernel counts the start of a process in, so many make a second."""
_NOT_THERE: Final = (FileNotFoundError, ProcessLookupError, PermissionError)
"""How the kernel says that there is no such process, or that it is hidden from this user (`hidepid`)."""
_PAUSE: Final = 0.002
"""Seconds between two looks at processes that are being changed."""


class Process(NamedTuple):
    """A process that lived when it was looked at; number and start together name it until the next boot."""

    pid: int
    start: int
    """When it was started, in ticks since boot."""
    parent: int
    state: str

    @property
    def identity(self) -> tuple[int, int]:
        """What does not change as long as it lives."""
        return self.pid, self.start


def look(pid: int) -> Process | None:
    """Return a process as it is now; None when there is none, or only its remains.

    OSError when it can't be looked at for a reason of ours, e.g. for want of descriptors: that is not "gone".
    """
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - no pathlib here
            fields = file.read().rpartition(")")[2].split()
    except _NOT_THERE:
        return None
    return None if fields[0] in _GONE else Process(pid, int(fields[19]), int(fields[1]), fields[0])


def title(pid: int) -> str:
    """Return the command line of a process, words parted by blanks; the empty string when it has none to be read.

    OSError as `look`.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - no pathlib here
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except _NOT_THERE:
        return ""


def tree(root: Process) -> list[Process]:
    """Return a process, if it still is the one, and all that descend from it; parents before children."""
    now = look(root.pid)
    if now is None or now.identity != root.identity:
        return []
    children: dict[int, list[Process]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - no pathlib here
        one = look(int(name)) if name.isdecimal() else None
        if one:
            children.setdefault(one.parent, []).append(one)
    found = [now]
    for one in found:
        found += children.get(one.pid, [])
    return found


def send(process: Process, number: signal.Signals) -> bool:
    """Send a signal to a process, and to no other that has its number now; false when it is gone.

    PermissionError where this user may not.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        now = look(process.pid)
        if now is None or now.identity != process.identity:
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
            return True
        return False
    finally:
        os.close(descriptor)


def stop(root: Process, within: float) -> None:
    """Hold a process and all below it, again and again until all are held at once; TimeoutError after float seconds."""
    deadline = time.monotonic() + within
    while running := [one for one in tree(root) if one.state not in STOPPED]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[one.pid for one in running]} do not stop")
        for one in running:
            send(one, signal.SIGSTOP)
        time.sleep(_PAUSE)


def go_on(root: Process, spared: Collection[tuple[int, int]] = ()) -> None:
    """Let a process and all below it go on, but those spared; children first, so that none sees the others hang."""
    for one in reversed(tree(root)):
        if one.identity not in spared:
            send(one, signal.SIGCONT)


def end(root: Process, within: float) -> None:
    """Kill a process and all below it; they are held first, so that none can start another one meanwhile.

    TimeoutError after float seconds when one is still there.
    """
    deadline = time.monotonic() + within
    with contextlib.suppress(TimeoutError):
        stop(root, min(0.5, within / 2))
    there = tree(root)
    for one in there:
        send(one, signal.SIGKILL)
    while left := [one.pid for one in there if (now := look(one.pid)) and now.identity == one.identity]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {left} do not end")
        time.sleep(_PAUSE)
