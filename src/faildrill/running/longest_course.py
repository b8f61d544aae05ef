"""How long a drill may take by its own limits."""

from typing import Final

from faildrill.model.drill import AnyStep, Drill, Parallel, Step, actions
from faildrill.restoring import steadiness

WARM_UP_PATIENCE: Final = 20.0
"""Seconds beyond the warm-up for which the probes may take to become good, before the drill is refused."""
_LOOKING: Final = 10.0
"""Seconds for which an effect is looked for beyond `within`, at the most."""


def longest(drill: Drill) -> float:
    """Return the seconds that a drill may take by its own limits: warm-up, steps, waits, undos, until steady again."""
    undos = sum(
        step.undo_within + min(step.undo_within, _LOOKING) for step in actions(drill.steps) if step.undo.how != "none"
    )
    acting = sum(_longest(step) for step in drill.steps)
    return drill.warm_up + WARM_UP_PATIENCE + acting + undos + steadiness.limit(drill) + steadiness.GRACE


def _longest(step: AnyStep) -> float:
    if isinstance(step, Parallel):
        return max((_longest(member) for member in step.steps), default=0.0)
    # What is seen of an effect may take as long as the call itself, after it returned; see `acting.call.LOOKING`.
    return step.within + min(step.within, _LOOKING) if isinstance(step, Step) else step.within
