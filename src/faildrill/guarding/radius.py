"""The blast radius: how many members of a target a drill touches, against what its environment allows."""

from collections.abc import Iterable, Iterator
from typing import Final

from faildrill import durations
from faildrill.acting.calling import call
from faildrill.drill import Drill, Parallel, Step
from faildrill.environment import Environment
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds import build
from faildrill.kinds.supplying import Supplies
from faildrill.ports import Previews

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

    async def _objection(self, step: Step, *, due: bool) -> str | None:
        action = build(step.use, "action")
        touches: list[str] = []
        if isinstance(action, Previews):
            try:
                seen = await call(action.preview(Supplies(self._run, timeout=WITHIN)), WITHIN)
            except (ActionError, CannotSee) as error:
                return f"what it touches can't be told within {durations.show(WITHIN)}: {error}" if due else None
            touches = seen.touches
        if not touches:
            return self._unknown(step)
        self._touched |= set(touches)
        return "; ".join(self._exceeded()) or None

    def _unknown(self, step: Step) -> str | None:
        if self._limits is None or self._limits.unknown == "allowed":
            return None
        return f"{step.use.kind} can't tell which members it touches; the environment's blast radius refuses that"

    def _exceeded(self) -> Iterator[str]:
        limits = self._limits
        for section in ("groups", "clusters") if limits else ():
            targets = getattr(self._environment, section)
            for name, most in getattr(limits, section).items():
                touched = sorted(one for one in targets[name].members if f"{name}/{one}" in self._touched)
                if len(touched) > most:
                    yield f"touches {len(touched)} members of {name} ({', '.join(touched)}) where {most} may be touched"


def _known(drill: Drill) -> Iterator[Step]:
    """Yield the steps that are complete before the drill starts."""
    for step in _flat(drill.steps):
        if isinstance(step, Step) and not step.late:
            yield step


def _flat(steps: Iterable[object]) -> Iterator[object]:
    for step in steps:
        if isinstance(step, Parallel):
            yield from step.steps
        else:
            yield step
