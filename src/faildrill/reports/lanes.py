"""What the picture shows of each probe: answer times in bins, and when which failure or which server was seen.

A million looks become a few hundred bins, so that a report stays small however long the run was.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from faildrill.reports.looks import Looks
from faildrill.samples import Outcome

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BINS: Final = 440
"""The most bins of a lane."""
_LEVELS: Final = 3
_CLOSED: Final = 10
"""Looks without a name that do not yet end its stretch: servers take turns."""
MOST_NAMES: Final = 6
FAILURES: Final = {
    Outcome.REFUSED: "refused",
    Outcome.RESET: "reset",
    Outcome.TIMED_OUT: "timed out",
    Outcome.WRONG: "wrong",
    Outcome.UNREACHABLE: "unreachable",
    Outcome.SKIPPED: "skipped",
    Outcome.BROKEN: "broken",
}
"""The outcomes that are no good look, and the word for each; the last two prove nothing."""


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


def lane(looks: Looks, span: tuple[float, float], every: float, bins: int = BINS) -> Lane:
    """Reduce the looks of a probe to its lane of so many bins; seconds as in the looks."""
    grid = _Grid(looks, span, bins)
    return Lane(looks.probe, grid.answers(), grid.failures(), grid.named(_CLOSED * every))


class _Grid:
    """The looks of a probe, each with the number of its bin."""

    def __init__(self, looks: Looks, span: tuple[float, float], bins: int) -> None:
        start, end = span
        self._looks = looks
        self._bins = bins
        self._width = max((end - start) / bins, 1e-9)
        self._start = start
        self._bin = np.clip(((looks.due - start) / self._width).astype(np.int64), 0, bins - 1)
        self._per_bin = np.bincount(self._bin, minlength=bins)

    def answers(self) -> Answers:
        good = self._looks.outcome == Outcome.OK
        bins = self._bin[good]
        times = (self._looks.answered - self._looks.due)[good]
        order = np.lexsort((times, bins))
        times = times[order]
        numbers, first, counts = np.unique(bins[order], return_index=True, return_counts=True)
        return Answers(
            at=self._start + (numbers + 0.5) * self._width,
            low=times[first],
            median=times[first + (counts - 1) // 2],
            high=times[first + counts - 1],
            width=self._width * 1.5,
        )

    def failures(self) -> list[Row]:
        rows = [self._row(word, self._looks.outcome == outcome) for outcome, word in FAILURES.items()]
        return [row for row in rows if row.looks]

    def named(self, gap: float) -> list[Row]:
        """One row a name that answered, those seen most first; beyond `MOST_NAMES` they share one."""
        codes, counts = np.unique(self._looks.who[self._looks.who > 0], return_counts=True)
        by_name: dict[str, list[int]] = {}
        weight: dict[str, int] = {}
        for code, looks in zip(codes.tolist(), counts.tolist(), strict=True):
            for name in self._looks.names[code].split(","):
                by_name.setdefault(name, []).append(code)
                weight[name] = weight.get(name, 0) + looks
        ranked = sorted(by_name, key=lambda name: (-weight[name], name))
        rows = [self._presence(name, by_name[name], gap) for name in sorted(ranked[:MOST_NAMES])]
        rest = sorted({code for name in ranked[MOST_NAMES:] for code in by_name[name]})
        if rest:
            rows.append(self._presence(f"{len(ranked) - MOST_NAMES} others", rest, gap))
        return rows

    def _row(self, name: str, mask: NDArray[np.bool_]) -> Row:
        """Return a row of stretches from the first look in them to the last; those of touching bins touch."""
        total = int(mask.sum())
        if not total:
            return Row(name, 0, [])
        here = np.bincount(self._bin[mask], minlength=self._bins)
        share = here / np.maximum(self._per_bin, 1)
        level = np.where(here > 0, np.clip(np.ceil(share * _LEVELS - 1e-9), 1, _LEVELS), 0).astype(np.int64)
        edges = np.flatnonzero(np.diff(level)) + 1
        firsts = np.concatenate(([0], edges))
        lasts = np.concatenate((edges, [self._bins]))
        sums = np.concatenate(([0], np.cumsum(here))).astype(np.int64)
        parts = [part for part in zip(firsts.tolist(), lasts.tolist(), strict=True) if level[part[0]]]
        due, answered = self._looks.due[mask], self._looks.answered[mask]
        stretches: list[Stretch] = []
        for first, last in reversed(parts):
            begin, end = int(sums[first]), int(sums[last])
            joined = stretches and level[min(last, self._bins - 1)] and last < self._bins
            until = stretches[-1].start if joined else float(answered[begin:end].max())
            stretches.append(Stretch(float(due[begin]), until, end - begin, int(level[first])))
        return Row(name, total, stretches[::-1])

    def _presence(self, name: str, codes: list[int], gap: float) -> Row:
        """Return a row of stretches in which no two answers of the name are further apart than the gap."""
        mask = np.isin(self._looks.who, codes)
        seen = np.sort(self._looks.answered[mask])
        breaks = np.flatnonzero(np.diff(seen) > max(gap, 2 * self._width)) + 1
        firsts = np.concatenate(([0], breaks)).astype(np.int64)
        lasts = np.concatenate((breaks, [len(seen)])).astype(np.int64)
        stretches = [
            Stretch(float(seen[first]), float(seen[last - 1]), last - first, _LEVELS)
            for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        ]
        return Row(name, len(seen), stretches)
