"""End what a play has left running on this machine: what carries its mark, also what has left its process group.

Workers of ansible-core leave the process group of the play, and do their task later, so neither a signal to the
group nor ansible-runner's own cancel stops them.
"""

import contextlib
import os
import signal
import time
from typing import Final

from faildrill.system import processes

MARK: Final = "FAILDRILL_PLAY"
"""The variable that every process of a play carries on this machine: the step's key, a dot, the play."""
HOST_MARK: Final = "FAILDRILL_STEP"
"""The variable, with the same value, that what a play starts on its hosts carries."""
PATIENCE: Final = 2.0
"""Seconds until what does not end is given up."""


def sweep(mark: str, folder: str) -> list[int]:
    """Kill every process of a play, its forks included, and return those that would not end.

    A play's processes carry a mark that begins with `mark`; SSH's masters write over their environment, and are told
    by their command line, which names the folder of the play: its path begins with `folder`.
    """
    deadline = time.monotonic() + PATIENCE
    while there := _of(f"{MARK}={mark}".encode(), folder.encode()):
        for pid in there:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return there
        time.sleep(0.002)
    return []


def _of(mark: bytes, folder: bytes) -> list[int]:
    return [pid for pid in processes.pids() if pid != os.getpid() and _belongs(pid, mark, folder)]


def _belongs(pid: int, mark: bytes, folder: bytes) -> bool:
    try:
        is_marked = any(variable.startswith(mark) for variable in processes.environment(pid))
        if not is_marked and not any(folder in word for word in processes.command_line(pid)):
            return False
        return processes.read(pid).state not in processes.GONE
    except OSError:
        return False
