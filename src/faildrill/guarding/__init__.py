"""Reasons not to start: each is looked at, and what can't be read objects."""

from collections.abc import AsyncIterator
from typing import Literal

from faildrill.acting.calling import call
from faildrill.drill import Drill
from faildrill.environment import Environment
from faildrill.errors import ActionError, CannotSee
from faildrill.guarding import approving, halting, outside
from faildrill.guarding.radius import Radius
from faildrill.kinds import build
from faildrill.kinds.supplying import Supplies
from faildrill.ports import Guard
from faildrill.targets import KindUse
from faildrill.timeline import GuardAnswered

WITHIN = 10.0
"""Seconds for which a guard may look; later is an objection."""


async def answers(environment: Environment, run: str, drill: Drill | None = None) -> AsyncIterator[GuardAnswered]:
    """Ask every guard of an environment and of a drill, whatever the others say: nothing is changed to find out."""
    yield _declared(environment)
    yield _provable(environment)
    yield GuardAnswered(guard="halt", objection=halting.objection(environment.proven_identity))
    for use in (*environment.identity, *environment.guards):
        yield await _asked(use, "guard", run)
    if drill is None:
        return
    for use in outside.uses(drill):
        yield await _asked(use, "abort", run)
    if environment.approvals is not None:
        yield GuardAnswered(guard="approvals", objection=approving.objection(drill, environment))
    if environment.blast_radius is not None:
        yield GuardAnswered(guard="blast_radius", objection=await Radius(environment, run).objection_to(drill))


def _declared(environment: Environment) -> GuardAnswered:
    objection = None
    if not environment.drillable:
        objection = f"{environment.name} is not marked `drillable: true`; only a staging that may be broken is"
    return GuardAnswered(guard="drillable", objection=objection)


def _provable(environment: Environment) -> GuardAnswered:
    objection = None
    if not environment.identity:
        objection = f"{environment.name} declares no `identity:`, so it can't be told from production"
    return GuardAnswered(guard="identity", objection=objection)


async def _asked(use: KindUse, shape: Literal["guard", "abort"], run: str) -> GuardAnswered:
    try:
        guard: Guard = build(use, shape)
        objection = await call(guard.objection(Supplies(run, timeout=WITHIN)), WITHIN)
    except (ActionError, CannotSee) as error:
        objection = f"could not be answered, and so objects: {error}"
    return GuardAnswered(guard=use.kind, objection=objection)
