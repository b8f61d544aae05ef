"""Whether lengths of time that are known within bounds only became longer somewhere in a row of them.

A length is [at least, at most]; where its end was not seen the latter is infinite. The *score* of a length is how many
others it is surely longer than, minus how many it is surely shorter than (Gehan 1965, Mantel 1967). Bounds that overlap
say nothing, so a coarse probe makes no news. The *best split* of the row is the one after which the scores are highest
for how many there are, and its p is how often the same scores in a random order have one as good (Hothorn and Lausen
2003).

Nights that are alike make random orders a bad measure: what is tested then is by how much a night was longer than the
one before foretells (an autoregression of the first order, estimated around the best split, as it has to be: a step
would look like a likeness). Shifting both bounds of a length by a number keeps them bounds.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BEFORE: Final = 5
"""Lengths before a split, at the least."""
AFTER: Final = 3
"""Lengths after a split, at the least: one bad night is no change."""
STAGES: Final = ((199, 0.05), (1_999, 0.01), (19_999, 0.0001), (99_999, 0.0))
"""How many random orders are drawn, and the p above which no more are needed (Besag and Clifford 1991)."""
_BIAS: Final = 6.0
"""Divided by the number of lengths: what an estimate of likeness falls short by, around a split that was chosen. By
trial: with less, nights that are alike by 0.6 alarm in more than one of ten rows of forty."""
_MOST_ALIKE: Final = 0.9
"""Beyond it a row is nearly one night again and again, and taking it out would leave noise."""
_FAR: Final = 3.0
"""Deviations from the median beyond which a night foretells no more than one that far off."""
_NORMAL: Final = 1.4826
"""A standard deviation, in median absolute deviations."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """The best split of a row of lengths."""

    p: float
    """How often chance alone makes one as good."""
    before: int
    """How many lengths are before it."""
    alike: float
    """How alike neighbours are taken to be: 0, not at all, to 0.9."""


def best_split(at_least: Floats, at_most: Floats, names: Sequence[str]) -> Split:
    """Return from where on lengths are longer, if anywhere; the same lengths and names give the same on any machine.

    Both arrays are (n,) float seconds in the order of time, n at least `BEFORE + AFTER`; `names` are those of the runs,
    which the random orders follow from. To ask for shorter ones give `-at_most, -at_least`.
    """
    scores = gehan(at_least, at_most)
    if not scores.any():
        return Split(1.0, len(scores), 0.0)
    alike = _alike(scores)
    # Shifts both bounds of a night alike, so that they stay bounds of what is left to explain.
    foretold = alike * _deviations(at_least, at_most)
    scores = gehan(at_least - foretold, at_most - foretold)
    standardized = _standardized(scores[None])[0]
    best = int(standardized.argmax())
    return Split(_chance(scores, float(standardized[best]), names), BEFORE + best, alike)


def gehan(at_least: Floats, at_most: Floats) -> Floats:
    """Return the score of each of n lengths: (n,), the sum of which is 0."""
    longer = at_least[:, None] > at_most[None, :]
    scores: Floats = (longer.sum(1) - longer.sum(0)).astype(np.float64)
    return scores


def _standardized(scores: Floats) -> Floats:
    """Return for rows of scores, (m, n), by how many standard deviations the sum after each split is too high."""
    n = scores.shape[1]
    before = np.arange(BEFORE, n - AFTER + 1)
    after = -np.cumsum(scores, axis=1)[:, before - 1]
    deviation = np.sqrt((scores[0] ** 2).sum() / (n * (n - 1.0)) * before * (n - before))
    standardized: Floats = after / np.where(deviation > 0, deviation, np.inf)
    return standardized


def _alike(scores: Floats) -> float:
    """Estimate how alike neighbours are, around the best split; in steps, so that the last digit decides nothing."""
    split = BEFORE + int(_standardized(scores[None])[0].argmax())
    rest = np.concatenate([scores[:split] - scores[:split].mean(), scores[split:] - scores[split:].mean()])
    own = float((rest**2).sum())
    correlation = float((rest[1:] * rest[:-1]).sum()) / own if own else 0.0
    return min(_MOST_ALIKE, max(0.0, round((correlation + _BIAS / len(scores)) * 20) / 20))


def _deviations(at_least: Floats, at_most: Floats) -> Floats:
    """Return how far the night before each was from the median: (n,) seconds, 0 for the first."""
    middle = np.where(np.isfinite(at_most), (at_least + np.where(np.isfinite(at_most), at_most, 0.0)) / 2, at_least)
    middle = np.where(np.isfinite(middle), middle, np.where(np.isfinite(at_most), at_most, 0.0))
    away = middle - np.median(middle)
    far = _FAR * _NORMAL * float(np.median(np.abs(away)))
    return np.concatenate([[0.0], np.clip(away, -far, far)[:-1]])


def _chance(scores: Floats, found: float, names: Sequence[str]) -> float:
    """Return how often a random order has a split as good; raw random bits, which NumPy promises not to change."""
    seed = int.from_bytes(hashlib.sha256("\n".join(names).encode()).digest()[:16], "big")
    bits, n = np.random.PCG64(seed), len(scores)
    as_good = drawn = 0
    for stage, enough in STAGES:
        for wanted in _parts(stage - drawn):
            order = bits.random_raw(wanted * n).reshape(wanted, n).argsort(axis=1)
            # Floats: the hair of tolerance is for the order in which scores were added.
            as_good += int((_standardized(scores[order]).max(axis=1) >= found - 1e-9).sum())
        drawn = stage
        # No more orders than decide: most rows are plainly nothing after the first stage.
        if (as_good + 1) / (drawn + 1) > enough:
            break
    return (as_good + 1) / (drawn + 1)


def _parts(number: int) -> list[int]:
    """Divide a number of orders into parts that stay small in memory."""
    most = 20_000
    return [most] * (number // most) + ([number % most] if number % most else [])


def adjusted(chances: Sequence[float]) -> list[float]:
    """Return each p as it counts among all that were looked at together (Benjamini and Hochberg 1995)."""
    order = sorted(range(len(chances)), key=lambda number: -chances[number])
    raised, least = [0.0] * len(chances), 1.0
    for rank, number in zip(range(len(chances), 0, -1), order, strict=True):
        # From the largest p down, never rising again: a smaller p must not count as less sure than a larger one.
        least = min(least, chances[number] * (len(chances) / rank))
        raised[number] = least
    return raised
