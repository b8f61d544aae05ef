"""From when on silence is darkness, and from when on an answer is late: as the drill says, else from the warm-up."""

from typing import Final

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.model.drill import ProbePlan
from faildrill.proofs.looks import SILENCE

SLOW_FACTOR: Final = 20
"""Silence is dark after this many times the slowest answer of the warm-up: no user would call that working."""
SLOW_LEAST: Final = 250_000_000
"""Nanoseconds below which no default for `slow` goes."""
LATE_FACTOR: Final = 2
"""An answer is late after this many times the slowest of the warm-up: late, not dark."""
LATE_LEAST: Final = 50_000_000
"""Nanoseconds below which nothing is late: the machine's own hiccups are no brown-out."""

TOLD_WITHIN: Final = 60_000_000_000
"""Nanoseconds beyond its timeout within which a late answer to a look is still told."""


def reach(plan: ProbePlan) -> int:
    """Return how many ns before something a look was due that may still tell of it, at most."""
    return nanoseconds(plan.every) + nanoseconds(plan.timeout) + TOLD_WITHIN


def slow(plan: ProbePlan, slowest: int) -> int:
    """Return the ns after which silence is dark, given the slowest answer of the warm-up.

    How late the answers to a load are is for `latency`: of thousands, one would decide.
    """
    timeout = nanoseconds(plan.timeout)
    if plan.by == "load":
        return timeout
    return min(nanoseconds(plan.slow) if plan.slow else max(SLOW_FACTOR * slowest, SLOW_LEAST), timeout)


def late(plan: ProbePlan, slowest: int) -> int:
    """Return the ns after which a good answer is late, given the slowest answer of the warm-up."""
    return min(max(LATE_FACTOR * slowest, LATE_LEAST), slow(plan, slowest))


def capped(slow: float, timeout: float) -> int:
    """Return the ns after which silence is dark, as the warm-up told it in seconds: never beyond the timeout."""
    return nanoseconds(min(slow, timeout))


def unwatched(every: float, timeout: float) -> int:
    """Return the ns without a look that proves anything after which nobody is watching; both are in seconds."""
    return nanoseconds(SILENCE * every + timeout)


def told(plan: ProbePlan) -> str:
    """Say in words what of a probe's silence counts as dark."""
    timeout = durations.show(plan.timeout)
    if plan.by == "load":
        return f"no answer within {timeout} is dark"
    if plan.slow:
        return f"no answer within {durations.show(plan.slow)} is dark, as the drill says"
    least = durations.show(min(SLOW_LEAST / 1e9, plan.timeout))
    times = f"{SLOW_FACTOR} times the slowest of the warm-up"
    return f"no answer within {times} is dark (at least {least}, at most {timeout})"
