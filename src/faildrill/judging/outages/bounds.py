"""Outages of one probe, bounded and not guessed.

What a look proves is written down in docs/judging.md, and read off it in `proofs.intervals`.

Each look is an interval that holds a moment of life or of darkness. An outage had *begun by* the right end of
a dark interval and was *still on at* its left end. It lasted at most from the left end of the last interval of life
that lies wholly before, to the right end of the first one wholly after. It lasted at least from the first `begun by`
to the last `still at` between which no interval of life could have its moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from faildrill.proofs.intervals import Dark, Life, prove, proven
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, Integers, Mask

_NEVER: Final = (1 << 63) - 1
"""In place of the end of what has none."""
_UNSEEN: Final = -(1 << 63)
"""In place of the beginning of what has none."""
_NEAR: Final = 4096
"""Looks that are gone through at once to find the next life."""


@dataclass(frozen=True)
class Stretch:
    """One outage of a probe, times in monotonic ns: stretches of darkness with too little life between them."""

    at_least: int
    at_most: int | None
    """None: its start or its end was not seen."""
    last_good: int | None
    first_dark: int
    last_dark: int
    first_answer: int | None
    """The first good answer after its first dark stretch."""
    first_good: int | None
    """The first good answer after its last dark stretch."""
    first: int
    """The number of the first sample that proves it dark."""
    last: int
    stretches: int
    """Of how many dark stretches it is made, life proven between them."""
    outcomes: dict[str, int]
    """How the looks that prove it dark ended, by outcome in lower case; `slow` for good ones beyond that time."""


def weight(one: Stretch) -> tuple[bool, int, int]:
    """Order outages by how long they were: one without an end is the longest, else what is proven decides."""
    return one.at_most is None, one.at_least, one.at_most or 0


@dataclass(frozen=True, eq=False)
class Darkness:
    """What the looks of a probe prove of its outages; no answer for longer than `slow` ns is dark."""

    looks: Columns
    slow: int
    life: Life
    dark: Dark

    @property
    def good_until(self) -> int | None:
        """The last moment from which on a moment of life is proven, or None."""
        return int(self.life.since[-1]) if len(self.life.since) else None

    def alive_after(self, at: int) -> int:
        """Return by when the first moment of life is proven that lies after one of `marks`; for ever where none is."""
        first = int(np.searchsorted(self.life.since, at))
        return int(self.life.by[first]) if first < len(self.life.by) else _NEVER

    def outages(self, hold: int = 0) -> list[Stretch]:
        """Bound the outages, in order; good stretches shorter than `hold` ns end none.

        With `hold` 0 any proof of life between two looks ends one outage and begins the next.
        """
        if not len(self.dark.sample):
            return []
        starts, ends = _windows(self.life, self.dark)
        parted = _parted(starts, self.dark)
        first_of = _first_of(parted, starts, ends, hold)
        groups = np.cumsum(first_of) - 1
        least = _at_least(_chains(self.life, self.dark, groups, hold))
        edges = [*np.flatnonzero(first_of).tolist(), len(groups)]
        stretches = []
        for group, (first, end) in enumerate(pairwise(edges)):
            members = slice(first, end)
            last_good, answers = int(starts[first]), (int(ends[members].min()), int(ends[members].max()))
            shape = _Shape(int(least[group]), last_good, answers, 1 + int(np.count_nonzero(parted[first + 1 : end])))
            stretches.append(_stretch(self.looks, self.slow, Dark(*(column[members] for column in self.dark)), shape))
        return stretches

    def resumed(self, hold: int = 0) -> list[list[Stretch]]:
        """For each of `outages`, what may be outages of their own within it, in order: the first one begins as it does.

        Of each two nobody can tell whether it was good for `hold` ns between. Each is given as if it had lasted to
        the end of the whole; only what is proven of it is its own.
        """
        outages = self.outages(hold)
        if not outages:
            return []
        starts, ends = _windows(self.life, self.dark)
        groups = np.cumsum(_first_of(_parted(starts, self.dark), starts, ends, hold)) - 1
        chains = _chains(self.life, self.dark, groups, hold)
        found: list[list[Stretch]] = [[] for _ in outages]
        for begun_by, still_at, last_good, group in zip(*(column.tolist() for column in chains), strict=True):
            found[group].append(_resumed(outages[group], begun_by, still_at, last_good))
        return found

    def apart(self) -> list[int]:
        """Return the numbers of as many samples as there are that prove it dark, life proven between each two."""
        if not len(self.dark.sample):
            return []
        _, after = _windows(self.life, self.dark)
        # Of those left always the one that ends first: no other choice leaves room for more (interval scheduling).
        order = np.argsort(self.dark.begun_by, kind="stable")
        columns = (after[order], self.dark.still_at[order], self.dark.sample[order])
        firsts, end = list[int](), _UNSEEN
        for first_life, still_at, sample in zip(*(column.tolist() for column in columns), strict=True):
            if end <= still_at:
                firsts.append(sample)
                end = first_life
        return firsts

    def with_hidden(self, one: Stretch, hold: int, reach: int) -> int | None:
        """Return how long an outage can have been at most, were it dark unseen within `hold` of its edges, in ns.

        That is from the last life that ends so long before its last good look to the first that begins so long after
        its first good one, or to the last answer where none does. `reach`: how long before it tells of something a
        look may have been due. None: its start or its end was not seen.
        """
        if one.at_most is None or one.last_good is None or one.first_good is None or not hold:
            return one.at_most
        looks, start, end, answered = self.looks, one.last_good, _NEVER, one.first_good
        for first in range(looks.first_due(one.last_good), -1, -_NEAR):
            # Gone through afresh: of lives far from any darkness only a few were kept (see `intervals`), and these
            # may be missing.
            proofs = proven(looks.part(max(first - _NEAR, 0), first), self.slow, looks.seen_late)
            start = min(start, int(proofs.since.min(initial=start)))
            before = proofs.since[proofs.by <= one.last_good - hold]
            if len(before):
                start = int(before.max())
                break
        for first in range(looks.first_due(one.first_good - reach), len(looks), _NEAR):
            if end < looks.due_at(first):
                break
            part = looks.part(first, first + _NEAR)
            proofs = proven(part, self.slow, looks.seen_late)
            end = int(proofs.by[proofs.since >= one.first_good + hold].min(initial=end))
            answered = max(answered, int(part.answered.max()))
        return (answered if end == _NEVER else end) - start


def darkness(looks: Columns, slow: int, marks: Iterable[int] = ()) -> Darkness:
    """Go through looks for what they prove; `marks` as for `prove`."""
    return Darkness(looks, slow, *prove(looks, slow, marks))


def outages(looks: Columns, slow: int, hold: int = 0) -> list[Stretch]:
    """Bound the outages that the looks prove, in order."""
    return darkness(looks, slow).outages(hold)


class _Shape(NamedTuple):
    """What is known of an outage besides the looks that prove it."""

    at_least: int
    last_good: int
    answers: tuple[int, int]
    """The first and the last of the first good answers after its dark looks."""
    stretches: int


def _windows(life: Life, dark: Dark) -> tuple[Integers, Integers]:
    """For each dark interval: when the last life wholly before it began, and the first wholly after it ended."""
    # `by` is the smallest right end of this life and all later ones, so it is sorted, and every life before the place
    # found lies wholly before.
    before = np.concatenate(([_UNSEEN], life.since))[np.searchsorted(life.by, dark.still_at, side="right")]
    after = np.concatenate((life.by, [_NEVER]))[np.searchsorted(life.since, dark.begun_by, side="left")]
    return before, after


def _first_of(parted: Mask, starts: Integers, ends: Integers, hold: int) -> Mask:
    """Tell which dark intervals begin an outage."""
    # Where no life lies between two dark intervals they share a window, and with it an outage. Life must have been
    # proven for `hold` since the last answer before it: from its first good answer to its last good look.
    first_of: Mask = parted & (starts - _before(ends, _UNSEEN) >= hold) if hold else parted.copy()
    first_of[0] = True
    return first_of


def _before(values: Integers, first: int) -> Integers:
    """For each place the largest value at the places before it."""
    return np.concatenate(([first], np.maximum.accumulate(values)[:-1]))


def _parted(starts: Integers, dark: Dark) -> Mask:
    """Where life is proven between a dark interval and all that are before it."""
    parted: Mask = starts >= _before(dark.begun_by, _UNSEEN)
    parted[0] = True
    return parted


class _Chains(NamedTuple):
    """Darkness of which it is proven that it was one, or not good for as long as the hold between; by their outages."""

    begun_by: Integers
    still_at: Integers
    last_good: Integers
    """When the last life wholly before it began."""
    group: Integers


def _at_least(chains: _Chains) -> Integers:
    """For each group, the longest time that it was surely dark, or not good for as long as `hold`."""
    least = np.zeros(int(chains.group.max()) + 1, np.int64)
    # Unbuffered: several chains of one group write to the same place, and the longest has to win.
    np.maximum.at(least, chains.group, chains.still_at - chains.begun_by)
    return least


def _chains(life: Life, dark: Dark, groups: Integers, hold: int) -> _Chains:
    lives_before = np.searchsorted(life.since, dark.begun_by, side="left")
    reach = np.concatenate(([_UNSEEN], life.reach))[lives_before]
    # No life that may have begun before it reaches into it: nothing can cut its darkness in two.
    alone = reach <= dark.still_at
    moments = _Chains(dark.begun_by, dark.still_at, _windows(life, dark)[0], groups)
    # Dark intervals that no life touches and no life lies between make one solid stretch; the others are moments.
    solids = _solids(_Chains(*(column[alone] for column in moments)), lives_before[alone])
    together = [np.concatenate((solid, moment[~alone])) for solid, moment in zip(solids, moments, strict=True)]
    order = np.lexsort((together[0], together[3]))
    begun_by, still_at, last_good, group = (column[order] for column in together)
    # Halved, so that the difference from the first one stays within 64 bits.
    breaks = (begun_by - _before(still_at, _UNSEEN // 2) >= hold) | (group != np.roll(group, 1))
    breaks[0] = True
    firsts = np.flatnonzero(breaks)
    ends, earliest = np.maximum.reduceat(still_at, firsts), np.minimum.reduceat(last_good, firsts)
    return _Chains(begun_by[firsts], ends, earliest, group[firsts])


def _solids(dark: _Chains, lives_before: Integers) -> _Chains:
    """Join dark intervals with the same lives before them."""
    if not len(dark.group):
        return dark
    order = np.argsort(lives_before, kind="stable")
    changes = np.diff(lives_before[order], prepend=-1) | np.diff(dark.group[order], prepend=-1)
    firsts = np.flatnonzero(changes)
    begun_by, still_at, last_good, group = (column[order] for column in dark)
    latest = np.maximum.reduceat(still_at, firsts)
    return _Chains(np.minimum.reduceat(begun_by, firsts), latest, np.minimum.reduceat(last_good, firsts), group[firsts])


def _resumed(whole: Stretch, begun_by: int, still_at: int, since: int) -> Stretch:
    last_good = None if since == _UNSEEN else since
    at_most = None if last_good is None or whole.first_good is None else whole.first_good - last_good
    at_least = max(still_at - begun_by, 0)
    return replace(whole, at_least=at_least, at_most=at_most, last_good=last_good, first_dark=begun_by)


def _stretch(looks: Columns, slow: int, dark: Dark, shape: _Shape) -> Stretch:
    first_dark = int(dark.begun_by.min())
    last_good = None if shape.last_good == _UNSEEN else shape.last_good
    first_answer, first_good = (None if at == _NEVER else at for at in shape.answers)
    return Stretch(
        at_least=shape.at_least,
        at_most=None if last_good is None or first_good is None else first_good - last_good,
        last_good=last_good,
        first_dark=first_dark,
        last_dark=max(int(dark.still_at.max()), first_dark),
        first_answer=first_answer,
        first_good=first_good,
        first=int(dark.sample[0]),
        last=int(dark.sample[-1]),
        stretches=shape.stretches,
        outcomes=_outcomes(looks.at(dark.sample), slow),
    )


def _outcomes(looks: Columns, slow: int) -> dict[str, int]:
    outcome, beyond_slow = looks.outcome, looks.answered - looks.sent > slow
    counts = {kind.name.lower(): int(np.count_nonzero(outcome == kind)) for kind in Outcome if kind is not Outcome.OK}
    counts["slow"] = int(np.count_nonzero((outcome == Outcome.OK) & beyond_slow))
    return {name: count for name, count in counts.items() if count}
