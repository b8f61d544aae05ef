"""What happened, written down as it happens: the events of a run, one JSON object a line.

The timeline and the samples are the truth of a run; everything else is derived from them and can be rebuilt.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec

from faildrill.clock import Clock
from faildrill.errors import JournalDamaged, JournalError, JournalFull, WrongUsage
from faildrill.record.events import (
    FORMAT,
    AbortAsked,
    AnyEvent,
    Applied,
    ApplyFailed,
    Applying,
    Confirmed,
    EffectGone,
    EffectSeen,
    EffectUntold,
    Event,
    Fenced,
    GuardAnswered,
    Happened,
    Intended,
    Json,
    LeftApplied,
    LockKept,
    NotConfirmed,
    NotHealthy,
    NotSteady,
    Phase,
    PhaseStarted,
    PlaceAsked,
    ProberEnded,
    ProberStarted,
    RunEnded,
    RunnerBroke,
    RunnerDied,
    RunStarted,
    Settled,
    SteadyAgain,
    UndoFailed,
    Undoing,
    Undone,
    UndoNotVerified,
    UndoVerified,
    WaitEnded,
    WaitStarted,
    WarmedUp,
)
from faildrill.record.journal import Disk, Journal, JournalRead, read
from faildrill.record.second_copy import folder_of
from faildrill.system import redaction

__all__ = [
    "DURABLE",
    "FILE",
    "FORMAT",
    "AbortAsked",
    "AnyEvent",
    "Applied",
    "ApplyFailed",
    "Applying",
    "Confirmed",
    "EffectGone",
    "EffectSeen",
    "EffectUntold",
    "Entry",
    "Event",
    "Fenced",
    "GuardAnswered",
    "Happened",
    "Intended",
    "Json",
    "LeftApplied",
    "LockKept",
    "NotConfirmed",
    "NotHealthy",
    "NotSteady",
    "Phase",
    "PhaseStarted",
    "PlaceAsked",
    "ProberEnded",
    "ProberStarted",
    "RunEnded",
    "RunStarted",
    "RunnerBroke",
    "RunnerDied",
    "Settled",
    "SteadyAgain",
    "Timeline",
    "UndoFailed",
    "UndoNotVerified",
    "UndoVerified",
    "Undoing",
    "Undone",
    "WaitEnded",
    "WaitStarted",
    "WarmedUp",
    "entries",
]

FILE: Final = "timeline.jsonl"


class Entry(msgspec.Struct, frozen=True):
    """One line of the timeline: its number, when on both clocks, and what happened."""

    n: int
    at: int
    """Monotonic ns of the boot named in the first event."""
    wall: str
    what: AnyEvent


DURABLE: Final = (RunStarted, Intended, Undoing, UndoVerified, LeftApplied, RunEnded, Settled)
"""Events that are on disk for good before the next thing is done."""


_WORDS: Final = frozenset({"because", "objection", "error", "traceback", "answer", "evidence", "told", "suspect"})
"""Fields that hold what kinds said."""


class _Copy:
    """A journal that may lag behind: what it did not take is written before the next record."""

    def __init__(self, journal: Journal, owed: Iterable[bytes] = ()) -> None:
        self.journal = journal
        self._owed = list(owed)

    def append(self, record: bytes, *, durable: bool) -> None:
        """Write what is owed, then the record; JournalFull when that can't be."""
        while self._owed:
            self.journal.append(self._owed[0])
            del self._owed[0]
        self.journal.append(record, durable=durable)

    def owe(self, record: bytes) -> None:
        """Keep a record that could not be written for later."""
        self._owed.append(record)


