"""Which looks of a whole record were due, each once: what a count is made of.

A prober looks at a fixed rate. A sample with a due time of its schedule is the answer to the look due then; others (a
late answer that is told after its look was given up, a look between two refusals) prove what they prove and weigh in no
count. A due time without a sample is a look that was not recorded: it may have been anything.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from faildrill.record.samples.columns import Columns, Integers


class Gap(NamedTuple):
    """Looks in a row that were not recorded."""

    first: int
    """When the first of them was due."""
    number: int


class Pace(NamedTuple):
    """How looks are due: every so many ns, within a span; `most` of them (0: as many as there is time for)."""

    every: int
    since: int
    until: int
    most: int = 0


@dataclass(frozen=True, eq=False)
class Dues:
    """The looks of a probe that were due."""

    looks: Columns
    """Those that were recorded."""
    every: int
    gaps: tuple[Gap, ...] = ()
    """Those that were not, in order."""
    places: "Integers | None" = None
    """For each of the recorded its place among all samples; None: they are all from `offset` on."""
    offset: int = 0

    def place(self, number: int) -> int:
        """Turn the number of a look into its place among all samples."""
        return number + self.offset if self.places is None else int(self.places[number])

    @cached_property
    def missing(self) -> int:
        """How many were not recorded."""
        return sum(gap.number for gap in self.gaps)

    @cached_property
    def missing_at(self) -> Integers:
        """When each look was due that was not recorded."""
        missing = [gap.first + np.arange(gap.number, dtype=np.int64) * self.every for gap in self.gaps]
        return np.concatenate(missing) if missing else np.empty(0, np.int64)

    @cached_property
    def seams(self) -> Integers:
        """When looks were due that are not one interval after the one before: of another prober, or of no schedule."""
        if self.looks.step == self.every and not self.gaps:
            return np.empty(0, np.int64)
        befores, afters, last = [np.empty(0, np.int64)], [np.empty(0, np.int64)], None
        for _, part in self.looks.blocks():
            due = part.due if last is None else np.concatenate((last, part.due))
            last = due[-1:]
            places = np.flatnonzero(np.diff(due) != self.every)
            befores.append(due[places])
            afters.append(due[places + 1])
        before, after = np.concatenate(befores), np.concatenate(afters)
        filled = {(gap.first - self.every, gap.first + gap.number * self.every) for gap in self.gaps}
        return after[[pair not in filled for pair in zip(before.tolist(), after.tolist(), strict=True)]]

    def near_seams(self, length: int) -> Integers:
        """Return, in order, when all looks were due that a stretch of this length over a seam holds, and one before."""
        moments, since = [np.empty(0, np.int64)], -(1 << 62)
        for seam in self.seams.tolist():
            near = self.between(max(since, seam - length - self.every), seam + length + 1)
            moments += [near.looks.due, near.missing_at]
            since = seam + length + 1
        return np.sort(np.concatenate(moments))

    def last_start(self, length: int) -> int | None:
        """Return when the last stretch of this length begins, at a look; None: there is none that long."""
        # Later than any moment of a run: the last look of all.
        last = self._last_before(1 << 62)
        return None if last is None else self._last_before(last + self.every - length + 1)

    def _last_before(self, moment: int) -> int | None:
        """Return when the last look due before a moment was due, or None."""
        number, missing = self.looks.first_due(moment), int(np.searchsorted(self.missing_at, moment))
        known = [self.looks.due_at(number - 1)] if number else []
        return max([*known, *self.missing_at[max(missing - 1, 0) : missing].tolist()], default=None)

    def between(self, since: int, until: int) -> "Dues":
        """Keep the looks due from `since` on and before `until`."""
        first = self.looks.first_due(since)
        end = self.looks.first_due(until, first)
        kept = [gap for gap in (self._clipped(gap, since, until) for gap in self.gaps) if gap.number > 0]
        places = None if self.places is None else self.places[first:end]
        return Dues(self.looks.part(first, end), self.every, tuple(kept), places, self.offset + first)

    def _clipped(self, gap: Gap, since: int, until: int) -> Gap:
        # `-(-a // b)` rounds up: the first look of the gap that is due at the moment or after it.
        before = max(-(-(since - gap.first) // self.every), 0)
        until_there = max(-(-(until - gap.first) // self.every), 0)
        return Gap(gap.first + before * self.every, min(gap.number, until_there) - before)


def dues(looks: Columns, pace: Pace) -> Dues:
    """Find the looks that were due among samples, and those of which there is none."""
    if not len(looks):
        return Dues(looks, pace.every)
    starts = sorted({*looks.starts} or {looks.due_at(0)})
    stretches = [
        _of_one(looks, Pace(pace.every, *span, pace.most), start) for start, span in _spans(starts, pace, looks)
    ]
    # More beside the schedule than on it: its times are no multiples of `every` at all.
    # What keeps no schedule tells nothing of what was due.
    if sum(stretch.beside for stretch in stretches) * 2 > len(looks):
        return Dues(looks, pace.every)
    gaps = tuple(gap for stretch in stretches for gap in stretch.gaps)
    places = [some for stretch in stretches for some in stretch.places]
    if sum(len(some) for some in places) == len(looks):
        return Dues(looks, pace.every, gaps)
    kept = np.concatenate([np.empty(0, np.int64), *(np.asarray(some, np.int64) for some in places)])
    return Dues(looks.at(kept), pace.every, gaps, kept)


def _spans(starts: list[int], pace: Pace, looks: Columns) -> Iterator[tuple[int, tuple[int, int]]]:
    """Give each prober's first due time, with the span that its schedule fills: up to the next one's."""
    end = max(pace.until, looks.due_at(len(looks) - 1)) + 1
    for start, following in pairwise([*starts, end]):
        # `-(-a // b)` rounds up, here and below: the first due time at `since` or later.
        first = start + max(-(-(pace.since - start) // pace.every), 0) * pace.every
        if first < following:
            yield start, (first, following)


class _Found(NamedTuple):
    """What one prober's samples come to."""

    places: "list[Integers | range]"
    gaps: list[Gap]
    beside: int
    """How many are not of its schedule."""


