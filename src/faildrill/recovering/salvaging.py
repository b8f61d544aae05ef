"""Timelines that were altered, or can't be written any more: what is left of them, and going on all the same."""

import contextlib
from pathlib import Path

import msgspec

from faildrill.clock import Clock
from faildrill.errors import JournalError, JournalFull
from faildrill.journal import Disk, Journal, read
from faildrill.timeline import Entry, Timeline


def salvage(path: Path) -> list[Entry]:
    """Read every entry that is still whole, whatever happened to the others: to put back by, never to judge by."""
    try:
        found = read(path)
    except OSError:
        return []
    decoder = msgspec.json.Decoder(Entry)
    kept: list[Entry] = []
    for record in (*found.records, *found.beyond):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            kept.append(decoder.decode(record))
    return kept


def is_altered(path: Path) -> bool:
    """Tell whether a timeline is not what was written, so that nobody can tell what else was in it."""
    try:
        return read(path).damaged or len(salvage(path)) < len(read(path).records)
    except OSError:
        return True


def go_on(folder: Path, clock: Clock, disk: Disk | None = None) -> Timeline:
    """Go on with the timeline of a run whose writer is gone, to put it back, whatever became of the file.

    Where it was altered it stays as it is, and what is done from now on is told in a file of its own beside it;
    where nothing can be written at all, it is done without being told.
    """
    try:
        return Timeline.resume(folder, clock, disk)
    except (JournalError, OSError):
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
