"""What became of the occurrences of a game day: kept in the state folder, under its name, as it happens.

A lock, held as long as a tick is at it, dies with its process: what was begun by then and has no end was left by one
that died. A journal of checksummed lines tells what was decided of each occurrence, before it is acted on.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

import msgspec

from faildrill.errors import JournalDamaged, Objection
from faildrill.record.chain import UNREADABLE
from faildrill.record.journal import Disk, Journal, read
from faildrill.system import state_folder, who
from faildrill.system.atomic_file import sync

_FOLDER: Final = "schedules"
_FILE: Final = "occurrences.jsonl"
_LOCK: Final = "lock"
_DISK: Final = Disk()
Reason = Literal["late", "blocked", "overtaken", "changed", "invalid"]
"""Why one was missed: nothing ticked in time, a guard objected, a later one was due as well, the file said something
else before, or its drills can't be loaded."""


class Event(msgspec.Struct, frozen=True, tag_field="event", kw_only=True, omit_defaults=True):
    """What happened to a game day, or was decided."""


class Known(Event, frozen=True, tag="known", kw_only=True):
    """From now on it is due at these times: they were read for the first time, or are others than before."""

    times: list[dict[str, Any]]
    owed: list[str] = []
    """What was due by the times before, and not decided yet."""


class Claimed(Event, frozen=True, tag="claimed", kw_only=True):
    """One occurrence is begun now; on disk before anything is. It is never begun again, whatever becomes of it."""

    occurrence: str
    host: str
    user: str
    pid: int


class Ended(Event, frozen=True, tag="ended", kw_only=True):
    """The occurrence that was claimed last has come to its end."""

    occurrence: str
    code: int
    """The exit code of a run, or a suite, that ends so."""
    because: str = ""
    folder: str = ""


class Died(Event, frozen=True, tag="died", kw_only=True):
    """The process that had claimed an occurrence was gone before it wrote down an end."""

    occurrence: str
    because: str


class Missed(Event, frozen=True, tag="missed", kw_only=True):
    """An occurrence was not begun, and never will be; or several, one after the other."""

    occurrence: str
    """The first of them."""
    because: str
    sort: Reason
    last: str = ""
    count: int = 1

    @property
    def until(self) -> str:
        """The last of them."""
        return self.last or self.occurrence


AnyEvent = Known | Claimed | Ended | Died | Missed


class Line(msgspec.Struct, frozen=True):
    """One line of the journal."""

    at: str
    """The wall clock of whoever wrote it, as `key` writes a moment, with its seconds."""
    by: str
    """The machine that it was written on."""
    what: AnyEvent


_DECODER: Final = msgspec.json.Decoder(Line)


def key(at: datetime) -> str:
    """Name an occurrence by its moment: the same on every host, whatever its time zone is."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def moment(named: str) -> datetime:
    """Return the moment of a name."""
    return datetime.strptime(named, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def folder_of(name: str) -> Path:
    """Return where the occurrences of a game day are recorded."""
    return state_folder.folder() / _FOLDER / name


def recorded() -> list[str]:
    """Return the names of the game days that a tick ever looked at, on any host that shares the state folder."""
    return sorted(path.parent.name for path in (state_folder.folder() / _FOLDER).glob(f"*/{_LOCK}"))


def lines_of(name: str) -> list[Line]:
    """Return what was recorded of a game day, in order; JournalDamaged where it can't be trusted."""
    path = folder_of(name) / _FILE
    content = read(path)
    if content.damaged:
        raise JournalDamaged(
            f"{path}: altered after byte {content.whole}: nobody can tell any more what of {name} was run, so nothing "
            "of it is; look at the file, and move it away to begin anew"
        )
    lines: list[Line] = []
    try:
        lines.extend(map(_DECODER.decode, content.records))
    except UNREADABLE as error:
        where = f"{path}:{len(lines) + 1}"
        raise JournalDamaged(f"{where}: not a line that this version knows ({error}): update faildrill") from error
    return lines


def last_looked_at(name: str) -> datetime | None:
    """Return when a tick looked at a game day for the last time; None where none ever did."""
    try:
        return datetime.fromtimestamp((folder_of(name) / _LOCK).stat().st_mtime, UTC)
    except OSError:
        return None


class Record:
    """The record of a game day, while its lock is held."""

    def __init__(self, name: str, lines: list[Line], disk: Disk) -> None:
        self.name = name
        self.lines = lines
        self._disk = disk
        self._journal: Journal | None = None
        """Opened with the first line: most ticks write none."""

    def write(self, event: AnyEvent, now: datetime) -> None:
        """Write down what happened; on return it survives a power loss. JournalFull where it can't be written."""
        line = Line(key(now), who.machine(), event)
        if self._journal is None:
            self._journal = _opened(folder_of(self.name) / _FILE, self._disk)
        self._journal.append(msgspec.json.encode(line), durable=True)
        self.lines.append(line)

    def close(self) -> None:
        """Close the journal."""
        if self._journal is not None:
            self._journal.close()

    @classmethod
    @contextlib.contextmanager
    def held(cls, name: str, now: datetime, disk: Disk = _DISK) -> Iterator[Self]:
        """Give the record with its lock held; Objection, with the name of the holder, where another tick holds it.

        JournalDamaged where what was recorded can't be trusted, OSError where there is no room for it.
        """
        folder = folder_of(name)
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync(folder.parent)
            sync(folder.parent.parent)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(descriptor, name)
            os.utime(descriptor, (now.timestamp(), now.timestamp()))
            record = cls(name, lines_of(name), disk)
            try:
                yield record
            finally:
                record.close()
        finally:
            os.close(descriptor)


def _take(descriptor: int, name: str) -> None:
    try:
        state_folder.lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Objection(f"{name} is being seen to by {_holder(descriptor)}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"user": who.user(), "host": who.machine(), "pid": os.getpid()}).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return f"{holder['user']}@{holder['host']} (pid {holder['pid']})"
    except (ValueError, TypeError, KeyError):
        return "another process, which has just begun"


def _opened(path: Path, disk: Disk) -> Journal:
    try:
        return Journal.create(path, disk)
    except FileExistsError:
        return Journal.resume(path, disk)
