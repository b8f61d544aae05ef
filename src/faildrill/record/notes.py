"""What people add to a run: lines, causes, measures and tasks, one record each, appended and never changed.

A correction or a withdrawal is a record of its own that names the one it is about, so that the former words stay. No
judge reads this file. It is written by one process at a time, each record whole and on disk, or not at all.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from faildrill.errors import JournalDamaged, JournalError, reason
from faildrill.record.journal import Disk, Journal, read
from faildrill.system import bounded_read
from faildrill.system.atomic_file import PRIVATE, sync
from faildrill.system.file_lock import lock

FILE: Final = "notes.jsonl"
Sort = Literal["line", "cause", "impact", "resolution", "measure", "task"]
_PATIENCE: Final = 10.0
"""Seconds to wait for somebody who writes a note at the same time: that takes milliseconds."""
_LARGEST: Final = 1 << 24
"""Bytes of all notes of a run."""


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record: a note, or what became of one."""

    by: str
    """Who says it, as they call themselves."""
    account: str
    """Who was logged in, and where: `ada on host`."""
    written: str
    """When it was written, UTC."""
    sort: Sort = "line"
    text: str
    """Of a withdrawal, why."""
    at: str = ""
    """When it truly happened, UTC; empty where it has no time."""
    given: str = ""
    """That time as it was given, where it was given in another zone."""
    owner: str = ""
    due: str = ""
    """The date by which it is to be done."""
    corrects: int = 0
    """The number of the note that this is the new text of."""
    withdraws: int = 0
    """The number of the note that does not count any more."""


class Standing(NamedTuple):
    """A note as it stands now."""

    number: int
    """From 1, in the order in which notes were written; a correction or a withdrawal takes a number, too."""
    note: Note
    """In its last words."""
    former: tuple[Note, ...] = ()
    """What it said before, the oldest first."""
    withdrawn: Note | None = None


class Notes(NamedTuple):
    """What a file of notes holds."""

    records: tuple[Note, ...]
    damaged: str = ""
    """What can't be read of it, and why; empty where all can."""


def load(folder: Path) -> Notes:
    """Read the notes of a run up to the first that can't be read; a torn last one was never acknowledged."""
    try:
        bounded_read.check(folder / FILE, _LARGEST)
        content = read(folder / FILE)
    except FileNotFoundError:
        return Notes(())
    except OSError as error:
        return Notes((), f"{FILE} can't be read: {reason(error)}")
    records: list[Note] = []
    for record in content.records:
        try:
            records.append(_DECODER.decode(record))
        except msgspec.MsgspecError as error:
            return Notes(tuple(records), f"{FILE}:{len(records) + 1}: none that this version knows: {error}")
    return Notes(tuple(records), f"{FILE} was altered after note {len(records)}" if content.damaged else "")


_DECODER: Final = msgspec.json.Decoder(Note)


def standing(records: Sequence[Note]) -> list[Standing]:
    """Return each note as it stands after all corrections and withdrawals, in the order of their numbers.

    What corrects or withdraws a note that is not there stands by itself, so that nothing written is hidden.
    """
    by_number: dict[int, Standing] = {}
    for number, note in enumerate(records, 1):
        # By number of the note that it began with: a correction of a correction is about the first one, too.
        about = note.corrects or note.withdraws
        former = by_number.get(about)
        if former is None:
            by_number[number] = Standing(number, note)
        elif note.withdraws:
            by_number[about] = former._replace(withdrawn=note)
        else:
            by_number[about] = former._replace(note=note, former=(*former.former, former.note))
    return list(by_number.values())


def append(folder: Path, note: Note, disk: Disk | None = None) -> int:
    """Write a note behind those that are there, and return its number; on return it survives a power loss.

    Raises JournalError where it can't be written, or another process writes for too long: the file is as it was then.
    JournalDamaged where the file was altered.
    """
    path = folder / FILE
    with _alone(path):
        known = load(folder)
        if known.damaged:
            raise JournalDamaged(f"{folder}: {known.damaged}; keep the file and look at it by hand")
        journal = Journal.resume(path, disk or Disk())
        try:
            journal.append(msgspec.json.encode(note), durable=True)
        finally:
            journal.close()
    return len(known.records) + 1


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file of notes, made where there is none, for one writer at a time."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, PRIVATE)
    except OSError as error:
        raise JournalError(f"{path}: can't be written: {reason(error)}") from error
    try:
        _lock(descriptor, path)
        sync(path.parent)
        yield
    except OSError as error:
        raise JournalError(f"{path}: can't be written: {reason(error)}") from error
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        lock(descriptor, _PATIENCE)
    except BlockingIOError:
        raise JournalError(f"{path}: somebody else has been writing a note for {_PATIENCE:g} s") from None
