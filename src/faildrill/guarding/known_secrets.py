"""Everything that a drill and its place name, to know the secrets in it before anything is written down."""

from collections.abc import Iterator

from faildrill.kinds import Shape
from faildrill.kinds.secret_references import learn, unresolvable
from faildrill.model.drill import Drill, actions
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse


def keep_secret(drill: Drill, place: Environment) -> None:
    """Keep every secret that a drill or its place refers to out of all that this process writes from now on."""
    learn((*_of_place(place), *_of_drill(drill)))


def objection(drill: Drill, place: Environment) -> str | None:
    """Say which secrets of a drill and its place can't be resolved: what needs one to be put back would stay on."""
    missing = unresolvable((*_of_place(place), *_of_drill(drill)))
    return "; ".join(missing) or None


def _of_place(place: Environment) -> Iterator[tuple[KindUse, Shape]]:
    for use in (*place.identity, *place.guards):
        yield use, "guard"
    for plan in place.probes:
        yield plan.use, "probe"
    if place.lock is not None:
        yield place.lock, "lock"


def _of_drill(drill: Drill) -> Iterator[tuple[KindUse, Shape]]:
    for plan in (*drill.probes, *drill.load):
        yield plan.use, "probe"
    for step in actions(drill.steps):
        yield step.use, "action"
        if step.undo.use is not None:
            yield step.undo.use, "action"
    for use in drill.abort_when:
        yield use, "abort"
