"""Fence: end everything that a dead run could still act through, before anything is put back.

What belongs to a run: processes that carry its id in their environment, also those that left its process group,
and what descends from its sentinel. Found through /proc; imports nothing heavy, as the sentinel keeps it loaded.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

MARK = "FAILDRILL_RUN"
"""The variable by which a process belongs to a run."""
_PATIENCE = 5.0
"""Seconds until a process that does not go away is given up: it hangs in the kernel."""


def fence(run: str, root: int | None, spare: Collection[int]) -> list[str]:
    """End every process of the run but the spared ones, and return what they were.

    `root`: the sentinel, whose descendants are the run's too. Returns when none is left, or after five seconds.
    """
    ended: dict[int, str] = {}
    deadline = time.monotonic() + _PATIENCE
    while found := _of(run, root) - set(spare) - {os.getpid()}:
        for pid in found:
            ended.setdefault(pid, f"{pid} {_name(pid)}")
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return list(ended.values())


def carries(pid: int, run: str) -> bool:
    """Tell whether a process carries a run's id."""
    try:
        return f"{MARK}={run}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _of(run: str, root: int | None) -> set[int]:
    everyone = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    marked = {pid for pid in everyone if carries(pid, run)}
    return {pid for pid in marked | (_below(root) if root else set()) if _alive(pid)}


def _below(root: int) -> set[int]:
    found: set[int] = set()
    todo = [root]
    while todo:
        children = set(_children(todo.pop())) - found
        found |= children
        todo.extend(children)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found.extend(int(one) for one in path.read_text(encoding="ascii").split())
    return found


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "?"
