"""Marks of runs that have touched an environment and were not seen to put everything back: it is dirty until then.

They are kept in the user's state folder, under each of the facts that the environment proves, so that the same place is
dirty for every file that shares a fact with ours. Kept small: the sentinel imports it.
"""

import glob
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from faildrill.locking.place_key import PlaceKey, folder_of, places
from faildrill.system import atomic_file, who
from faildrill.system.atomic_file import sync

_ENDING: Final = ".touched"
"""Of the file of a mark; before it stands the run's id."""


@dataclass(frozen=True)
class Mark(who.Placed):
    """A run that has touched its environment and was not seen to put everything back."""

    run: str
    folder: str
    drill: str
    since: str
    identity: str = ""
    """Of the environment as a whole."""
    here: str = ""
    """Where it ran, as `who.here` tells; empty as versions before wrote it."""


def mark(proven: PlaceKey, one: Mark) -> None:
    """Mark the environment as touched by a run; durable on return. OSError when it can't be written."""
    for key in proven.keys:
        atomic_file.write(folder_of(key) / f"{one.run}{_ENDING}", json.dumps(asdict(one)).encode(), durable=True)


def clear(proven: PlaceKey, run: str) -> None:
    """Take a run's mark off: everything it touched was seen put back. Killed within, the environment stays marked."""
    for key in proven.keys:
        # Synced after each: a power loss between two keys leaves a mark too many, which `recover` takes off, never
        # one too few.
        (folder_of(key) / f"{run}{_ENDING}").unlink(missing_ok=True)
        sync(folder_of(key))


def clear_everywhere(run: str) -> None:
    """Take a run's mark off wherever it is, though nobody knows any more what its place is kept under."""
    for path in sorted(places().glob(f"*/{glob.escape(run)}{_ENDING}")):
        path.unlink(missing_ok=True)
        sync(path.parent)


def marks(proven: PlaceKey) -> list[Mark]:
    """List the runs that left the environment touched, oldest first; a mark that can't be read is one too."""
    return _once(mark for key in proven.keys for mark in _marks_under(key))


def is_marked(proven: PlaceKey, run: str) -> bool:
    """Tell whether a run has left the environment touched. OSError where the marks can't be read."""
    return any(left.run == run for left in marks(proven))


def all_marks() -> dict[str, list[Mark]]:
    """List the marks of every environment of this machine, by identity."""
    by_identity: dict[str, list[Mark]] = {}
    for place in sorted(places().glob("*/")):
        for left in _marks_under(place.name):
            by_identity.setdefault(left.identity or place.name, []).append(left)
    return {identity: _once(some) for identity, some in by_identity.items()}


def _once(some: Iterable[Mark]) -> list[Mark]:
    """Keep one mark of each run, the oldest run first; one that can be read, where there is one."""
    by_run: dict[str, Mark] = {}
    for left in sorted(some, key=lambda mark: (mark.run, mark.identity == "")):
        by_run.setdefault(left.run, left)
    return list(by_run.values())


def _marks_under(key: str) -> list[Mark]:
    return [_read(path) for path in sorted(folder_of(key).glob(f"*{_ENDING}"))]


def _read(path: Path) -> Mark:
    try:
        return Mark(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return Mark(path.stem, "(its mark can't be read)", "?", "?")
