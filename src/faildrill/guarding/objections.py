"""Reasons not to start: each is looked at, and what can't be read objects."""

from collections.abc import AsyncIterator
from typing import ClassVar, Literal, Protocol, runtime_checkable

from faildrill.acting.call import ask, words
from faildrill.errors import ActionError, ActionRefused, CannotSee
from faildrill.guarding import abort_guards, approvals, coverage, known_secrets, reach_proofs
from faildrill.guarding.blast_radius import Radius
from faildrill.guarding.coverage import cover
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.locking import halt_switch
from faildrill.locking.declared_facts import proven
from faildrill.model.drill import Drill, Parallel, Step, actions
from faildrill.model.environment import Environment
from faildrill.ports import NEEDS_HEIR, Foresees, Guard, Previews
from faildrill.ports.target import KindUse
from faildrill.record.timeline import GuardAnswered

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
        async for answer in _covered(environment, drill, run):
            yield answer
        yield GuardAnswered(guard="secrets", objection=known_secrets.objection(drill, environment))
        async for answer in foreseen(drill, run):
            yield answer
    yield GuardAnswered(guard="halt", objection=halt_switch.objection(proven(environment)))
    for use in (*environment.identity, *environment.guards):
        yield await _asked(use, "guard", run)
    if drill is not None:
        async for answer in _of_drill(environment, drill, run):
            yield answer


async def _of_drill(environment: Environment, drill: Drill, run: str) -> AsyncIterator[GuardAnswered]:
    """Ask what looks outside for the drill, who approves it, and how much it touches."""
    for use in abort_guards.uses(drill):
        yield await _asked(use, "abort", run)
    if environment.approvals is not None:
        yield GuardAnswered(guard="approvals", objection=approvals.objection(drill, environment))
    if environment.blast_radius is not None:
        yield GuardAnswered(guard="blast_radius", objection=await Radius(environment, run).objection_to(drill))


def _declared(environment: Environment) -> GuardAnswered:
    objection = None
    if not environment.drillable:
        objection = f"{environment.name} is not marked `drillable: true`; mark only a staging that may be broken"
    return GuardAnswered(guard="drillable", objection=objection)


def _provable(environment: Environment) -> GuardAnswered:
    objection = None
    if not environment.identity:
        objection = f"{environment.name} declares no `identity:`, so nothing shows that it is not production"
    return GuardAnswered(guard="identity", objection=objection)


async def _covered(environment: Environment, drill: Drill, run: str) -> AsyncIterator[GuardAnswered]:
    """Object to whatever is acted on that no identity guard has read, or that its reach does not lead to."""
    covered = cover(environment, drill)
    for what, because in covered.unproven:
        yield GuardAnswered(guard="identity of what is acted on", unproven=f"{words(what)}: {words(because)}")
    yield GuardAnswered(guard="identity of what is acted on", objection=coverage.objection(environment, covered))
    for target in covered.led.values():
        if any(member.reach for member in target.nodes.values()):
            objection = await reach_proofs.objection(target, run)
            yield GuardAnswered(guard=f"reach of {coverage.called(target)}", objection=objection)
    for deed in coverage.deeds(drill):
        proofs = await reach_proofs.through(deed, run)
        if proofs is not None:
            wrong = "; ".join((*proofs.differs, *proofs.silent))
            yield GuardAnswered(guard=f"what {deed.where} acts through", objection=wrong or None)


async def foreseen(drill: Drill, run: str) -> AsyncIterator[GuardAnswered]:
    """Ask every step that can tell beforehand whether it could be done; one that is not complete yet can't.

    What a drill does first, where that takes a leader away, is asked whether somebody could follow as things stand.
    """
    async for answer in _followed(drill, run):
        yield answer
    for step in actions(drill.steps):
        action = None if step.late else build(step.use, "action")
        if not isinstance(action, Foresees):
            continue
        try:
            objection = await ask(action.objection(CallContext(run, timeout=FORESEEING)), FORESEEING)
        except (ActionError, CannotSee) as error:
            objection = f"nobody could tell, which counts as an objection: {error}"
        yield GuardAnswered(guard=f"step {step.id}", objection=None if objection is None else words(objection))


async def _followed(drill: Drill, run: str) -> AsyncIterator[GuardAnswered]:
    """Ask what a drill does first: later steps are asked when due, as what is before may make them possible."""
    first = next((step for step in drill.steps if isinstance(step, Step | Parallel)), None)
    for step in actions([first] if first else []):
        action = None if step.late else build(step.use, "action")
        if not (getattr(action, NEEDS_HEIR, False) and isinstance(action, Previews)):
            continue
        objection = None
        try:
            await ask(action.preview(CallContext(run, timeout=WITHIN)), WITHIN)
        except ActionRefused as error:
            objection = str(error)
        except (ActionError, CannotSee) as error:
            objection = f"nobody could tell who could take over, which counts as an objection: {error}"
        yield GuardAnswered(guard=f"step {step.id}", objection=None if objection is None else words(objection))


async def _asked(use: KindUse, shape: Literal["guard", "abort"], run: str) -> GuardAnswered:
    try:
        guard: Guard = build(use, shape)
        within = guard.patience if isinstance(guard, Patient) else WITHIN
        objection = await ask(guard.objection(CallContext(run, timeout=within)), within)
    except (ActionError, CannotSee) as error:
        objection = f"got no answer, which counts as an objection: {error}"
    return GuardAnswered(guard=use.kind, objection=None if objection is None else words(objection))
