"""What the picture shows of each probe: answer times in bins, and when which failure or which server was seen.

A million looks become a few hundred bins, so that a report stays small however long the run was. They are gone through
in blocks, so that it takes no more memory either.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from faildrill.clock import NANOSECONDS, seconds
from faildrill.judging.numbers.ranks import FEW, of_ranks
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import BLOCK, Columns, Integers, among
from faildrill.reports.html.look_times import Looks
from faildrill.reports.html.responders import Presence, presences

Floats = NDArray[np.float64]

BINS: Final = 440
"""The most bins of a lane."""
_LEVELS: Final = 3
_CLOSED: Final = 10
"""Looks without a name that do not yet end its stretch: servers take turns."""
_NEVER: Final = (1 << 63) - 1
FAILURES: Final = {
    Outcome.REFUSED: "refused",
    Outcome.RESET: "reset",
    Outcome.TIMED_OUT: "timed out",
    Outcome.WRONG: "wrong",
    Outcome.UNREACHABLE: "unreachable",
    Outcome.SKIPPED: "skipped",
    Outcome.BROKEN: "broken",
    Outcome.OPEN: "open",
    Outcome.THROTTLED: "throttled",
}
"""The outcomes that are no good look, and the word for each."""
HARMLESS: Final = frozenset(word for outcome, word in FAILURES.items() if not outcome.is_look)
"""The words of those that prove nothing."""


@dataclass(frozen=True)
class Answers:
    """The answer times of good looks in bins; each array has one number a bin that holds a good look."""

    at: Floats
    """The middle of the bin, seconds."""
    low: Floats
    median: Floats
    high: Floats
    width: float
    """Seconds that a bin is wide: neighbours further apart than this have a hole between them."""


@dataclass(frozen=True)
class Stretch:
    """A time in which something was seen."""

    start: float
    end: float
    looks: int
    level: int
    """How much of the looks it was: 1 up to a third, 2 up to two thirds, 3 more."""


@dataclass(frozen=True)
class Row:
    """One thing that was seen of a probe, and when."""

    name: str
    looks: int
    stretches: list[Stretch]


@dataclass(frozen=True)
class Lane:
    """One probe over the time of the picture."""

    probe: str
    answers: Answers
    failures: list[Row]
    names: list[Row]


@dataclass(frozen=True)
class Pieces:
    """How many looks are gone through at once; what is drawn does not depend on it."""

    block: int = BLOCK
    few: int = FEW
    """Answers of one bin that are put in order at once."""


PIECES: Final = Pieces()


def lane(looks: Looks, span: tuple[float, float], every: float, bins: int = BINS, pieces: Pieces = PIECES) -> Lane:
    """Reduce the looks of a probe to its lane of so many bins; seconds as in the looks."""
    grid = _Grid(looks, span, bins)
    named = presences(looks, max(_CLOSED * every, 2 * grid.width))
    good = _Tally(bins)
    bad = {outcome: _Tally(bins) for outcome in FAILURES}
    for first, part in looks.columns.blocks(pieces.block):
        numbers = grid.numbers(first, first + len(part))
        took = among(part.answered - part.due, part.is_good)
        good.add(among(numbers, part.is_good), took, took)
        for outcome in () if len(took) == len(part) else FAILURES:
            there = part.outcome == outcome
            bad[outcome].add(numbers[there], part.due[there], part.answered[there])
        for probe in named:
            probe.add(part)
    failures = [
        Row(FAILURES[outcome], int(of_outcome.looks.sum()), grid.stretches(of_outcome))
        for outcome, of_outcome in bad.items()
    ]
    return Lane(
        looks.probe,
        grid.answers(good, pieces),
        [row for row in failures if row.looks],
        [_present(named_probe, looks) for named_probe in named],
    )


class _Tally:
    """Of what is counted in bins: how many there are in each, the lowest of one value and the highest of another."""

    def __init__(self, bins: int) -> None:
        self.looks = np.zeros(bins, np.int64)
        self.lowest = np.full(bins, _NEVER, np.int64)
        self.highest = np.full(bins, -_NEVER, np.int64)

    def add(self, bins: Integers, low: Integers, high: Integers) -> None:
        """Count more of them, each with the number of its bin; the numbers ascend."""
        if not len(bins):
            return
        firsts = np.concatenate(([0], np.flatnonzero(np.diff(bins)) + 1))
        numbers = bins[firsts]
        self.looks[numbers] += np.diff(firsts, append=len(bins))
        self.lowest[numbers] = np.minimum(self.lowest[numbers], np.minimum.reduceat(low, firsts))
        self.highest[numbers] = np.maximum(self.highest[numbers], np.maximum.reduceat(high, firsts))


class _Grid:
    """The bins of a lane: as looks are in the order in which they were due, each holds those between two numbers."""

    def __init__(self, looks: Looks, span: tuple[float, float], bins: int) -> None:
        start, end = span
        self._looks = looks
        self._start = start
        self.width = max((end - start) / bins, 1e-9)
        """Seconds that a bin is wide."""
        self._edges, places = [0], range(len(looks))
        for number in range(1, bins):
            self._edges.append(bisect_left(places, number, self._edges[-1], key=self._bin))
        self._edges.append(len(looks))

    def _bin(self, place: int) -> int:
        """Return the number of the bin of a look; what is before or after all bins is below or above them."""
        due = self._looks.columns.due_at(place)
        return int((self._looks.since_start(due) - self._start) / self.width)

    def numbers(self, first: int, end: int) -> Integers:
        """Return the numbers of the bins of the looks from one number to before another."""
        counts = np.diff(np.clip(self._edges, first, end))
        return np.repeat(np.arange(len(counts)), counts)

    def answers(self, good: _Tally, pieces: Pieces) -> Answers:
        """Return the answer times of good looks, which have been counted."""
        numbers = np.flatnonzero(good.looks)
        middle = [self._median(number, int(good.looks[number]), pieces) for number in numbers.tolist()]
        return Answers(
            at=np.asarray(self._start + (numbers + 0.5) * self.width, np.float64),
            low=good.lowest[numbers] / NANOSECONDS,
            median=np.array(middle, np.float64),
            high=good.highest[numbers] / NANOSECONDS,
            width=self.width * 1.5,
        )

    def _median(self, number: int, count: int, pieces: Pieces) -> float:
        """Return the middle answer time of a bin, of which there are so many; of two, the smaller one."""
        inside = self._looks.columns.part(self._edges[number], self._edges[number + 1])
        rank = (count - 1) // 2
        if count <= pieces.few:
            middle = int(np.partition(_took(inside), rank)[rank])
            inside.forget()
        else:
            [middle] = of_ranks(inside, _took, [rank], count, pieces.few)
        return seconds(middle)

    def stretches(self, bad: _Tally) -> list[Stretch]:
        """Return the stretches from the first look in them to the last; those of touching bins touch."""
        here, bins = bad.looks, len(bad.looks)
        share = here / np.maximum(np.diff(self._edges), 1)
        level = np.where(here > 0, np.clip(np.ceil(share * _LEVELS - 1e-9), 1, _LEVELS), 0).astype(np.int64)
        edges = np.flatnonzero(np.diff(level)) + 1
        firsts, lasts = [0, *edges.tolist()], [*edges.tolist(), bins]
        parts = [part for part in zip(firsts, lasts, strict=True) if level[part[0]]]
        stretches: list[Stretch] = []
        for first, last in reversed(parts):
            joined = stretches and last < bins and level[last]
            until = stretches[-1].start if joined else self._looks.since_start(int(bad.highest[first:last].max()))
            begin = self._looks.since_start(int(bad.lowest[first]))
            stretches.append(Stretch(begin, until, int(here[first:last].sum()), int(level[first])))
        return stretches[::-1]


def _took(part: Columns) -> Integers:
    """Return the times to the good answers, from when they were due; never below 0."""
    return np.maximum(among(part.answered - part.due, part.is_good), 0)


def _present(one: Presence, looks: Looks) -> Row:
    stretches = [Stretch(looks.since_start(a), looks.since_start(b), count, _LEVELS) for a, b, count in one.stretches]
    return Row(one.name, sum(part.looks for part in stretches), stretches)