class Timeline:
    """Writes events to the run's folder, and to its second copy where there is one; one process at a time does."""

    def __init__(self, journal: Journal, clock: Clock, next_number: int = 0) -> None:
        self._copies = [_Copy(journal)]
        self._clock = clock
        self._next = next_number
        self._encoder = msgspec.json.Encoder()
        self.written: list[Entry] = []
        """What this writer has written: what it must put back does not hang on reading it from a disk again."""

    @classmethod
    def create(cls, folder: Path, clock: Clock, disk: Disk | None = None, second: Path | None = None) -> Self:
        """Start the timeline of a run in its folder, and its second copy in another; FileExistsError where one is."""
        made = cls(Journal.create(folder / FILE, disk or Disk()), clock)
        if second is not None:
            made._copies.append(_Copy(Journal.create(second / FILE)))
        return made

    @classmethod
    def resume(cls, folder: Path, clock: Clock, disk: Disk | None = None) -> Self:
        """Go on with the timeline of a run whose writer is gone; its torn tail is cut off.

        What only one of its two copies holds is written to the other one, too. Raises JournalDamaged when it was
        altered, JournalError when it can't be written.
        """
        path = folder / FILE
        journal = Journal.resume(path, disk or Disk())
        own = read(path).records
        resumed = cls(journal, clock, len(own))
        resumed._go_on_with_second(folder, own)
        return resumed

    def _go_on_with_second(self, folder: Path, own: list[bytes]) -> None:
        """Write to the second copy as well, if it is one: both begin with the same records."""
        where = folder_of(folder.name)
        if where is None or where == folder or not (where / FILE).is_file():
            return
        try:
            journal, other = Journal.resume(where / FILE), read(where / FILE).records
        except (JournalError, OSError):
            return
        # Either copy may have missed the last events (a full disk); what they share tells whether they are of one
        # run.
        common = min(len(own), len(other))
        if own[:common] != other[:common]:
            journal.close()
            return
        self._copies = [_Copy(self._copies[0].journal, other[common:]), _Copy(journal, own[common:])]
        self._next = max(len(own), len(other))

    def record(self, event: AnyEvent) -> Entry:
        """Append an event and return its entry; intents and undos survive a power loss on return.

        Words that are no text and values that are no data are written as they can be; an intent is written exactly and
        to both copies, or not at all. Secrets that this process has resolved are kept out of all words. Raises
        JournalFull when it could not be written: then what it announces must not be done.
        """
        entry, record = self._made(event)
        durable = isinstance(event, DURABLE)
        first, *others = self._copies
        first.append(record, durable=durable)
        for second in others:
            try:
                second.append(record, durable=durable)
            except JournalFull:
                # Both copies or none: an intent in one alone would be undone by who reads that one, and done by
                # nobody.
                if isinstance(event, Intended):
                    # The step is not done without it, so no reader may find it and undo what never was.
                    first.journal.drop_last()
                    raise
                second.owe(record)
        return self._took(entry)

    def _made(self, event: AnyEvent) -> tuple[Entry, bytes]:
        entry = Entry(self._next, self._clock.now_ns(), self._clock.wall(), _without_secrets(event))
        return entry, self._encoded(entry)

    def _took(self, entry: Entry) -> Entry:
        self._next += 1
        self.written.append(entry)
        return entry

    def now(self) -> int:
        """Return the moment, in monotonic ns of the clock that its entries are dated by."""
        return self._clock.now_ns()

    def note(self, event: AnyEvent) -> bool:
        """Append an event if the disk takes it, and tell whether it did: for what must go on without a record."""
        try:
            self.record(event)
        except JournalError:
            return not isinstance(event, Intended) and self._note_aside(event)
        return True

    def _note_aside(self, event: AnyEvent) -> bool:
        """Append an event to the second copy alone, as the first one takes none."""
        first, *others = self._copies
        for second in others:
            with contextlib.suppress(JournalError):
                entry, record = self._made(event)
                second.append(record, durable=isinstance(event, DURABLE))
                first.owe(record)
                self._took(entry)
                return True
        return False

    def _encoded(self, entry: Entry) -> bytes:
        try:
            return self._encoder.encode(entry)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            if isinstance(entry.what, Intended):
                raise JournalFull(f"an intent that is no data can't be written: {error}") from error
        return self._encoder.encode(_mended(msgspec.to_builtins(entry, enc_hook=repr)))

    def close(self) -> None:
        """Close the files."""
        for copy in self._copies:
            copy.journal.close()


def _without_secrets(event: AnyEvent) -> AnyEvent:
    """Return an event whose words and values hold no known secret; names and ids in it are left as they are.

    The first event and intents are data to act on, and hold references only: `do` refuses a state with a secret in it.
    """
    if isinstance(event, RunStarted | Intended):
        return event
    # Only fields of words: a secret can't stand in a name or an id, and those must stay what references lead to.
    changed: dict[str, Json] = {}
    for name in _WORDS & set(event.__struct_fields__):
        value = getattr(event, name)
        cleaned = redaction.clean_all(value)
        if cleaned != value:
            changed[name] = cleaned
    return msgspec.structs.replace(event, **changed) if changed else event


def _mended(value: Json) -> Json:
    """Return plain data with its half characters spelled out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [_mended(inner) for inner in value]
    if isinstance(value, dict):
        return {_mended(str(name)): _mended(inner) for name, inner in value.items()}
    return value


def first_of(known: Sequence[Entry]) -> RunStarted | None:
    """Return the first event of a run, which says all that the run is of; None where these are no entries of a run."""
    first = known[0].what if known else None
    return first if isinstance(first, RunStarted) else None


def start_in(folder: Path, known: Sequence[Entry]) -> RunStarted:
    """Return the first event of the run in a folder; WrongUsage where what was read of it begins with another one."""
    first = first_of(known)
    if first is None:
        raise WrongUsage(f"{folder} holds no run: there is no {FILE} that begins with a start")
    return first


def entries(path: Path) -> list[Entry]:
    """Read the timeline of a run up to its last whole entry; JournalDamaged when one in it was altered."""
    content = read(path)
    if content.damaged:
        raise JournalDamaged(f"{path}: altered after byte {content.whole}; a verdict on it would be a guess")
    return list(_decoded(content, path))


def _decoded(found: JournalRead, path: Path) -> Iterator[Entry]:
    decoder = msgspec.json.Decoder(Entry)
    for number, record in enumerate(found.records):
        try:
            entry = decoder.decode(record)
        except msgspec.MsgspecError as error:
            raise JournalDamaged(f"{path}:{number + 1}: not an event this version knows: {error}") from error
        if entry.n != number:
            raise JournalDamaged(f"{path}:{number + 1}: entry {entry.n} where {number} was due")
        yield entry
