"""The process table as /proc shows it: who descends from whom, and how a whole tree is hung or ended.

Standard library only, and small: the init of every node starts with it.
"""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

GONE = "ZX"
"""States of processes that do nothing any more: zombie, dead."""
STOPPED = "Tt"
"""States of processes that are held: by a signal, by a tracer."""
MARK = "FAILDRILL_LAB"
"""The variable that says to which folder of a lab a process belongs."""
TIME_TO_END = 20.0
"""Seconds that killed processes may take to be gone."""
PAUSE = 0.002
"""Seconds between two looks at a tree that is being changed."""


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    state: str


def read(pid: int) -> Process | None:
    """One process as it is now; None when there is none, or only its remains."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - no pathlib in an init
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in GONE else Process(pid, int(fields[1]), fields[0])


def table() -> list[Process]:
    """Every living process of this machine."""
    seen = (read(int(name)) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - no pathlib in an init
    return [process for process in seen if process]


def descendants(root: int, processes: Iterable[Process] | None = None) -> list[Process]:
    """Return the living processes below `root`, parents before their children, `root` itself left out."""
    children: dict[int, list[Process]] = {}
    for process in table() if processes is None else processes:
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    level = [root]
    while level:
        below = [child for parent in level for child in children.get(parent, [])]
        found += below
        level = [child.pid for child in below]
    return found


def belonging(folder: str) -> list[Process]:
    """Return the living processes that provably belong to the lab's or node's `folder`, this one left out.

    Proof is the mark in the environment they were started with; for PostgreSQL, whose children write over
    theirs, that they work in a data directory there. A shell that merely stands in the folder is no proof.
    """
    return [one for one in table() if one.pid != os.getpid() and _is_proven(folder, one.pid)]


def _is_proven(folder: str, pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - no pathlib in an init
            started_with = os.fsdecode(file.read()).split("\0")
        marks = [text.partition("=")[2] for text in started_with if text.startswith(f"{MARK}=")]
        if os.readlink(f"/proc/{pid}/exe").endswith("/postgres"):  # noqa: PTH115 - no pathlib in an init
            marks.append(os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)"))  # noqa: PTH115 - the same
    except OSError:
        return False
    return any(mark == folder or mark.startswith(folder + "/") for mark in marks)


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def hold(find: Callable[[], Collection[Process]], seconds: float) -> list[int]:
    """Stop every process that `find` finds, again and again until all are held at once; returns their ids.

    Raises TimeoutError when one can't be held in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        running = [process.pid for process in find() if process.state not in STOPPED]
        if not running:
            return [process.pid for process in find()]
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {running} do not stop")
        send(running, signal.SIGSTOP)
        time.sleep(PAUSE)


def end(find: Callable[[], Collection[Process]], seconds: float) -> list[int]:
    """Kill every process that `find` finds until none is left; returns the ids of the killed.

    All are held before the first is killed, so that none can start another or outlive it.
    Raises TimeoutError when one is still there in the end (stuck in the kernel).
    """
    deadline = time.monotonic() + seconds
    killed: set[int] = set()
    while True:
        try:
            pids = hold(find, 0.2)
        except TimeoutError:
            pids = [process.pid for process in find()]
        if not pids:
            return sorted(killed)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {pids} do not end")
        killed.update(pids)
        send(pids, signal.SIGKILL)
        reap()
        time.sleep(PAUSE)


def reap() -> dict[int, int]:
    """Collect the children that have ended: their ids and wait statuses."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not pid:
            return ended
        ended[pid] = status
