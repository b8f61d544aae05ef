"""Conditions outside of the samples under which a drill neither starts nor goes on: guards used under `abort_when`."""

from typing import Final, NamedTuple

from faildrill.kinds import build
from faildrill.model.drill import Drill
from faildrill.ports import Guard
from faildrill.ports.target import KindUse

EVERY: Final = 5.0
"""Seconds between two looks at a condition that says nothing else."""
WITHIN: Final = 5.0
"""Seconds that one look at a condition may take while the drill runs; later counts as broken."""


class Condition(NamedTuple):
    """A guard that is asked before the start and again while the drill runs."""

    kind: str
    guard: Guard
    every: float
    within: float


def conditions(drill: Drill) -> list[Condition]:
    """Return the drill's abort conditions that look for themselves."""
    return [_condition(use) for use in uses(drill)]


def uses(drill: Drill) -> list[KindUse]:
    """Return the abort conditions of a drill that are guards, as data."""
    return [use for use in drill.abort_when if isinstance(build(use, "abort"), Guard)]


def _condition(use: KindUse) -> Condition:
    guard = build(use, "abort")
    every = getattr(guard, "every", EVERY)
    return Condition(use.kind, guard, every, min(WITHIN, max(every, 1.0)))
