"""Which secrets a recovery will need and can't resolve: told before it begins, all at once."""

from collections.abc import Iterator
from pathlib import Path

from faildrill.acting.undo import open_intents
from faildrill.kinds import Shape
from faildrill.kinds.secret_references import unresolvable
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.restoring.recovery import started
from faildrill.restoring.salvage import remembered


def lacking(folder: Path) -> list[str]:
    """Say of every secret that putting a run back needs and that can't be resolved here, how to give it."""
    return unresolvable(_needed(folder))


def _needed(folder: Path) -> Iterator[tuple[KindUse, Shape]]:
    """Yield every kind that a recovery uses: the open steps, what proves the place, what is watched, the lock."""
    first = started(folder)
    drill, place = Drill.model_validate(first.drill), Environment.model_validate(first.place)
    for intent in open_intents(remembered(folder)):
        yield KindUse(kind=intent.kind, params=intent.params), "action"
        if intent.undo_kind:
            yield KindUse(kind=intent.undo_kind, params=intent.undo_params or {}), "action"
    for use in place.identity:
        yield use, "guard"
    for plan in (*drill.probes, *place.probes):
        yield plan.use, "probe"
    if place.lock:
        yield place.lock, "lock"