def _of_one(looks: Columns, pace: Pace, start: int) -> _Found:
    """Find the looks of the schedule among the samples of one prober, and the gaps between them."""
    until = min(pace.until, start + pace.most * pace.every) if pace.most else pace.until
    first = looks.first_due(pace.since)
    places, gaps, beside, expected = list["Integers | range"](), list[Gap](), 0, pace.since
    for before, part in looks.part(first, looks.first_due(until, first)).blocks():
        due = part.due
        if int(due[0]) == expected and (part.step == pace.every or _is_even(due, pace.every)):
            places.append(range(first + before, first + before + len(part)))
            expected += len(part) * pace.every
            continue
        # What is due off the schedule is a look of its own accord: between two refusals, or the end of one given up.
        beside += int(np.count_nonzero((due - start) % pace.every))
        inside = _kept(part, start, pace.every, expected)
        if not len(inside):
            continue
        here = due[inside]
        # How many intervals lie between neighbours: one where none is missing.
        steps = np.diff(here, prepend=expected - pace.every) // pace.every
        for place in np.flatnonzero(steps > 1).tolist():
            number = int(steps[place]) - 1
            # The gap begins one interval after the look before it, so as many intervals before this one as looks are
            # missing.
            gaps.append(Gap(int(here[place]) - number * pace.every, number))
        places.append(inside + before + first)
        expected = int(here[-1]) + pace.every
    if expected < until:
        gaps.append(Gap(expected, -(-(until - expected) // pace.every)))
    return _Found(places, gaps, beside)


def _is_even(due: Integers, every: int) -> bool:
    return bool((due[1:] - due[:-1] == every).all())


def _kept(part: Columns, start: int, every: int, expected: int) -> Integers:
    """Return the places of the looks of the schedule: of several due at once the one that was answered first."""
    due, answered = part.due, part.answered
    # The last key sorts first: by when they were due, then by when they were answered, then as they were recorded.
    order = np.lexsort((np.arange(len(due)), answered, due))
    due = due[order]
    kept = ((due - start) % every == 0) & (due >= expected) & (np.diff(due, prepend=-1) != 0)
    return np.sort(order[kept])
