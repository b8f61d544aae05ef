"""Fence: end everything that a run could still act through, before anything is put back.

What belongs to a run: processes that carry its id in their environment, also those that left its process group, and,
until the putting back begins, what descends from its sentinel. From then on descent proves nothing: what an undo has
started again belongs to the target. A run within the run (a step that calls faildrill) is a run of its own: its
sentinel sees that whoever started it is gone, and puts it back. Found through /proc; imports nothing heavy, as the
sentinel keeps it loaded.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from faildrill.record.samples import LOAD
from faildrill.record.timeline import Entry, Fenced, LockKept, PhaseStarted, ProberStarted
from faildrill.system import processes

MARK: Final = "FAILDRILL_RUN"
"""The variable by which a process belongs to a run."""
WATCHES: Final = "FAILDRILL_SENTINEL"
"""The variable that names the run a process watches over: a sentinel, and all that descends from it."""
BEAT: Final = "FAILDRILL_BEAT"
"""The variable that names the descriptor on which a process that puts back gives its signs of life."""
PATIENCE: Final = 5.0
"""Seconds until a process that does not go away is given up: it hangs in the kernel, or is not ours to end."""


class Swept(NamedTuple):
    """What a fence found: the processes that it ended, and those that it could not end."""

    processes: list[str]
    left: list[str]

    @property
    def event(self) -> Fenced:
        """Tell the timeline of it."""
        return Fenced(processes=self.processes, left=self.left)


def fence(run: str, root: int | None, spare: Collection[int] = (), patience: float = PATIENCE) -> Swept:
    """End every process of the run but this one and the spared ones, and return what they were.

    `root`: a process whose descendants are the run's too. Returns when none is left, or after `patience` seconds.
    """
    names: dict[int, str] = {}
    deadline = time.monotonic() + patience
    # Until a look finds none: a process may start another one between being listed and being ended.
    while there := _of(run, root) - set(spare) - {os.getpid()}:
        for pid in there:
            names.setdefault(pid, f"{pid} {processes.name(pid) or '?'}")
            _kill(pid, run, root)
        if time.monotonic() > deadline:
            return Swept([name for pid, name in names.items() if pid not in there], [names[pid] for pid in there])
        time.sleep(0.005)
    return Swept(list(names.values()), [])


def probers(entries: Iterable[Entry], run: str, *, load: bool = False) -> list[int]:
    """List the probers of a run that still look: they are spared, so that the end of the outage is on record.

    With `load`, that which sends the load too; a run whose runner is gone sends none any more.
    """
    started = [entry.what for entry in entries if isinstance(entry.what, ProberStarted)]
    kept = [prober for prober in started if load or prober.samples.partition("-")[0] != LOAD]
    return [prober.pid for prober in kept if carries(prober.pid, run)]


def keepers(entries: Iterable[Entry], run: str) -> list[int]:
    """List the processes of a run that hold its lock between hosts: spared, they let go when all is put back."""
    pids = [entry.what.pid for entry in entries if isinstance(entry.what, LockKept)]
    return [pid for pid in pids if carries(pid, run)]


def is_putting_back(entries: Iterable[Entry]) -> bool:
    """Tell whether the putting back has begun, so that what descends from the run may be what an undo started."""
    return any(isinstance(entry.what, PhaseStarted) and entry.what.phase == "undoing" for entry in entries)


def carries(pid: int, run: str, variable: str = MARK) -> bool:
    """Tell whether a process carries a run's id."""
    return f"{variable}={run}".encode() in _environment(pid)


def is_stopped(pid: int) -> bool:
    """Tell whether a process is stopped by a signal."""
    return processes.state(pid) == "T"


def _environment(pid: int) -> list[bytes]:
    try:
        return processes.environment(pid)
    except OSError:
        return []


def _kill(pid: int, run: str, root: int | None) -> None:
    """Kill a process through a descriptor of it, so that its number can't have become somebody else's meanwhile."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        # Opened before it is asked again whether it is the run's: from here on the descriptor means this very
        # process.
        descriptor = os.pidfd_open(pid)
        try:
            if pid in _of(run, root, [pid]):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)


def _of(run: str, root: int | None, among: list[int] | None = None) -> set[int]:
    everyone = processes.pids() if among is None else among
    pids = {pid for pid in everyone if carries(pid, run)} | (_below(root, run) if root else set())
    # A zombie has ended, and only its parent can take it away; an empty state is one that is gone meanwhile.
    return {pid for pid in pids if processes.state(pid) not in ("Z", "X", "")}


def _below(root: int, run: str) -> set[int]:
    pids: set[int] = set()
    todo = [root]
    while todo:
        children = {pid for pid in _children(todo.pop()) if not _is_of_another(pid, run)} - pids
        pids |= children
        todo.extend(children)
    return pids


def _is_of_another(pid: int, run: str) -> bool:
    own = f"{WATCHES}={run}".encode()
    return any(variable.startswith(f"{WATCHES}=".encode()) and variable != own for variable in _environment(pid))


def _children(pid: int) -> list[int]:
    try:
        return processes.children(pid)
    except OSError:
        return []
