"""Which of the runs in a folder ended last, whatever the clock on the wall has done since."""

import itertools
import os
from pathlib import Path
from typing import Final

from faildrill.clock import boot_id
from faildrill.record import chain, run_set, timeline
from faildrill.restoring.salvage import salvage

When = tuple[bool, int, str]
"""Orders ends: those of this boot last, by the clock that nobody sets; those before by the names of their folders."""
_LOOKED_INTO: Final = 64
"""Of very many folders, the last so many by name are looked into, and the last so many that began."""


def folders_in(among: Path) -> list[str]:
    """Return the names of the folders in a folder, in order; none where it can't be read."""
    try:
        with os.scandir(among) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []


def latest(among: Path) -> Path | None:
    """Return the run, or the set of runs, in a folder that ended last; None where there is none.

    The name of a folder begins with the time on the wall, which may have been set back; within one boot the monotonic
    clock of the last event decides. Of very many only the last ones are looked into, by their names and by the chain of
    the history, whose order no clock changes.
    """
    boot = boot_id()
    folders = folders_in(among)
    by_name = (folder for name in reversed(folders) if is_recorded(folder := among / name))
    runs = dict.fromkeys(itertools.islice(by_name, _LOOKED_INTO))
    if len(runs) == _LOOKED_INTO:
        begun = {path.partition("/")[0] for path in chain.begun_last(among)[-_LOOKED_INTO:]}
        runs |= dict.fromkeys(folder for name in begun.intersection(folders) if is_recorded(folder := among / name))
    return max(runs, key=lambda one: _end(one, boot), default=None)


def _end(run: Path, boot: str) -> When:
    """Return when a run ended: its last event, of a set that of the last of its runs."""
    inside = [folder for folder in run.iterdir() if (folder / timeline.FILE).is_file()] if run.is_dir() else []
    ends = [_last_event(folder, boot) for folder in inside or [run]]
    is_now, at = max(ends)
    return is_now, at, run.name


def _last_event(run: Path, boot: str) -> tuple[bool, int]:
    try:
        known = salvage(run / timeline.FILE)
    except OSError:
        known = []
    first = timeline.first_of(known)
    return (True, known[-1].at) if first is not None and first.boot == boot else (False, 0)


def is_recorded(folder: Path) -> bool:
    """Tell whether a folder holds a run, or a set of them."""
    return (folder / timeline.FILE).is_file() or is_set(folder)


def is_set(folder: Path) -> bool:
    """Tell whether a folder holds a set of runs."""
    return (folder / run_set.FILE).is_file()
