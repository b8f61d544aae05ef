"""Rows of nights: lengths that are drawn, and what a probe of a given cadence can tell of each."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from faildrill.judging.numbers.interval_test import Floats

LENGTH: Final = 20.0
SPREAD: Final = 0.05


@dataclass(frozen=True)
class Sort:
    """How the nights of a row are."""

    alike: float = 0.0
    heavy: bool = False
    """One night in ten takes ten seconds longer."""
    every: tuple[float, float] = (0.05, 0.05)
    """Seconds between looks, in the first half of the row and in the second."""
    censored: bool = False
    """One night in five is aborted in the outage."""


SORTS: Final = {
    "unchanged": Sort(),
    "heavy tail": Sort(heavy=True),
    "cadence changed from 50 ms to 5 s": Sort(every=(0.05, 5.0)),
    "censored": Sort(censored=True),
    "alike by 0.3": Sort(alike=0.3),
    "alike by 0.6": Sort(alike=0.6),
}


def drawn(sort: Sort, seed: int, nights: int, step: int | None = None) -> tuple[Floats, Floats]:
    """Draw what was proven of each night, [at least, at most]; from `step` on they are 20 % longer."""
    draw = np.random.default_rng(seed)
    true = LENGTH * (1 + SPREAD * _autoregressive(draw, nights, sort.alike))
    true += 10.0 * (sort.heavy & (draw.random(nights) < 0.1))
    if step is not None:
        true[step:] *= 1.2
    every = np.where(np.arange(nights) < nights // 2, *sort.every)
    end = draw.random(nights) * every + true  # the last good look was at 0
    at_least = np.maximum(np.floor(end / every) * every - every, 0.0)
    at_most = np.floor(end / every) * every + every
    if sort.censored:
        cut = draw.random(nights) < 0.2
        at_least = np.where(cut, np.minimum(at_least, true * draw.random(nights)), at_least)
        at_most = np.where(cut, np.inf, at_most)
    return at_least, at_most


def _autoregressive(draw: np.random.Generator, nights: int, alike: float) -> Floats:
    news = draw.standard_normal(nights)
    found = np.empty(nights)
    found[0] = news[0]
    for night in range(1, nights):
        found[night] = alike * found[night - 1] + np.sqrt(1 - alike**2) * news[night]
    return found
