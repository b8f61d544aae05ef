"""Requests in virtual time: how the spread alarm does, seed by seed: few here, 1,000 in benchmarks/.

Requests come at random (Poisson) and go to servers at random by the weights in force, which spreads them less evenly
than round robin does. A look every half second; then the weights change, and the look at which the alarm goes off is
noted.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from faildrill.spread.current import CurrentSpread

EVERY: Final = 0.5
EVEN_FOR: Final = 60.0
SKEWED_FOR: Final = 120.0


@dataclass(frozen=True)
class World:
    """Requests a second, the weights that are due, and those before and after the change."""

    name: str
    rate: float
    before: tuple[float, ...] = (1, 1, 1)
    after: tuple[float, ...] | None = None
    due: tuple[float, ...] = (1, 1, 1)


WORLDS: Final = (
    World("even", 20),
    World("even", 120),
    World("even", 1000),
    World("even, of 20 servers", 120, (1,) * 20, None, (1,) * 20),
    World("10% more to one", 1000, (1.155, 1, 1)),
    World("at the edge: 25% more", 120, (5, 3.5, 3.5)),
    World("7:1:1, as in the drill", 20, after=(7, 1, 1)),
    World("7:1:1, as in the drill", 120, after=(7, 1, 1)),
    World("7:1:1, as in the drill", 1000, after=(7, 1, 1)),
    World("twice as much to one", 20, after=(4, 1, 1)),
    World("twice as much to one", 120, after=(4, 1, 1)),
    World("half as much again to one", 120, after=(2, 1, 1)),
    World("half as much again to one", 1000, after=(2, 1, 1)),
    World("one gets nothing", 120, after=(1, 1, 0)),
    World("one of 20 gets five times as much", 120, (1,) * 20, (6.33,) + (1,) * 19, (1,) * 20),
)


@dataclass(frozen=True)
class Found:
    """What one simulation found: looks with a false alarm, and seconds until the skew was seen (None: never)."""

    false: int
    looks: int
    seen: float | None


def simulate(world: World, seed: int, even_for: float = EVEN_FOR, skewed_for: float = SKEWED_FOR) -> Found:
    """Run one simulation."""
    draw = np.random.default_rng(seed)
    following = CurrentSpread()
    names = [f"s{number}" for number in range(len(world.due))]
    due = dict(zip(names, world.due, strict=True))
    false, at = 0, 0.0
    for _ in range(round(even_for / EVERY)):
        at += EVERY
        false += _look(following, draw, world.before, (world.rate, at, due)) == "skewed"
    looks, changed = round(even_for / EVERY), at
    for _ in range(round(skewed_for / EVERY) if world.after else 0):
        at += EVERY
        if _look(following, draw, world.after or (), (world.rate, at, due)) == "skewed":
            return Found(false, looks, at - changed)
    return Found(false, looks, None)


def _look(
    following: CurrentSpread,
    draw: np.random.Generator,
    weights: tuple[float, ...],
    how: tuple[float, float, dict[str, float]],
) -> str:
    rate, at, due = how
    parts = np.array(weights) / sum(weights)
    counts = draw.multinomial(draw.poisson(rate * EVERY), parts)
    return following.take(round(at * 1e9), dict(zip(due, map(float, counts), strict=True)), due).verdict
