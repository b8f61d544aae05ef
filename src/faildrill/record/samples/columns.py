"""Samples as NumPy columns over a memory map: what judging and drawing read, millions at a time.

A record whose check does not hold, whose outcome is none, or that says what has no name is left out and counted.
"""

import mmap
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np

from faildrill.errors import JournalDamaged
from faildrill.record.samples import SEEN_LATE, SIZE, Files, Outcome, Sample, read_names, record_words
from faildrill.system.bounded_read import regular

# Spelled as text, so that importing this module alone loads no NumPy where the command line has put that off.
Integers: TypeAlias = "np.typing.NDArray[np.int64]"
"""Times in ns, and places."""
Numbers: TypeAlias = "np.typing.NDArray[np.uint16]"
"""Numbers of interned names."""
Octets: TypeAlias = "np.typing.NDArray[np.uint8]"
"""Outcomes."""
Words: TypeAlias = "np.typing.NDArray[np.uint64]"
"""Records, four words each."""
Mask: TypeAlias = "np.typing.NDArray[np.bool_]"
Places: TypeAlias = "np.typing.NDArray[np.uint32]"
"""Numbers of records in their file: 32 bits are enough for a run, and half as much memory."""
Column = TypeVar("Column", "np.typing.NDArray[np.int64]", "np.typing.NDArray[np.uint8]", "np.typing.NDArray[np.uint16]")

