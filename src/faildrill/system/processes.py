"""Processes as /proc shows them: the one place that reads it.

Standard library only, and no pathlib: the init of every node of a lab starts with it, and so does whoever holds a time
limit. What can't be read raises OSError, as the kernel says it: only who asks knows whether that means "gone".
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Final, NamedTuple

STOPPED: Final = "Tt"
"""States of processes that are held: by a signal, by a tracer."""
GONE: Final = "ZX"
"""States of processes that do nothing any more: zombie, dead."""
TICKS: Final = os.sysconf("SC_CLK_TCK")
"""Of what the kernel counts the start of a process in, so many make a second."""
_NOT_THERE: Final = (FileNotFoundError, ProcessLookupError, PermissionError)
"""How the kernel says that there is no such process, or that it is hidden from this user (`hidepid`)."""


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

    @property
    def started(self) -> float:
        """When it was started, in seconds since boot."""
        return self.start / TICKS


def pids() -> list[int]:
    """List the numbers of all processes that this user may see."""
    # What is no number in /proc is no process: `self`, `net`, `meminfo`.
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def read(pid: int) -> Process:
    """Return a process as it is now, or what remains of it; OSError when there is none, or it can't be read."""
    # The name stands in brackets and may hold blanks and brackets itself: what counts begins behind the last one.
    fields = _content(pid, "stat").rpartition(b")")[2].split()
    # proc_pid_stat(5), counted behind the name: state is the 3rd field there, ppid the 4th, starttime the 22nd.
    return Process(pid, int(fields[19]), int(fields[1]), fields[0].decode())


def look(pid: int) -> Process | None:
    """Return a process as it is now; None when there is none, or only its remains.

    OSError when it can't be looked at for a reason of ours, e.g. for want of descriptors: that is not "gone".
    """
    try:
        process = read(pid)
    except _NOT_THERE:
        return None
    return None if process.state in GONE else process


def state(pid: int) -> str:
    """Return the letter that /proc has for what a process does; the empty string for one that can't be looked at."""
    try:
        return read(pid).state
    except OSError:
        return ""


def name(pid: int) -> str:
    """Return what a process calls itself; the empty string for one that can't be looked at."""
    try:
        return _content(pid, "comm").decode(errors="replace").strip()
    except OSError:
        return ""


def command_line(pid: int) -> list[bytes]:
    """Return the words that a process was started with, or has put in their place; none for a kernel's or a zombie."""
    # proc_pid_cmdline(5): parted and ended by zero bytes; a program may have written over it, e.g. PostgreSQL and
    # NGINX do.
    words = _content(pid, "cmdline").rstrip(b"\0")
    return words.split(b"\0") if words else []


def title(pid: int) -> str:
    """Return the command line of a process, words parted by blanks; the empty string when it has none to be read.

    OSError as `look`.
    """
    try:
        return b" ".join(command_line(pid)).decode(errors="replace").strip()
    except _NOT_THERE:
        return ""


def environment(pid: int) -> list[bytes]:
    """Return the variables that a process was started with, each as `NAME=value`."""
    return _content(pid, "environ").split(b"\0")


def children(pid: int) -> list[int]:
    """List the children of a process, whichever of its threads started them."""
    pids: list[int] = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            pids += map(int, _content(pid, f"task/{thread}/children").split())
        except _NOT_THERE:
            # A thread may end between the two looks. The first one is there as long as the process is: without its list
            # the kernel has none at all.
            if int(thread) == pid:
                raise
    return pids


def program(pid: int) -> str:
    """Return the path of the program that a process runs, as it was called when it was started."""
    return os.readlink(link_to_program(pid))


def link_to_program(pid: int) -> str:
    """Return a path by which the very program of a process can be run, also when another file has taken its place."""
    return f"/proc/{pid}/exe"


def working_folder(pid: int) -> str:
    """Return the folder that a process works in."""
    return os.readlink(f"/proc/{pid}/cwd")


def descriptors(pid: int) -> Iterator[str]:
    """Tell what each descriptor of a process leads to; those that close meanwhile are left out."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(f"/proc/{pid}/fd/{number}")
        except OSError:
            continue


def tree(root: Process) -> list[Process]:
    """Return a process, if it still is the one, and all that descend from it; parents before children."""
    now = look(root.pid)
    return [now, *descendants(now.pid)] if now is not None and now.identity == root.identity else []


def descendants(root: int) -> list[Process]:
    """Return the living processes below `root`, parents before their children, `root` itself left out."""
    children_of: dict[int, list[Process]] = {}
    for process in filter(None, map(look, pids())):
        children_of.setdefault(process.parent, []).append(process)
    below = list(children_of.get(root, ()))
    # Parents before children: who ends them in this order leaves no parent to start a child anew.
    for pid in below:  # which grows meanwhile
        below += children_of.get(pid.pid, ())
    return below


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
        # Looked at after it was opened: from here on the descriptor means this very process, whatever its number
        # becomes.
        if now is None or now.identity != process.identity:
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
            return True
        return False
    finally:
        os.close(descriptor)


def _content(pid: int, file: str) -> bytes:
    with open(f"/proc/{pid}/{file}", "rb") as content:
        return content.read()
