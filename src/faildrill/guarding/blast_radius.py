"""The blast radius: how many members of a target a drill touches, against what its environment allows."""

from collections.abc import Iterator
from typing import Final

from faildrill import durations
from faildrill.acting.call import call
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Drill, Step, actions
from faildrill.model.environment import Environment
from faildrill.ports import Preview, Previews

WITHIN: Final = 10.0
"""Seconds in which an action must tell what it would touch."""


class Radius:
    """What a drill has touched so far, and whether one more step would be too much."""

    def __init__(self, environment: Environment, run: str) -> None:
        self._environment = environment
        self._limits = environment.blast_radius
        self._run = run
        self._touched: set[str] = set()

    async def objection_to(self, drill: Drill) -> str | None:
        """Return why a drill touches too much, as far as that can be told before its first step; None: it does not.

        What can't be told yet (a step that is complete only when it is due, or can't be done now) is asked again then.
        """
        if self._limits is None:
            return None
        ahead = Radius(self._environment, self._run)
        for step in _known(drill):
            because = await ahead._objection(step, due=False)
            if because is not None:
                return f"{step.name}: {because}"
        return None

    async def objection(self, step: Step) -> str | None:
        """Return why a step, complete and due, must not be done; None, with what it touches counted, when it may."""
        return await self._objection(step, due=True) if self._limits is not None else None

    async def objection_to_group(self, steps: list[Step]) -> str | None:
        """Return why steps that are due at once must not be done, whatever each of them sees before the others act.

        Counts the members that the whole group touches, and refuses it where it would take the last healthy member of
        a target, or where that can't be told. Nothing is counted as touched yet: every step asks once more for itself.
        """
        ahead = Radius(self._environment, self._run)
        ahead._touched = set(self._touched)
        previews: list[Preview] = []
        for step in steps:
            because = await ahead.objection(step)
            if because is not None:
                return f"{step.name}: {because}"
            try:
                previews.append(await ahead._preview(step))
            except (ActionError, CannotSee) as error:
                return f"{step.name}: which members it would leave healthy is unknown: {error}"
        taken = {member for each in previews for member in {*each.touches} - {*each.spares}}
        for target in sorted({_target(member) for member in taken}):
            if self._is_taken_whole(target, taken, previews):
                return f"together these steps take the last healthy member of {target}: {', '.join(sorted(taken))}"
        return None

    def _is_taken_whole(self, target: str, taken: set[str], seen: list[Preview]) -> bool:
        """Tell whether nothing healthy of a target is left by all steps together, where each alone leaves some."""
        healthy = {member for each in seen for member in each.spares if _target(member) == target}
        if healthy:
            return not healthy - taken
        members = self._members(target)
        return bool(members) and members <= taken and not any(members <= set(preview.touches) for preview in seen)

    def _members(self, target: str) -> set[str]:
        """Return the declared members of a target; none where it is one thing."""
        return {
            f"{target}/{name}" for there in self._environment.declared if there.name == target for name in there.nodes
        }

    async def _preview(self, step: Step) -> Preview:
        """Look at what a step would touch and spare; nothing where its kind tells no such thing."""
        action = build(step.use, "action")
        if not isinstance(action, Previews):
            return Preview([], "", "")
        return await call(action.preview(CallContext(self._run, timeout=WITHIN)), WITHIN)

    async def _objection(self, step: Step, *, due: bool) -> str | None:
        action = build(step.use, "action")
        touches: list[str] = []
        if isinstance(action, Previews):
            try:
                preview = await call(action.preview(CallContext(self._run, timeout=WITHIN)), WITHIN)
            except (ActionError, CannotSee) as error:
                return f"no answer within {durations.show(WITHIN)} to what it touches: {error}" if due else None
            touches = preview.touches
        if not touches:
            return self._unknown(step)
        self._touched |= set(touches)
        return "; ".join(self._exceeded()) or None

    def _unknown(self, step: Step) -> str | None:
        if self._limits is None or self._limits.unknown == "allowed":
            return None
        return f"{step.use.kind} can't tell which members it touches; the environment's blast radius refuses that"

    def _exceeded(self) -> Iterator[str]:
        for section, limits in self._limits.limits.items() if self._limits else ():
            targets = self._environment.section(section)
            for name, most in limits.items():
                touched = targets[name].touched(self._touched)
                if len(touched) > most:
                    yield f"touches {len(touched)} members of {name} ({', '.join(touched)}) where {most} may be touched"


def _target(member: str) -> str:
    return member.rpartition("/")[0]


def _known(drill: Drill) -> Iterator[Step]:
    """Yield the steps that are complete before the drill starts."""
    return (step for step in actions(drill.steps) if not step.late)
