"""Timelines that were altered, or can't be written any more: what is left of them, and going on all the same."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from faildrill.clock import Clock
from faildrill.errors import JournalError, JournalFull
from faildrill.record.journal import Disk, Journal, read
from faildrill.record.second_copy import folder_of
from faildrill.record.timeline import FILE, Entry, NotSteady, Timeline, UndoNotVerified, UndoVerified

_SOME: Final = 65_536
"""Bytes that a folder must take for a run to be put back in it."""


def salvage(path: Path) -> list[Entry]:
    """Read every entry that is still whole, whatever happened to the others: to put back by, never to judge by."""
    try:
        entries = read(path)
    except OSError:
        return []
    decoder = msgspec.json.Decoder(Entry)
    kept: list[Entry] = []
    for record in (*entries.records, *entries.beyond):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            kept.append(decoder.decode(record))
    return kept


def remembered(folder: Path) -> list[Entry]:
    """Return all that is known of a run: what its folder holds, and what only its second copy does."""
    # Reversed, so that of two entries with one number the first wins: it is the one that others were written after.
    known = {entry.n: entry for entry in reversed(salvage(folder / FILE))}
    second = folder_of(folder.name)
    for entry in salvage(second / FILE) if second is not None and second != folder else ():
        known.setdefault(entry.n, entry)
    return [known[number] for number in sorted(known)]


def unseen(entries: Iterable[Entry]) -> list[str]:
    """Say what is not as it was, by the last look at it."""
    troubles: dict[str, str] = {}
    for entry in entries:
        match entry.what:
            case UndoNotVerified(step=step, because=because):
                troubles[f"step {step}"] = because
            case UndoVerified(step=step):
                troubles.pop(f"step {step}", None)
            case NotSteady(probes=probes):
                troubles |= {f"probe {name}": trouble for name, trouble in probes.items()}
            case _:
                pass
    return [f"{what}: {because}" for what, because in troubles.items()]


def home(folder: Path) -> Path:
    """Return where a run can be put back from: its folder, or where its second copy is.

    A folder that is gone, or takes nothing any more, holds no looks and no result.
    """
    second = folder_of(folder.name)
    if second is None or not (second / FILE).is_file():
        return folder
    return folder if (folder / FILE).is_file() and _takes_files(folder) else second


def _takes_files(folder: Path) -> bool:
    draft = folder / f".check-{os.getpid()}"
    try:
        draft.write_bytes(b"x" * _SOME)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return True


def is_altered(path: Path) -> bool:
    """Tell whether a timeline is not what was written, so that what else was in it is not known."""
    try:
        # Whole lines that are no event this version knows count as altered, too: what they announced is not known.
        return read(path).damaged or len(salvage(path)) < len(read(path).records)
    except OSError:
        return True


def go_on(folder: Path, clock: Clock, disk: Disk | None = None) -> Timeline:
    """Go on with the timeline of a run whose writer is gone, to put it back, whatever became of the file.

    Where it was altered it stays as it is, and what is done from now on is told in a file of its own beside it;
    where it takes nothing any more its second copy does, and where nothing can be written at all, it is done untold.
    """
    with contextlib.suppress(JournalError, OSError):
        return Timeline.resume(folder, clock, disk)
    second = folder_of(folder.name)
    if second is not None and second != folder and not is_altered(folder / FILE):
        with contextlib.suppress(JournalError, OSError):
            return Timeline.resume(second, clock)
    aside = folder / f"put-back-{clock.now_ns()}.jsonl"
    try:
        return Timeline(Journal.create(aside, disk or Disk()), clock)
    except OSError:
        return Timeline(_Unwritten(aside), clock)


class _Unwritten(Journal):
    """A journal of which nothing can be written."""

    def __init__(self, path: Path) -> None:
        super().__init__(-1, path, 0)
        self._where = path

    def append(self, record: bytes, *, durable: bool = False) -> None:
        """Raise JournalFull."""
        del record, durable
        raise JournalFull(f"{self._where}: could not be written at all")
