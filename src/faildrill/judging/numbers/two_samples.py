"""Whether answers became slower between two spans of time, each known within bounds only.

The same score as of a trend (`gehan`): how many answers of either span one is surely slower than, minus how many it is
surely faster than. An answer that never came is [its deadline, infinity). Answers that follow each other are alike, so
they are put together in stretches first, each by the median of its bounds; the p is how often the same stretches in a
random order have a second span as slow.
"""

import hashlib
from typing import Final, NamedTuple

import numpy as np

from faildrill.judging.numbers.interval_test import Floats, gehan

FEWEST: Final = 6
"""Stretches of a span, at the least: with fewer no order of them is rare enough to prove anything."""
MOST: Final = 40
"""Stretches of a span, at the most."""
_TOGETHER: Final = 3
"""Answers in a stretch, at the least."""
_ORDERS: Final = 9_999
"""Random orders that are drawn: with the one that is there ten thousand, so that p has four digits."""


class Span(NamedTuple):
    """Answers of a span, (n,) float seconds each, in the order of time."""

    at_least: Floats
    at_most: Floats


class Slower(NamedTuple):
    """What two spans say."""

    p: float
    """How often chance alone makes the second one as slow; 1, undrawn, where it is not slower by what matters."""
    surely: float
    """By how much of the first one's median the second one's is longer at the least; negative where bounds overlap."""


def slower(before: Span, after: Span, name: str, matters: float) -> Slower | None:
    """Return what is proven of the second span against the first; None where either has too few answers.

    `matters` is by how much of the first one's median the second one must be longer for its p to be of interest. The
    same answers and name give the same on any machine.
    """
    one, other = _stretches(before), _stretches(after)
    if one is None or other is None:
        return None
    first, second = float(np.median(one.at_most)), float(np.median(other.at_least))
    # The least of the one against the most of the other: what the bounds leave open counts against the claim.
    surely = (second - first) / first if 0 < first < np.inf else -np.inf
    return Slower(_chance(one, other, name) if surely > matters else 1.0, surely)


def _chance(one: Span, other: Span, name: str) -> float:
    """Return how often stretches in a random order have a second span as slow."""
    scores = gehan(np.concatenate([one.at_least, other.at_least]), np.concatenate([one.at_most, other.at_most]))
    rank_sum = float(scores[len(one.at_least) :].sum())
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
    bits = np.random.PCG64(seed)
    orders = bits.random_raw(_ORDERS * len(scores)).reshape(_ORDERS, len(scores)).argsort(axis=1)
    # Sums of whole numbers as floats: the hair of tolerance is for the order in which they were added.
    as_slow = int((scores[orders][:, len(one.at_least) :].sum(axis=1) >= rank_sum - 1e-9).sum())
    # The order that is there counts as one of those drawn, so that no p is ever 0 (Phipson and Smyth 2010).
    return (as_slow + 1) / (_ORDERS + 1)


def _stretches(span: Span) -> Span | None:
    number = min(MOST, len(span.at_least) // _TOGETHER)
    if number < FEWEST:
        return None
    parts = zip(np.array_split(span.at_least, number), np.array_split(span.at_most, number), strict=True)
    medians = [(float(np.median(low)), float(np.median(high))) for low, high in parts]
    return Span(*(np.array(side, float) for side in zip(*medians, strict=True)))
