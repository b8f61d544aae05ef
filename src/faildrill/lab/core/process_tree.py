"""The processes of a lab: which belong to it, and how a whole tree of them is hung or ended.

Standard library only, and small: the init of every node starts with it.
"""

import os
import signal
import time
from collections.abc import Callable, Collection, Iterable

from faildrill.system.processes import STOPPED, Process, environment, look, program, working_folder
from faildrill.system.processes import pids as everybody

MARK = "FAILDRILL_LAB"
"""The variable that says to which folder of a lab a process belongs."""
TIME_TO_END = 20.0
"""Seconds that killed processes may take to be gone."""
PAUSE = 0.002
"""Seconds between two looks at a tree that is being changed."""


def read(pid: int) -> Process | None:
    """One process as it is now; None when there is none, only its remains, or when it can't be read."""
    try:
        return look(pid)
    except OSError:
        return None


def belonging(folder: str) -> list[Process]:
    """Return the living processes that provably belong to the lab's or node's `folder`, this one left out.

    Proof is the mark in the environment they were started with; for PostgreSQL, whose children write over
    theirs, that they work in a data directory there. A shell that merely stands in the folder is no proof.
    """
    others = (process for process in map(read, everybody()) if process and process.pid != os.getpid())
    return [process for process in others if _is_proven(folder, process.pid)]


def _is_proven(folder: str, pid: int) -> bool:
    try:
        started_with = map(os.fsdecode, environment(pid))
        marks = [text.partition("=")[2] for text in started_with if text.startswith(f"{MARK}=")]
        if program(pid).endswith("/postgres"):
            marks.append(working_folder(pid).removesuffix(" (deleted)"))
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
