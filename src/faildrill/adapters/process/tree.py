"""Signals to a process and all below it, each known by when it was started: a number alone may be another's by now.

Standard library only: the process that holds a time limit starts with it.
"""

import contextlib
import signal
import time
from collections.abc import Collection
from typing import Final

from faildrill.system.processes import STOPPED, Process, look, send, tree

_PAUSE: Final = 0.002
"""Seconds between two looks at processes that are being changed."""


def stop(root: Process, within: float) -> None:
    """Hold a process and all below it, again and again until all are held at once; TimeoutError after float seconds."""
    deadline = time.monotonic() + within
    # Until a look finds none running: what was not stopped yet may have started another one meanwhile.
    while running := [process for process in tree(root) if process.state not in STOPPED]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {[process.pid for process in running]} do not stop")
        for process in running:
            send(process, signal.SIGSTOP)
        time.sleep(_PAUSE)


def go_on(root: Process, spared: Collection[tuple[int, int]] = ()) -> None:
    """Let a process and all below it go on, but those spared; children first, so that none sees the others hang."""
    for process in reversed(tree(root)):
        if process.identity not in spared:
            send(process, signal.SIGCONT)


def end(root: Process, within: float) -> None:
    """Kill a process and all below it; they are held first, so that none can start another one meanwhile.

    TimeoutError after float seconds when one is still there.
    """
    deadline = time.monotonic() + within
    with contextlib.suppress(TimeoutError):
        stop(root, min(0.5, within / 2))
    there = tree(root)
    for process in there:
        send(process, signal.SIGKILL)
    while left := [former.pid for former in there if (now := look(former.pid)) and now.identity == former.identity]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {left} do not end")
        time.sleep(_PAUSE)
