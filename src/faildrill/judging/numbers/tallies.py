"""What looks come to, counted block by block, so that very many take no more memory than few."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, Mask


class Tally(NamedTuple):
    """How the looks of a probe ended; times are monotonic ns."""

    ended: tuple[int, ...]
    """By number of an outcome, how many."""
    answered: int | None
    """When the last look ended, good or not; None: there was none."""
    missing: int = 0
    """How many were due and not recorded."""

    @property
    def looks(self) -> int:
        """All of them, those that prove nothing too."""
        return sum(self.ended) + self.missing

    @property
    def sent(self) -> int:
        """Those that prove something."""
        return self.looks - self.unknown

    @property
    def failed(self) -> int:
        """Those that prove something that is not good."""
        return self.sent - self.ended[Outcome.OK]

    @property
    def unknown(self) -> int:
        """Those that prove nothing."""
        return sum(self.ended[Outcome.SKIPPED :]) + self.missing


class Places(NamedTuple):
    """The looks of which something is true."""

    number: int
    """How many they are."""
    first: list[int]
    """The numbers of the first of them."""
    last: int | None
    """The number of the last; None: there is none."""


class Tallies:
    """Counts how looks ended while they are gone through."""

    def __init__(self) -> None:
        self._ended = np.zeros(max(Outcome) + 1, np.int64)
        self._answered: list[int] = []

    def take(self, part: Columns) -> None:
        """Take in a part of the looks."""
        count = int(np.count_nonzero(part.is_good))
        if count == len(part):
            self._ended[Outcome.OK] += count
        else:
            self._ended += np.bincount(part.outcome, minlength=len(self._ended))
        self._answered.append(int(part.answered.max()))

    def found(self) -> Tally:
        """Return what was counted."""
        return Tally(tuple(self._ended.tolist()), max(self._answered, default=None))


def tally(looks: Columns) -> Tally:
    """Count how looks ended."""
    counting = Tallies()
    for _, part in looks.blocks():
        counting.take(part)
    return counting.found()


def where(looks: Columns, is_it: Callable[[Columns], Mask], most: int = 3) -> Places:
    """Count the looks of which something is true, and number the first `most` and the last of them."""
    count, places_there, last = 0, list[int](), None
    for first, part in looks.blocks():
        places = np.flatnonzero(is_it(part))
        if len(places):
            count += len(places)
            places_there += [first + place for place in places[: most - len(places_there)].tolist()]
            last = first + int(places[-1])
    return Places(count, places_there, last)


def first(looks: Columns, is_it: Callable[[Columns], Mask], most: int = 3) -> list[int]:
    """Return the numbers of the first `most` looks of which something is true; none is gone through beyond them."""
    first_places = list[int]()
    for before, part in looks.blocks() if most else ():
        first_places += [before + place for place in np.flatnonzero(is_it(part))[: most - len(first_places)].tolist()]
        if len(first_places) == most:
            break
    return first_places