_WHO, _DETAIL = 13, 14
"""Where they are in a record, in units of their size."""
_OK, _PROVES_NOTHING = int(Outcome.OK), int(Outcome.SKIPPED)
"""A good look; and the first of the outcomes that prove nothing, which are the last."""
_NEVER: Final = (1 << 63) - 1
"""After every moment that a clock of this century counts in ns."""
BLOCK: Final = 1 << 14
"""Samples that are gone through at once: as many as fit a processor's cache."""
_FORGET_EVERY: Final = 1 << 6
"""Blocks after which what was read of a file is given back."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The samples of one probe, in the order in which they were due; times are monotonic ns.

    `who` and `detail` are numbers of `names`, whose number 0 is the empty one. Records stay in their file until a
    column is asked for: go through very many samples in `blocks`, and what was read is given back on the way.
    """

    records: Words
    """Four words each, as they are on disk; those of other probes may be among them."""
    names: tuple[str, ...]
    order: "Places | None" = None
    """Which records are the samples, in their order; None: all of them, as they are."""
    damaged: int = 0
    """Records of its files that are none: which probe they were of can't be told."""
    source: mmap.mmap | None = None
    """The file that the records are in."""
    starts: tuple[int, ...] = ()
    """When the first look of each prober was due, where they come from files."""
    step: int = 0
    """How many ns after the one before each look was due, where that is the same of all; 0: nobody knows."""

    def __len__(self) -> int:
        return len(self.records if self.order is None else self.order)

    @property
    def due(self) -> Integers:
        """When each look was due."""
        return self._picked(self.records.view(np.int64)[:, 0])

    @property
    def sent(self) -> Integers:
        """When its request was sent; 0: never."""
        return self._picked(self.records.view(np.int64)[:, 1])

    @property
    def answered(self) -> Integers:
        """When its answer arrived, was given up or went wrong."""
        return self._picked(self.records.view(np.int64)[:, 2])

    @property
    def outcome(self) -> Octets:
        """How it ended, a number of `Outcome`."""
        return self._picked(self.records.view(np.uint8)[:, record_words.OUTCOME])

    @property
    def who(self) -> Numbers:
        """Who answered."""
        return self._picked(self.records.view(np.uint16)[:, _WHO])

    @property
    def detail(self) -> Numbers:
        """What was seen."""
        return self._picked(self.records.view(np.uint16)[:, _DETAIL])

    @cached_property
    def is_look(self) -> Mask:
        """Where something is proven: `Outcome.is_look` of each."""
        if self.is_good.all():
            return self.is_good
        return self._told(lambda part: part.outcome < _PROVES_NOTHING)

    @cached_property
    def is_good(self) -> Mask:
        """Where a good answer came, however late."""
        held: Mask = self._told(lambda part: part.outcome == _OK)
        return held

    @property
    def is_seen_late(self) -> Mask:
        """Where the prober itself was held up, so that the time of the answer proves no slowness."""
        marked = self.seen_late
        return np.zeros(len(self), np.bool_) if marked is None else marked[self.detail]

    @property
    def seen_late(self) -> "Mask | None":
        """By number of a detail, whether it says so; None where none does."""
        marked = np.array([name.endswith(SEEN_LATE) for name in self.names])
        return marked if marked.any() else None

    def blocks(self, size: int = BLOCK, *, backwards: bool = False) -> Iterator[tuple[int, "Columns"]]:
        """Give the samples piece by piece, each with the number of its first sample."""
        firsts = range(0, len(self), size)
        for first in self._forgetting(reversed(firsts) if backwards else firsts):
            part = self.part(first, first + size)
            yield first, part if part.order is None else self._of(self.records[part.order], None, self.step)

    def some(self, most: int) -> "Columns":
        """Copy some of the samples, about so many, from everywhere alike."""
        step = max(1, len(self) // most)
        copied = [self.records[:0]]
        for first in self._forgetting(range(0, len(self), BLOCK)):
            here = slice(first, first + BLOCK, step)
            copied.append(self.records[here].copy() if self.order is None else self.records[self.order[here]])
        return self._of(np.concatenate(copied), None)

    def _forgetting(self, firsts: Iterable[int]) -> Iterator[int]:
        for number, first in enumerate(firsts, 1):
            yield first
            if number % _FORGET_EVERY == 0:
                self.forget()
        self.forget()

    def forget(self) -> None:
        """Give back the memory of what was read of the file; it can be read again."""
        if self.source is not None:
            # madvise(2): pages of a mapped file are read again when they are needed, so a day of samples takes no
            # memory of a day.
            self.source.madvise(mmap.MADV_DONTNEED)

    def where(self, mask: Mask) -> "Columns":
        """Keep the samples where the mask is true."""
        if mask.all():
            return self
        return self.at(np.flatnonzero(mask))

    def at(self, numbers: Integers) -> "Columns":
        """Keep the samples of these numbers, in this order."""
        return self._of(self.records, numbers.astype(np.uint32) if self.order is None else self.order[numbers])

    def between(self, since: int, until: int) -> "Columns":
        """Keep the samples due from `since` on and before `until`; nothing is copied."""
        first = self.first_due(since)
        return self.part(first, self.first_due(until, first))

    def first_due(self, since: int, first: int = 0) -> int:
        """Return the number of the first sample, from that of `first` on, that was due at that time or later."""
        return bisect_left(range(len(self)), since, first, key=self.due_at)

    def due_at(self, number: int) -> int:
        """Return when one look was due."""
        return int(self.records.view(np.int64)[number if self.order is None else self.order[number], 0])

    def part(self, first: int, end: int) -> "Columns":
        """Keep the samples from the place `first` on and before `end`; nothing is copied."""
        if self.order is None:
            return self._of(self.records[first:end], None, self.step)
        return self._of(self.records, self.order[first:end], self.step)

    def sample(self, probe: str, number: int) -> Sample:
        """Spell out one sample."""
        row = self.part(number, number + 1)
        due, sent, answered = (int(column[0]) for column in (row.due, row.sent, row.answered))
        outcome, who, detail = (int(column[0]) for column in (row.outcome, row.who, row.detail))
        return Sample(probe, due, sent, answered, Outcome(outcome), self.names[who], self.names[detail])

    def _of(self, records: Words, order: "Places | None", step: int = 0) -> "Columns":
        return Columns(records, self.names, order, self.damaged, self.source, self.starts, step)

    def _picked(self, column: Column) -> Column:
        if self.order is None:
            return column
        picked = np.empty(len(self.order), column.dtype)
        for first in self._forgetting(range(0, len(self.order), BLOCK)):
            picked[first : first + BLOCK] = column[self.order[first : first + BLOCK]]
        return picked

    def _told(self, is_it: "Callable[[Columns], Mask]") -> Mask:
        """Tell of all samples what is told of a part; what was read of the file is given back meanwhile."""
        if len(self) <= BLOCK:
            return is_it(self)
        return np.concatenate([is_it(part) for _, part in self.blocks()])


def of(times: Sequence[Integers], numbers: Sequence["Octets | Numbers"], names: tuple[str, ...]) -> Columns:
    """Make columns of what is in memory: `times` are due, sent and answered, `numbers` outcome, who and detail."""
    outcome, who, detail = (column.astype(np.uint64) for column in numbers)
    tail = outcome << np.uint64(48) | detail << np.uint64(32) | who << np.uint64(16)
    return Columns(np.stack([*(time.astype(np.int64).view(np.uint64) for time in times), tail], axis=1), names)


def among(values: Integers, mask: Mask) -> Integers:
    """Keep the values where the mask is true; all of them are not copied."""
    return values if mask.all() else values[mask]


def empty() -> Columns:
    """Give the columns of a probe that never recorded anything."""
    return Columns(np.empty((0, SIZE // 8), np.uint64), ("",))


class Recorded(NamedTuple):
    """What is in the samples files of a run."""

    probes: dict[str, Columns]
    unnamed: dict[str, int]
    """By samples file, how many of its records say what its file of names doesn't hold: none that is as written."""


def load(folder: Path) -> dict[str, Columns]:
    """Read all samples in the folder of a run, by probe, as `recorded` does."""
    return recorded(folder).probes


def recorded(folder: Path, leave_out: Collection[str] = ()) -> Recorded:
    """Read all samples in the folder of a run; what several probers saw of one probe is merged.

    `leave_out`: names of files whose times can't be compared with the others. Raises JournalDamaged when the names
    beside a samples file are not what was written.
    """
    parts: dict[str, list[Columns]] = {}
    unnamed: dict[str, int] = {}
    for path in sorted(folder.glob("*.samples")):
        if path.stem in leave_out:
            continue
        for probe, columns in _parts(Files(folder, path.stem), unnamed):
            parts.setdefault(probe, []).append(columns)
    return Recorded({probe: _merged(parts[probe]) for probe in sorted(parts)}, unnamed)


def _parts(files: Files, unnamed: dict[str, int]) -> Iterator[tuple[str, Columns]]:
    count = files.samples.stat().st_size // SIZE
    if not count:
        return
    try:  # after the records were counted: names are written before what uses them
        names = ("", *read_names(files.names))
    except ValueError as error:
        raise JournalDamaged(f"{files.names}: not the names that were written: {error}") from error
    with regular(files.samples) as file:
        # Whole records only, of the size that was asked: what is appended meanwhile is not looked at half written.
        source = mmap.mmap(file.fileno(), count * SIZE, access=mmap.ACCESS_READ)
    whole = Columns(np.frombuffer(source, "<u8").reshape(-1, SIZE // 8), names, source=source)
    by_probe: dict[int, _Found] = {}
    for first, part in whole.blocks():
        # Nearly all samples of a quiet time differ in their times alone: one of them tells for the whole block.
        alike = part.part(0, 1) if record_words.say_the_same(part.records) else part
        probes, lacking = record_words.probes(alike.records, record_words.holds(part.records), len(names))
        if lacking:
            unnamed[files.name] = unnamed.get(files.name, 0) + lacking
        due, lowest = part.due, int(probes[0])
        if (probes == lowest).all():
            by_probe.setdefault(lowest, _Found()).add(first, due, None)
            continue
        for number in np.flatnonzero(np.bincount(probes)).tolist():
            places = np.flatnonzero(probes == number)
            by_probe.setdefault(number, _Found()).add(first, due, places)
    damaged = len(by_probe.pop(0)) if 0 in by_probe else 0
    for number in sorted(by_probe):
        mine = by_probe.pop(number)
        starts, step = (min(run.low for run in mine.runs),), mine.step()
        yield names[number], replace(whole, order=mine.order(whole), damaged=damaged, starts=starts, step=step)


class _Run(NamedTuple):
    """Samples of one probe that were recorded one after the other."""

    end: int
    """How many there are up to here."""
    low: int
    """When the first of them was due …"""
    high: int
    """… and the last."""
    is_ordered: bool
    step: int
    """How many ns each was due after the one before, where that is the same of all; 0: it isn't.

    Of a single one, after the last one of the run before.
    """


@dataclass
class _Found:
    """Which records of a file are of one probe, as they are found."""

    places: "array[int]" = field(default_factory=lambda: array("I"))
    """Empty for as long as all that was gone through are of this one."""
    runs: list[_Run] = field(default_factory=list)

    def __len__(self) -> int:
        return self.runs[-1].end if self.runs else 0

    def add(self, first: int, due: Integers, mine: "Integers | None") -> None:
        """Take in a piece of the file, with when its records were due; `mine`: which of them are of it, None: all."""
        times = due if mine is None else due[mine]
        count = len(self)
        if count < first or mine is not None or self.places:
            if not self.places:
                self._append(np.arange(count))
            self._append(np.arange(first, first + len(due)) if mine is None else mine + first)
        steps = times[1:] - times[:-1]
        if not len(steps):
            step = int(times[0]) - self.runs[-1].high if self.runs else 0
        else:
            step = int(steps[0]) if steps[0] > 0 and (steps == steps[0]).all() else 0
        is_ordered = step > 0 or bool((steps >= 0).all())
        low, high = (times[0], times[-1]) if is_ordered else (times.min(), times.max())
        self.runs.append(_Run(count + len(times), int(low), int(high), is_ordered, step))

    def step(self) -> int:
        """Return how many ns each was due after the one before, where that is the same of all; 0: it isn't."""
        step = self.runs[0].step
        is_even = all(run.step == step for run in self.runs)
        return step if is_even and all(run.high + step == after.low for run, after in pairwise(self.runs)) else 0

    def order(self, whole: Columns) -> "Places | None":
        """Return its records in the order in which they were due; None: they are all that there are, as they are."""
        is_ordered = all(run.is_ordered for run in self.runs)
        is_ordered &= all(run.high <= later.low for run, later in pairwise(self.runs))
        if not self.places:
            if is_ordered and len(self) == len(whole):
                return None
            self._append(np.arange(len(self)))
        order = np.frombuffer(self.places, np.uint32)
        if not is_ordered:
            _put_in_order(order, self.runs, whole)
        return order

    def _append(self, places: Integers) -> None:
        self.places.frombytes(places.astype(np.uint32).tobytes())


def _put_in_order(order: Places, runs: Sequence[_Run], whole: Columns) -> None:
    """Put records into the order in which they were due, in place; those due at once stay as they were recorded.

    Only what is not in order yet is looked at, in pieces as long as records are out of their place.
    """
    floors = [*accumulate((run.low for run in reversed(runs[1:])), min, initial=_NEVER)][::-1]
    start = held = 0
    for run, floor in zip(runs, floors, strict=True):
        if not held and run.is_ordered and run.high <= floor:
            start = run.end
        # Twice as much as was held back each time: every record is sorted a bounded number of times, however far it
        # is off.
        elif run is runs[-1] or run.end - start >= 2 * held:
            here = order[start : run.end]
            due = replace(whole, order=here).due
            # Stable, so that of those due at one moment the first recorded stays first.
            by = np.argsort(due, kind="stable")
            here[:] = here[by]
            start += int(np.searchsorted(due[by], floor, side="right"))
            held = run.end - start


def _merged(parts: list[Columns]) -> Columns:
    """Put what several probers saw of one probe into one; that takes memory for all of it."""
    if len(parts) == 1:
        return parts[0]
    numbers: dict[str, int] = {"": 0}
    for part in parts:
        for name in part.names:
            numbers.setdefault(name, len(numbers))
    tables = [np.array([numbers[name] for name in part.names], np.uint16) for part in parts]
    due, sent, answered, outcome = (
        np.concatenate([getattr(part, column) for part in parts]) for column in ("due", "sent", "answered", "outcome")
    )
    who = np.concatenate([table[part.who] for part, table in zip(parts, tables, strict=True)])
    detail = np.concatenate([table[part.detail] for part, table in zip(parts, tables, strict=True)])
    merged = of((due, sent, answered), (outcome, who, detail), tuple(numbers))
    order = None if (due[1:] >= due[:-1]).all() else np.argsort(due, kind="stable").astype(np.uint32)
    starts = tuple(start for part in parts for start in part.starts)
    return replace(merged, order=order, damaged=sum(part.damaged for part in parts), starts=starts)
