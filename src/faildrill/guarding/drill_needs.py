"""What one drill will need, looked at before it is run: a look with each probe, and the rights of each action."""

from collections.abc import AsyncIterator, Iterator
from typing import Final

from pydantic import ValidationError

from faildrill.acting.call import call, words
from faildrill.errors import ActionError, CannotSee
from faildrill.guarding.objections import foreseen
from faildrill.guarding.readiness_checks import looked
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Drill, actions
from faildrill.model.environment import Environment
from faildrill.ports import Checked, NeedsRights, Previews
from faildrill.ports.target import KindUse

_WITHIN: Final = 10.0
"""Seconds that one question of an action may take."""


async def of_drill(drill: Drill, environment: Environment) -> AsyncIterator[Checked]:
    """Look at what a drill names, whatever the others say; the environment's own probes are looked at with it."""
    known = {plan.name for plan in environment.probes}
    for plan in drill.probes:
        if plan.name not in known:
            yield await looked(f"probe {plan.name}", plan)
    for plan in drill.load:
        yield await looked(f"load {plan.name}", plan)
    async for answer in foreseen(drill, "doctor"):
        remedy = "see `faildrill plan`" if answer.objection else ""
        yield Checked(answer.guard, answer.objection is None, answer.objection or "could be done", remedy)
    uses: list[KindUse] = []
    for what, use in _actions(drill):
        if use not in uses:
            uses.append(use)
            async for need in _of_action(what, use):
                yield need


def _actions(drill: Drill) -> Iterator[tuple[str, KindUse]]:
    """Yield what steps do and how they are put back, in all ways; not what is complete only when it is due."""
    for step in actions(drill.every_step):
        if not step.late:
            yield f"step {step.id}", step.use
            if step.undo.use is not None:
                yield f"undo of step {step.id}", step.undo.use


async def _of_action(what: str, use: KindUse) -> AsyncIterator[Checked]:
    given = CallContext("doctor", timeout=_WITHIN)
    try:
        action = build(use, "action")
    except ValidationError:
        return  # holds what is known only when it is due
    if isinstance(action, NeedsRights):
        try:
            for right in await call(action.rights(given), _WITHIN):
                yield right._replace(what=f"{what} {right.what}")
        except (ActionError, CannotSee) as error:
            because = f"its rights are unknown: {words(error)}"
            yield Checked(what, ok=False, told=because, remedy="see that the target is up and reachable")
    if isinstance(action, Previews):
        yield await _now(what, action, given)


async def _now(what: str, action: Previews, given: CallContext) -> Checked:
    """Look whether an action could be done as things stand."""
    try:
        preview = await call(action.preview(given), _WITHIN)
    except (ActionError, CannotSee) as error:
        remedy = "see to it, unless an earlier step of the drill does"
        return Checked(what, ok=False, told=f"can't be done now: {words(error)}", remedy=remedy)
    return Checked(what, ok=True, told=words(preview.effect))
