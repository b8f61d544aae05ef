"""Reasons not to start: each is looked at, and what can't be read objects."""

from collections.abc import AsyncIterator
from typing import ClassVar, Literal, Protocol, runtime_checkable

from faildrill.acting.calling import call, words
from faildrill.drill import Drill, Parallel, Step
from faildrill.environment import Environment
from faildrill.errors import ActionError, ActionRefused, CannotSee
from faildrill.guarding import approving, halting, outside, secrecy
from faildrill.guarding.facts import proven
from faildrill.guarding.radius import Radius
from faildrill.kinds import build
from faildrill.kinds.supplying import Supplies
from faildrill.ports import NEEDS_HEIR, Foresees, Guard, Previews
from faildrill.targets import KindUse
from faildrill.timeline import GuardAnswered

WITHIN = 10.0
"""Seconds for which a guard may look; later is an objection."""
FORESEEING = 30.0
"""Seconds for which a step may look at whether it could be done: programs that are started for it take their time."""


@runtime_checkable
class Patient(Protocol):
    """A guard, or a check of the doctor, that takes longer than others, as it has to start programs."""

    patience: ClassVar[float]
    """Seconds that it may take."""


async def answers(environment: Environment, run: str, drill: Drill | None = None) -> AsyncIterator[GuardAnswered]:
    """Ask every guard of an environment and of a drill, whatever the others say: nothing is changed to find out."""
    yield _declared(environment)
    yield _provable(environment)
    if drill is not None:
        yield _covered(environment, drill)
        yield GuardAnswered(guard="secrets", objection=secrecy.objection(drill, environment))
        async for answer in foreseen(drill, run):
            yield answer
    yield GuardAnswered(guard="halt", objection=halting.objection(proven(environment)))
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


def _covered(environment: Environment, drill: Drill) -> GuardAnswered:
    """Object to a cluster, or to hosts, acted on that no identity guard has read."""
    proven = {name for use in environment.identity for name in _proving(use)}
    steps = [one for step in drill.steps for one in (step.steps if isinstance(step, Parallel) else (step,))]
    touched = {name for step in steps if isinstance(step, Step) for name in _proving(step.use)}
    unproven = ", ".join(sorted(touched - proven))
    objection = None
    if unproven:
        objection = f"{unproven} is acted on, but no guard of `identity:` reads what it is; name it in one"
    return GuardAnswered(guard="identity of what is acted on", objection=objection)


def _proving(use: KindUse) -> list[str]:
    """Name the clusters and hosts that a kind is given: targets that can prove what they are."""
    given = [value for value in use.params.values() if isinstance(value, dict)]
    return [str(value["name"]) for value in given if "scope" in value or "inventory" in value]


async def foreseen(drill: Drill, run: str) -> AsyncIterator[GuardAnswered]:
    """Ask every step that can tell beforehand whether it could be done; one that is not complete yet can't.

    What a drill does first, where that takes a leader away, is asked whether somebody could follow as things stand.
    """
    async for answer in _followed(drill, run):
        yield answer
    for step in (one for group in drill.steps for one in (group.steps if isinstance(group, Parallel) else (group,))):
        action = build(step.use, "action") if isinstance(step, Step) and not step.late else None
        if not isinstance(action, Foresees):
            continue
        try:
            objection = await call(action.objection(Supplies(run, timeout=FORESEEING)), FORESEEING)
        except (ActionError, CannotSee) as error:
            objection = f"could not be told, and so objects: {error}"
        yield GuardAnswered(guard=f"step {step.id}", objection=None if objection is None else words(objection))


async def _followed(drill: Drill, run: str) -> AsyncIterator[GuardAnswered]:
    """Ask what a drill does first: later steps are asked when due, as what is before may make them possible."""
    first = next((one for one in drill.steps if isinstance(one, Step | Parallel)), None)
    for step in first.steps if isinstance(first, Parallel) else (first,):
        if not isinstance(step, Step):
            continue
        action = None if step.late else build(step.use, "action")
        if not (getattr(action, NEEDS_HEIR, False) and isinstance(action, Previews)):
            continue
        objection = None
        try:
            await call(action.preview(Supplies(run, timeout=WITHIN)), WITHIN)
        except ActionRefused as error:
            objection = str(error)
        except (ActionError, CannotSee) as error:
            objection = f"who could follow could not be told, and so objects: {error}"
        yield GuardAnswered(guard=f"step {step.id}", objection=None if objection is None else words(objection))


async def _asked(use: KindUse, shape: Literal["guard", "abort"], run: str) -> GuardAnswered:
    try:
        guard: Guard = build(use, shape)
        within = guard.patience if isinstance(guard, Patient) else WITHIN
        objection = await call(guard.objection(Supplies(run, timeout=within)), within)
    except (ActionError, CannotSee) as error:
        objection = f"could not be answered, and so objects: {error}"
    return GuardAnswered(guard=use.kind, objection=None if objection is None else words(objection))
