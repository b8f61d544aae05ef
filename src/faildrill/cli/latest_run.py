"""Which of the runs in a folder ended last, whatever the clock on the wall has done since."""

from pathlib import Path

from faildrill.clock import boot_id
from faildrill.record import timeline
from faildrill.restoring.salvage import salvage

When = tuple[bool, int, str]
"""Orders ends: those of this boot last, by the clock that nobody sets; those before by the names of their folders."""


def latest(runs: list[Path]) -> Path | None:
    """Return the run, or the set of runs, that ended last; None where there is none.

    The name of a folder begins with the time on the wall, which may have been set back; within one boot the monotonic
    clock of the last event decides.
    """
    boot = boot_id()
    return max(runs, key=lambda one: _end(one, boot), default=None)


def _end(run: Path, boot: str) -> When:
    """Return when a run ended: its last event, of a set that of the last of its runs."""
    inside = [one for one in run.iterdir() if (one / timeline.FILE).is_file()] if run.is_dir() else []
    ends = [_last_event(one, boot) for one in inside or [run]]
    is_now, at = max(ends)
    return is_now, at, run.name


def _last_event(run: Path, boot: str) -> tuple[bool, int]:
    try:
        known = salvage(run / timeline.FILE)
    except OSError:
        known = []
    first = timeline.first_of(known)
    return (True, known[-1].at) if first is not None and first.boot == boot else (False, 0)
