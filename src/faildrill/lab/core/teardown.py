"""Take a lab down, whatever state it is in."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from faildrill.errors import FaildrillError
from faildrill.lab.core import control, folders, lock, process_tree, remains
from faildrill.lab.core.folders import Place

WITHIN = 30.0
"""Seconds that a supervisor may take to take its lab down before it is killed."""


def down(name: str = "lab", *, root: Path | None = None, keep_logs: bool = False) -> bool:
    """End every process of the lab and remove its folders; false when there was no such lab.

    Works whatever was killed before: supervisor, nodes, the one who started it, or an earlier `down`.
    With `keep_logs` the folder of its logs stays.
    """
    place = folders.place(name, root)
    if not (place.folder.exists() or place.lock.exists() or remains.find(place)):
        return False
    _ask_to_end(place, keep_logs=keep_logs)
    _kill(place)
    if not lock.acquire(place.lock):
        raise FaildrillError(f"the lab {name!r} is being started again by process {lock.holder(place.lock)}")
    try:
        remains.remove(place, keep_logs=keep_logs)
        remains.forget(place)
    finally:
        lock.release(place.lock)
    return True


def _ask_to_end(place: Place, *, keep_logs: bool) -> None:
    """Have the supervisor end its lab, and wait until it has."""
    with suppress(FaildrillError, TimeoutError):
        supervisor = control.ask(place.control, {"op": "down", "keep_logs": keep_logs}, 5.0)["supervisor"]
        deadline = time.monotonic() + WITHIN
        while process_tree.read(supervisor) and time.monotonic() < deadline:
            time.sleep(0.02)


def _kill(place: Place) -> None:
    """Kill a supervisor that did not end: hung, or held by a signal. The lock proves which process it is."""
    holder = lock.holder(place.lock)
    if holder is None:
        return
    deadline = time.monotonic() + process_tree.TIME_TO_END
    with suppress(ProcessLookupError):
        os.kill(holder, signal.SIGKILL)
    while lock.holder(place.lock) == holder and time.monotonic() < deadline:
        time.sleep(0.01)
