"""Values by their rank among very many looks: exact, in little memory, and nearly always in one pass over them.

Some of the looks tell about where the value of a rank lies. A pass counts the values below that guess and keeps those
within; where the guess was wrong, or held too many, the next pass looks where the value must be then.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from faildrill.record.samples.columns import Columns, Integers

Values: TypeAlias = Callable[[Columns], Integers]
"""Gives the values of a part of the looks, whole numbers."""
Ranks: TypeAlias = Callable[[int], Sequence[int]]
"""Tells, of so many values, which ranks are asked for; always as many of them."""
FEW: Final = 1 << 21
"""Values that are kept to find one of them."""
_LOWEST: Final = -(1 << 63)
_HIGHEST: Final = (1 << 63) - 1
_EVERY: Final = 64
"""Of so many looks one is guessed by, …"""
_ENOUGH: Final = 1 << 17
"""… and by no more than so many in all."""
_FEWEST: Final = 64
"""Fewer are no guess."""
_SURE: Final = 6.0
"""Standard deviations by which a guess may be off."""


@dataclass
class _Search:
    """One rank, the bounds (included) between which its value is known to lie, and those that are guessed."""

    rank: int
    between: int
    """How many values lie between the known bounds …"""
    before: int = 0
    """… and how many are below them."""
    bounds: tuple[int, int] = (_LOWEST, _HIGHEST)
    guess: tuple[int, int] = (_LOWEST, _HIGHEST)
    below: int = 0
    """How many values are below the guess, of those that were gone through …"""
    within: int = 0
    """… and how many within it."""
    kept: list[Integers] = field(default_factory=list)
    """Those, as long as they are few."""
    value: int | None = None

    def aim(self, some: Integers, few: int) -> None:
        """Guess by some of the values, which are in order."""
        low, high = self.bounds
        here = some[np.searchsorted(some, low) : np.searchsorted(some, high, side="right")]
        self.guess, self.below, self.within, self.kept = self.bounds, 0, 0, []
        if len(here) >= _FEWEST and self.between:
            share = (self.rank - self.before) / self.between
            off = 1 + _SURE * math.sqrt(len(here) * share * (1 - share))
            first, last = math.floor(share * len(here) - off), math.ceil(share * len(here) + off)
            self.guess = int(here[first]) if first >= 0 else low, int(here[last]) if last < len(here) else high
        if self.guess == self.bounds and self.between > few:
            self.guess = low, (low + high) // 2

    def take(self, below: int, inside: Integers, few: int) -> None:
        """Take in more values: so many below the guess, and those within it."""
        self.below += below
        self.within += len(inside)
        if self.within > few or self.guess[0] == self.guess[1]:
            self.kept.clear()
        elif len(inside):
            self.kept.append(inside)

    def conclude(self, few: int) -> None:
        """Find the value, or know better where it is, once all values were taken in."""
        low, high = self.guess
        inside = self.rank - self.below
        if inside < 0:
            self.between, self.bounds = self.below - self.before, (self.bounds[0], low - 1)
        elif inside >= self.within:
            self.between -= self.below + self.within - self.before
            self.before, self.bounds = self.below + self.within, (high + 1, self.bounds[1])
        elif low == high:
            self.value = low
        elif self.within <= few:
            self.value = int(np.partition(np.concatenate(self.kept), inside)[inside])
        else:
            self.before, self.between, self.bounds = self.below, self.within, self.guess


class RankCount:
    """Finds the values of some ranks while looks are gone through."""

    def __init__(self, looks: Columns, values: Values, ranks: Ranks, few: int = FEW) -> None:
        self._looks, self._values, self._ranks, self._few = looks, values, ranks, few
        self._some = np.sort(values(looks.some(min(len(looks) // _EVERY + 1, _ENOUGH))))
        known = len(self._some)
        self._searches = [_Search(rank, known) for rank in ranks(known)]
        self._aim(self._searches)
        self._count = 0

    def take(self, part: Columns) -> None:
        """Take in a part of the looks; any order will do, as long as all are taken in once."""
        values = self._values(part)
        self._count += len(values)
        self._take(values)

    def found(self) -> list[int]:
        """Return the values, once all looks were taken in; where a guess was wrong they are gone through again.

        Empty where there was no value at all.
        """
        if not self._count:
            return []
        for search, rank in zip(self._searches, self._ranks(self._count), strict=True):
            search.rank, search.between = rank, self._count
        while True:
            for search in self._open:
                search.conclude(self._few)
            unknown = [search for search in self._open if search.value is None]
            if not unknown:
                return [search.value for search in self._searches if search.value is not None]
            self._aim(unknown)
            for _, part in self._looks.blocks():
                self._take(self._values(part))

    def _aim(self, searches: list[_Search]) -> None:
        for search in searches:
            search.aim(self._some, self._few)
        self._open = sorted(searches, key=lambda one: one.guess)

    def _take(self, values: Integers) -> None:
        # Most values are below all but the first guess: each is compared until a guess is above it, and none is sorted.
        rest = values
        for search in self._open:
            rest = rest.compress(rest >= search.guess[0])
            search.take(len(values) - len(rest), rest.compress(rest <= search.guess[1]), self._few)


def of_ranks(looks: Columns, values: Values, ranks: Sequence[int], count: int, few: int = FEW) -> list[int]:
    """Return the values of some ranks, counted from 0, the smallest value first; there are `count` values in all."""
    ranking = RankCount(looks, values, lambda told: [rank * told // count for rank in ranks], few)
    for _, part in looks.blocks():
        ranking.take(part)
    return ranking.found()
