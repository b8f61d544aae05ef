"""The one course of putting a run back: is it the place, undo, see it steady, see that it stays so."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from faildrill.acting.relapses import fallen, standing
from faildrill.guarding.same_place import ITSELF, Trust, refusal
from faildrill.model.environment import Environment
from faildrill.record.timeline import Intended, Timeline, UndoNotVerified
from faildrill.restoring.outside_view import OutsideView
from faildrill.restoring.steadiness import GRACE

Undo = Callable[[list[Intended]], Awaitable[list[str]]]
"""Puts all back, the last one first; gives the ids of the steps that were not seen put back."""
Steady = Callable[[float], Awaitable[bool]]
"""Watches until all is steady, for so many seconds more where something may still come back; tells whether it is."""


class EndState(NamedTuple):
    """What became of the steps that were open."""

    dirty: list[str]
    """The ids of those that are not put back, or did not stay so."""
    is_steady: bool
    """Whether all was seen as it was before the first step."""


@dataclass(frozen=True)
class OpenRun:
    """A run with steps to put back, for its own runner or for whoever cleans up after that."""

    run: str
    place: Environment | None
    """None where nobody knows any more which it was: it is put back all the same, as it can't be asked."""
    timeline: Timeline
    trust: Trust = ITSELF
    """What it proves that the whole place is silent."""
    view: OutsideView | None = None
    """What probes say of it; None where nobody asks them."""
    is_hurried: Callable[[], bool] = field(default=lambda: False)
    """Whether a person wants to wait for nothing but the undos."""

    async def put_back(
        self, intents: list[Intended], undo: Undo, steady: Steady, unasked: Steady | None = None
    ) -> EndState:
        """Put all intents back, and see it. Where it is another place by now, nothing is touched.

        `unasked` takes the place of `steady` there: what is looked at then isn't what was drilled.
        """
        is_the_place = await self._is_the_place(intents)
        dirty = await undo(intents) if is_the_place else [intent.step for intent in intents]
        kept = await standing(intents, dirty, self.run)
        watch = steady if is_the_place else unasked or steady
        is_steady = await watch(0.0 if dirty else GRACE)  # what is not put back won't be steady
        if not self.is_hurried():
            dirty += await fallen(kept, self.timeline, self.run)
            against = await self.view.contradicted() if self.view and is_steady else []
            dirty += [step for step in against if step not in dirty]
        return EndState(dirty, is_steady)

    async def _is_the_place(self, intents: list[Intended]) -> bool:
        """Ask the place what it is, and record of every step that it stays where this is another one."""
        if not intents or self.place is None:
            return True
        because = await refusal(self.place, self.run, self.timeline, self.trust, intents)
        for intent in intents if because else ():
            self.timeline.note(UndoNotVerified(step=intent.step, because=f"{because}"))
        return because is None
