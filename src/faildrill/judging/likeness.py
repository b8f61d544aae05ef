"""How unlike two shares are: with which probability chance alone parts them at least so far.

By the exact test of R. A. Fisher (1935) on the hypergeometric distribution. Where several probes tell of the same, each
is a stratum of its own, and their sum is weighed (M. Zelen, 1971): what one of them sees anyway proves nothing of
another.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

_LONGEST: Final = 1 << 20
"""Looks beyond which nobody wants to know any more how many it takes."""


class Share(NamedTuple):
    """So many of so many."""

    hits: int
    total: int

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.hits} of {self.total}"

    def __add__(self, other: object) -> "Share":
        """Put the looks of two together."""
        assert isinstance(other, Share)  # noqa: S101 - shares are added to shares
        return Share(self.hits + other.hits, self.total + other.total)

    @property
    def part(self) -> float:
        """The share as a number; 0 of none."""
        return self.hits / self.total if self.total else 0.0

    def usual_of(self, total: int, beside: "Share") -> "Share":
        """Return what nearly all of so many looks make of this share: two standard deviations nearer to another one."""
        spread = 2 * math.sqrt(total * self.part * (1 - self.part))
        hits = total * self.part + (spread if beside.part > self.part else -spread)
        return Share(min(total, max(0, round(hits))), total)


Stratum = tuple[Share, Share]
"""What one probe tells: of the one time, and of the other."""


def total(shares: Iterable[Share]) -> Share:
    """Put the looks of several together."""
    return sum(shares, start=Share(0, 0))


def chance(one: Share, other: Share) -> float:
    """Return with which probability two shares of one kind differ at least so much, on either side."""
    # Twice the smaller tail: nobody says beforehand on which side it will differ.
    fewer, more = tails([(one, other)])
    return min(1.0, 2 * min(fewer, more))


def tails(strata: Iterable[Stratum]) -> tuple[float, float]:
    """Return with which probability the first time of all strata holds so few hits or fewer, and so many or more."""
    ways, at = np.ones(1), 0
    for former, other in strata:
        each, least = _ways_to_part(former, other)
        # The sum of independent counts has the convolution of their distributions.
        ways, at = np.convolve(ways, each), at + former.hits - least
    return min(1.0, float(ways[: at + 1].sum())), min(1.0, float(ways[at:].sum()))


def looks_needed(before: Share, level: float) -> int | None:
    """Return how many looks without a hit chance alone gives with at most that probability; None: no number of them."""
    if not before.hits:
        return None
    lacking, enough = 0, 1
    # Doubled until it is enough, then halved into place: a formula would not be exact for so few.
    while tails([(Share(0, enough), before)])[0] > level:
        lacking, enough = enough, 2 * enough
        if enough > _LONGEST:
            return None
    while enough - lacking > 1:
        middle = (lacking + enough) // 2
        if tails([(Share(0, middle), before)])[0] > level:
            lacking = middle
        else:
            enough = middle
    return enough


def _ways_to_part(one: Share, other: Share) -> "tuple[np.typing.NDArray[np.float64], int]":
    """Return by hits of the first, from the least that it can have on, how likely that many are."""
    hits, all_ = one.hits + other.hits, one.total + other.total
    least, most = max(0, hits - other.total), min(hits, one.total)
    whole = _ways(all_, one.total)
    each = [math.exp(_ways(hits, at) + _ways(all_ - hits, one.total - at) - whole) for at in range(least, most + 1)]
    return np.array(each), least


def _ways(many: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose."""
    # n! as a logarithm: the factorials themselves overflow from 171 on.
    return math.lgamma(many + 1) - math.lgamma(chosen + 1) - math.lgamma(many - chosen + 1)
