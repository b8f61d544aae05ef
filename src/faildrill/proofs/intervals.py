"""What looks prove, each by itself: intervals that hold a moment of life or of darkness.

The rules are those of `proofs.looks`; `judging.outages.bounds` makes outages of the intervals.

Looks are gone through in blocks that fit a processor's cache. Where nothing dark is near, only the first and the last
life of a block are kept, with the longest time that passed between two lives of it: nothing that is asked of the
proofs depends on the others, so that a day of a thousand looks a second takes no more memory than a minute.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import BLOCK, Columns, Integers, Mask

_UNSEEN: Final = -(1 << 63)
"""Before every moment, so that the first life is compared with nothing."""
_NEVER: Final = (1 << 63) - 1
"""After every moment that a clock of this century counts in ns."""
_FEW: Final = 3
"""Of so few looks there is nothing to leave out."""


class Life(NamedTuple):
    """Intervals that each hold a moment of life, ordered by their left ends; of those far from any dark one, some."""

    since: Integers
    """Left ends."""
    by: Integers
    """For each, the smallest right end of it and all that follow."""
    reach: Integers
    """For each, the largest right end of it and all before."""
    gap: Integers
    """For each, the longest time without proven life since the one kept before it: from a left end to the next `by`,
    also between the lives that are left out."""


class Dark(NamedTuple):
    """Intervals that each hold a moment of darkness, ordered by their left ends."""

    still_at: Integers
    """Left ends: an outage was still on at this moment, or later."""
    begun_by: Integers
    """Right ends: it had begun by this moment."""
    sample: Integers
    """The number of the sample that proves it."""


def prove(columns: Columns, slow: int, marks: Iterable[int] = (), block: int = BLOCK) -> tuple[Life, Dark]:
    """Turn looks into intervals of life and of darkness; no answer for longer than `slow` ns is dark.

    `marks`: moments that `longest_unproven` will be asked about; around them every life is kept, and around what is
    dark, so that it may be asked about the first life after that, too.
    """
    proving = Proving(columns, slow, marks)
    for first, part in columns.blocks(block, backwards=True):
        proving.take(first, part)
    return proving.found()


class Proving:
    """Turns looks into proofs while they are gone through, the last ones first."""

    def __init__(self, columns: Columns, slow: int, marks: Iterable[int] = ()) -> None:
        self._columns, self._slow, self._marks = columns, slow, sorted(marks)
        self._marked = columns.seen_late
        self._blocks: list[_Block] = []
        self._dark: list[Dark] = []
        self._later = _NEVER

    def take(self, first: int, part: Columns) -> None:
        """Take in the looks before those that were taken in, with the number of the first of them."""
        proofs = proven(part, self._slow, self._marked)
        if len(proofs.dark.sample):
            self._dark.append(proofs.dark._replace(sample=proofs.dark.sample + first))
        if len(proofs.since):
            self._blocks.append(_summary(proofs, (first, first + len(part)), self._later))
            self._later = min(self._later, self._blocks[-1].lowest)

    def found(self) -> tuple[Life, Dark]:
        """Return the proofs, once all looks were taken in."""
        blocks, dark = self._blocks[::-1], _together(self._dark[::-1])
        kept = [
            self._whole(block) if whole else block.ends()
            for block, whole in zip(blocks, _kept_whole(blocks, dark, self._marks), strict=True)
        ]
        return _life(kept), dark

    def _whole(self, one: "_Block") -> "_Kept":
        return _whole(proven(self._columns.part(one.first, one.end), self._slow, self._marked))


def longest_unproven(life: Life, since: int, until: int) -> int:
    """Return the longest time within [since, until] in which no moment of life is proven, in ns.

    An outage that long, and none longer, could hide between the looks.
    """
    first = int(np.searchsorted(life.since, since))
    end = max(first, int(np.searchsorted(life.by, until, side="right")))
    if first == end:  # no life lies within, or `until` lies before `since`
        return max(until - since, 0)
    inside = int(np.max(life.gap[first + 1 : end], initial=0))
    return max(int(life.by[first]) - since, inside, until - int(life.since[end - 1]), 0)


class Proven(NamedTuple):
    """What the looks of one block prove; lives as they come, not ordered yet."""

    since: Integers
    by: Integers
    dark: Dark


def proven(part: Columns, slow: int, marked: "Mask | None") -> Proven:
    """Return what the looks of a part prove, each by itself; `marked`: which details say that it was seen late."""
    sent, answered = np.ascontiguousarray(part.sent), np.ascontiguousarray(part.answered)
    took = answered - sent
    good = part.is_good
    # Nearly every block of a run is like this: no mask, no copy and no darkness is made for it.
    if good.all() and int(took.max(initial=0)) <= slow:
        none = np.empty(0, np.int64)
        return Proven(sent, answered, Dark(none, none, none))
    timely = marked[part.detail] if marked is not None else np.zeros(len(part), np.bool_)
    # Mirrors `looks.proof`, a whole block at a time. Seen late: the prober was held up, so the time taken says
    # nothing.
    beyond_slow = (took > slow) & ~timely
    # A refusal that came beyond `slow` proves what silence does: a moment of darkness until `slow` after it was sent.
    silent = beyond_slow | ((part.outcome == Outcome.TIMED_OUT) & ~timely)
    since, by = sent[good], answered[good]
    # Such an answer shows life only shortly before it came: until then it may have been dark, as nobody was answered.
    since = np.where(beyond_slow[good], np.maximum(since, by - slow), since)
    # What is good and came beyond `slow` is in both: it proves darkness while it was waited for, and life when it came.
    numbers = np.flatnonzero(part.is_look & (~good | beyond_slow))
    still_at, begun_by = sent[numbers], answered[numbers]
    begun_by = np.where(silent[numbers], np.minimum(begun_by, still_at + slow), begun_by)
    return Proven(since, by, Dark(still_at, begun_by, numbers))


def _together(parts: Sequence[Dark]) -> Dark:
    if not parts:
        none = np.empty(0, np.int64)
        return Dark(none, none, none)
    still_at, begun_by, sample = (np.concatenate(some) for some in zip(*parts, strict=True))
    # Stable: of looks sent at the same moment the one recorded first stays first, so that judging again cites the
    # same one.
    order = np.argsort(still_at, kind="stable")
    return Dark(still_at[order], begun_by[order], sample[order])


class _Kept(NamedTuple):
    """Lives that are kept: for each, right ends that stand for it and the lives beside it that are not."""

    since: Integers
    lowest: Integers
    highest: Integers
    gap: Integers
    """The longest pair within what is left out before it; 0 where nothing is."""


def _whole(found: Proven) -> _Kept:
    return _Kept(found.since, found.by, found.by, np.zeros(len(found.by), np.int64))


class _Block(NamedTuple):
    """The lives of one block in short, as its first and its last one stand for them all."""

    first: int
    """The number of its first look."""
    end: int
    since: tuple[int, int]
    """The smallest and the largest left end."""
    by: tuple[int, int]
    """Right ends of the first and the last life."""
    lowest: int
    """The smallest right end."""
    highest: int
    gap: int
    """The longest pair of lives within."""
    is_ordered: bool
    """The left ends are in order; where they aren't, the first and the last can't stand for the others."""

    def ends(self) -> _Kept:
        """Keep the first and the last life only."""
        low, high, gap = (self.lowest, self.by[1]), (self.by[0], self.highest), (0, self.gap)
        return _Kept(*(np.array(moments, np.int64) for moments in (self.since, low, high, gap)))


def _summary(found: Proven, numbers: tuple[int, int], later: int) -> _Block:
    """Sum up the lives of a block; `later`: the smallest right end of all later blocks."""
    since, by = found.since, found.by
    falling = by
    # A later look may have been answered before an earlier one: a life counts from when it is certain, whoever told
    # of it.
    if int(by[-1]) > later or not (by[1:] >= by[:-1]).all():
        falling = np.minimum(np.minimum.accumulate(by[::-1])[::-1], later)
    return _Block(
        *numbers,
        since=(int(since.min()), int(since.max())),
        by=(int(by[0]), int(by[-1])),
        lowest=int(by.min()),
        highest=int(by.max()),
        gap=int(np.max(falling[1:] - since[:-1], initial=0)),
        is_ordered=bool(np.all(since[1:] >= since[:-1])),
    )


def _kept_whole(blocks: Sequence[_Block], dark: Dark, marks: Sequence[int]) -> Iterator[bool]:
    """Tell of each block whether all of its lives must be kept.

    That is where a dark interval or a mark meets it or the one before it, where one lies between the two, or where its
    lives are not in one order with those beside it.
    """
    begun_by = np.maximum.accumulate(dark.begun_by)
    # For each block the smallest left end of all later ones: gathered from the last one on, then turned round.
    # `accumulate` with an initial value gives one more than there are blocks; the last one has seen the block itself.
    next_since = [*accumulate((block.since[0] for block in reversed(blocks)), min, initial=_NEVER)][-2::-1]
    highest, counted, was_near = _UNSEEN, 0, False
    for block, following in zip(blocks, next_since, strict=True):
        last = max(block.highest, block.since[1])
        before = int(np.searchsorted(dark.still_at, last, side="right"))
        is_near = before > counted or (before > 0 and int(begun_by[before - 1]) >= block.since[0])
        is_near |= any(block.since[0] <= mark <= last for mark in marks)
        # Lives of neighbours may not interleave: else the pair that spans the border belongs to neither block.
        apart = highest <= block.since[0] and block.since[1] <= following
        highest = max(highest, block.since[1])
        # The block after a dark one is kept whole as well: in it lies the first life that ended the outage.
        yield is_near or was_near or not apart or not block.is_ordered or block.end - block.first < _FEW
        counted, was_near = before, is_near


def _life(parts: Sequence[_Kept]) -> Life:
    if not parts:
        none = np.empty(0, np.int64)
        return Life(none, none, none, none)
    since, lowest, highest, gap = (np.concatenate(some) for some in zip(*parts, strict=True))
    if not np.all(since[1:] >= since[:-1]):
        order = np.argsort(since, kind="stable")
        since, lowest, highest, gap = since[order], lowest[order], highest[order], gap[order]
    # From the right: the smallest right end of this and all that follow, as `Life.by` promises.
    by = np.minimum.accumulate(lowest[::-1])[::-1]
    pairs = np.concatenate(([0], by[1:] - since[:-1]))
    return Life(since, by, np.maximum.accumulate(highest), np.where(gap > 0, gap, pairs))
