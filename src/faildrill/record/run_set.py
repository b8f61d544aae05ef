"""A set of runs, written down as it goes: which drills, in which order, and what became of each.

A set's folder holds `set.jsonl` (checksummed JSON lines, as a timeline is) and one folder a run. The order of a
blinded set is drawn before it starts. At the start a seal is written, the SHA-256 of the seed that the order follows
from; the seed is written at the end. Whoever reads the set later can tell that the order was drawn then, and kept.
"""

import hashlib
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from faildrill.clock import Clock
from faildrill.errors import JournalDamaged
from faildrill.record.journal import Journal, read

FILE: Final = "set.jsonl"
FORMAT: Final = 2
"""Version of the file's format; a reader refuses a newer one. The second knows suites."""

Sort = Literal["twins", "ways", "times", "suite"]
"""What the runs of a set have to do with each other: two causes of one symptom, several answers to one fault, one
drill run again and again, or many drills of which each is to pass."""


class Event(msgspec.Struct, frozen=True, tag_field="event", kw_only=True, omit_defaults=True):
    """One thing that happened to a set."""


class SetStarted(Event, frozen=True, tag="set.started", kw_only=True):
    """The first event: what is to be run."""

    set: str
    sort: Sort
    members: list[str]
    """The names of the drills, or of the ways; not the order in which they are run where that is blinded."""
    times: int
    """How often each of them is run."""
    seal: str = ""
    """The SHA-256 of the seed; empty where the order is no secret."""
    seed: str = ""
    """What the order of a shuffled suite was drawn from, told at once: it is no secret."""
    drill: str
    """The drill that the set was asked for; what a suite is called."""
    environment: str
    version: str
    host: str
    user: str
    format: int = FORMAT


class RunBegun(Event, frozen=True, tag="set.run-begun", kw_only=True):
    """A run of the set was laid out; its own timeline says what it is."""

    folder: str
    """The name of its folder within the set's."""
    member: str = ""
    """Which drill of a suite it is of."""
    attempt: int = 1
    """From 1: a drill of a suite is tried again where faildrill itself broke."""


class RunOver(Event, frozen=True, tag="set.run-over", kw_only=True):
    """A run of a suite came to its end; its own timeline says to which."""

    folder: str
    code: int
    """The exit code of a single run that ends so."""


class NotRun(Event, frozen=True, tag="set.not-run", kw_only=True):
    """A drill of a suite is not begun."""

    member: str
    because: str
    interrupted: bool = False
    """True where somebody or something ended the suite."""


class SetEnded(Event, frozen=True, tag="set.ended", kw_only=True):
    """The last event of a whole set."""

    seed: str = ""
    because: str = ""
    """Why the rest was not started; empty where every run was."""


AnyEvent = SetStarted | RunBegun | RunOver | NotRun | SetEnded


class Entry(msgspec.Struct, frozen=True):
    """One line of a set's file: when, by the wall clock in UTC, and what happened."""

    wall: str
    what: AnyEvent


class SetFile:
    """Writes the file of a set; every event survives a power loss before the next thing is done."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    @classmethod
    def create(cls, folder: Path, clock: Clock) -> Self:
        """Start the file of a set in its folder; FileExistsError when there is one."""
        return cls(Journal.create(folder / FILE), clock)

    def record(self, event: AnyEvent) -> Entry:
        """Append an event and return its entry; JournalFull when it could not be written."""
        entry = Entry(self._clock.wall(), event)
        self._journal.append(msgspec.json.encode(entry), durable=True)
        return entry

    def close(self) -> None:
        """Close the file."""
        self._journal.close()


def entries(folder: Path) -> list[Entry]:
    """Read what was written of a set; JournalDamaged when it was altered, or this version does not know it."""
    path = folder / FILE
    content = read(path)
    if content.damaged:
        raise JournalDamaged(f"{path}: altered after byte {content.whole}; a verdict on it would be a guess")
    decoder = msgspec.json.Decoder(Entry)
    try:
        return [decoder.decode(record) for record in content.records]
    except msgspec.MsgspecError as error:
        raise JournalDamaged(f"{path}: not an event this version knows: {error}") from error


def seal(seed: str) -> str:
    """Return what is told of a seed before it is revealed."""
    return hashlib.sha256(seed.encode()).hexdigest()


def order(members: list[str], times: int, seed: str = "") -> list[str]:
    """Return the members in the order in which they are run, each so many times; drawn by a seed where there is one.

    The same on every machine and with every version of Python: each place is drawn by a SHA-256 of its own.
    """
    all_of_them = members * times
    if not seed:
        return all_of_them
    drawn = sorted(range(len(all_of_them)), key=lambda place: hashlib.sha256(f"{seed}:{place}".encode()).digest())
    return [all_of_them[place] for place in drawn]
