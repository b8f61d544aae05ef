"""Ask a run that is under way to end: through its sentinel, whose pid is proven before it is signalled."""

import contextlib
import json
import os
import select
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from faildrill.locking.machine_lock import Holder, holders, is_held
from faildrill.system import atomic_file, processes

FILE: Final = "asked.json"
"""In the run's folder: who asked it to end, and why."""
SENTINEL: Final = "faildrill.running.sentinel"
_LARGEST: Final = 4096


@dataclass(frozen=True)
class Asked:
    """Who asks a run to end, and why."""

    by: str
    why: str

    def __str__(self) -> str:
        return f"{self.by} asked, by `faildrill abort`: {self.why}" if self.why else f"{self.by}, by `faildrill abort`"


class Sentinel:
    """The process that watches over a run, held by a descriptor, so that its pid can't become somebody else's."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def end(self) -> None:
        """Ask it to stop the run and put everything back. Asked twice, a run waits for nothing but the undos."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGUSR1)

    def gone(self, within: float) -> bool:
        """Wait until it has ended, and tell whether it has."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(within * 1000))

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)


def under_way() -> dict[str, Holder]:
    """Return, by identity, the runs of this machine whose sentinels live."""
    by_identity: dict[str, Holder] = {}
    for identity, holder in holders().items():
        sentinel = None if holder.elsewhere else sentinel_of(holder)
        if sentinel is not None:
            sentinel.close()
            by_identity[identity] = holder
    return by_identity


def under_way_elsewhere() -> dict[str, Holder]:
    """Return, by identity, the runs that another machine, or another container, with the same state has under way.

    Their processes can't be seen from here; that their lock is held can.
    """
    return {key: holder for key, holder in holders().items() if holder.elsewhere and is_held(key)}


def sentinel_of(holder: Holder) -> Sentinel | None:
    """Return the sentinel of a holder's run, or None when that process is gone or is somebody else by now."""
    try:
        descriptor = os.pidfd_open(holder.pid)
    except OSError:
        return None
    if _is_sentinel(holder.pid, holder.run):
        return Sentinel(descriptor)
    os.close(descriptor)
    return None


def leave_word(folder: Path, asked: Asked) -> None:
    """Leave word in the run's folder of who asks, so that its timeline can tell. OSError when it can't be left."""
    atomic_file.write(folder / FILE, json.dumps(asdict(asked)).encode())


def word_left(folder: Path) -> Asked | None:
    """Return who asked the run to end, None when nobody left word."""
    try:
        fields = json.loads((folder / FILE).read_bytes()[:_LARGEST])
        return Asked(str(fields["by"])[:64], " ".join(str(fields["why"]).split())[:400])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _is_sentinel(pid: int, run: str) -> bool:
    try:
        words = processes.command_line(pid)
    except OSError:
        return False
    return SENTINEL.encode() in words and Path(os.fsdecode(words[-1])).name == run
