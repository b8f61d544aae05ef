"""Hold: the effects of steps that are states are looked at again, now and then and right before they are put back.

Others may end what a step has brought about: a reload, a supervisor, an operator. A look that fails is no answer, so it
neither counts as still there nor as gone; gone is what two looks agree on.
"""

import asyncio
from collections.abc import Iterable
from typing import Final

from faildrill.acting.call import LOOK_AGAIN, SHARE, call, words
from faildrill.acting.sight import effect_is, lasts, suspect
from faildrill.errors import ActionError, CannotSee, FaildrillError
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Action, Limits, Observed
from faildrill.ports.effect import LOOKS_COST
from faildrill.ports.target import KindUse
from faildrill.record.timeline import (
    AbortAsked,
    ApplyFailed,
    Confirmed,
    EffectGone,
    EffectSeen,
    EffectUntold,
    Entry,
    Intended,
    Timeline,
    Undoing,
)

PACE: Final = 1.0
"""Seconds between two looks at the least."""
PACED: Final = 50
"""So many times as long as a look takes is waited until the next: looking must not become a load of its own."""
LONGEST: Final = 60.0
"""Seconds between two looks at the most."""
LOOK: Final = 10.0
"""Seconds that a look may take at the most, also the one that an undo waits for."""
COSTLY_LOOK: Final = 30.0
"""The same for the one look of a kind whose looks cost: a play of many hosts on a busy machine takes its time."""
AGAIN: Final = 2.0
"""Seconds for which a failed look before an undo is tried again: a look that fails must not keep the fault on."""


def seen_in_effect(entries: Iterable[Entry]) -> set[str]:
    """Name the steps whose effect was seen, so that it can be told whether it lasted."""
    steps: set[str] = set()
    for entry in entries:
        match entry.what:
            case Confirmed(step=step):
                steps.add(step)
            case ApplyFailed(step=step, how="refused" | "failed"):
                steps.discard(step)
            case _:
                pass
    return steps


def is_hurried(entries: Iterable[Entry]) -> bool:
    """Tell whether the run was asked to end: then the fault goes first, and nobody waits for a look."""
    return any(isinstance(entry.what, AbortAsked) for entry in entries)


def action_of(intent: Intended) -> Action:
    """Build the action of an intent; FaildrillError or ValueError when this version can't."""
    action: Action = build(KindUse(kind=intent.kind, params=intent.params), "action")
    return action


class Effect:
    """The effect of one step, as long as it is to last."""

    def __init__(self, intent: Intended, timeline: Timeline, run: str) -> None:
        self._intent = intent
        self._timeline = timeline
        self._given = CallContext(run, timeout=intent.within)
        self._last = 0
        self._looks = 0
        self._is_gone = False
        self._trouble = ""
        self._took = 0.0
        self.wake = asyncio.Event()
        """Set to have it looked at now: something else was done."""
        try:
            self._action: Action | None = action_of(intent)
        except (FaildrillError, ValueError):
            self._action = None

    def recall(self, entries: Iterable[Entry]) -> None:
        """Take in what was seen of it before, by whoever held it then."""
        for entry in entries:
            match entry.what:
                case EffectSeen(step=step, at=at) if step == self._intent.step:
                    self._last, self._is_gone = at, False
                case EffectGone(step=step) if step == self._intent.step:
                    self._is_gone = True
                case _:
                    pass

    @property
    def is_state(self) -> bool:
        """Whether there is anything to look at again."""
        return self._action is not None and effect_is(self._action) == "state"

    @property
    def is_cheap(self) -> bool:
        """Whether it may be looked at in between."""
        return not getattr(self._action, LOOKS_COST, False)

    async def hold(self) -> None:
        """Look now and then, until cancelled; what was seen last is told at the end."""
        try:
            while True:
                self.wake.clear()
                try:
                    async with asyncio.timeout(self._pace):
                        await self.wake.wait()
                except TimeoutError:
                    pass
                await self.look(min(self._intent.within, LOOK))
        finally:
            self._tell_seen()

    async def look_before_undo(self) -> None:
        """Look right before it is put back; where looks fail for a while, that is recorded. Two looks must agree.

        One that is silent gets its share first: whatever it is, the next one has all of the time.
        """
        loop = asyncio.get_running_loop()
        start, within = loop.time(), min(self._intent.within, LOOK if self.is_cheap else COSTLY_LOOK)
        share = min(SHARE, within / 2) if self.is_cheap else within
        tries = 0
        while not await self.look(within if tries else share, agreeing=self.is_cheap):
            tries += 1
            if tries > self.is_cheap and loop.time() + LOOK_AGAIN >= start + min(within, AGAIN):
                self._timeline.note(EffectUntold(step=self._intent.step, because=self._trouble))
                return
            await asyncio.sleep(LOOK_AGAIN)
        self._tell_seen()

    async def look(self, within: float, *, agreeing: bool = False) -> bool:
        """Look once, twice where it seems gone, or where two looks must agree; tell whether it could be told."""
        sent = self._timeline.now()
        first = last = await self._seen(within)
        answered = self._timeline.now()
        is_quick = agreeing and self._took <= SHARE  # what takes longer is looked at once: the fault stays on meanwhile
        if first is not None and (is_quick or not first.holds) and not self._is_gone:
            await asyncio.sleep(LOOK_AGAIN)
            last = await self._seen(within)
            if last is not None and last.holds is not first.holds:
                self._trouble = f"looks don't agree: {words(first.because)}; then: {words(last.because)}"
                return False
            if last is not None and not last.holds:
                await self._lost(first, answered)
        if last is None:
            return False
        if last.holds:
            self._last, self._is_gone = sent, False
            self._looks += 1
        return True

    @property
    def _limit(self) -> float | None:
        action: object = self._action
        return action.limit() if isinstance(action, Limits) else None

    @property
    def _pace(self) -> float:
        limit = self._limit
        often = PACE if limit is None else min(PACE, max(limit / 10, LOOK_AGAIN))
        return max(often, min(self._took * PACED, LONGEST if limit is None else often))

    async def _seen(self, within: float) -> Observed | None:
        """Return what a look saw, None when it could not tell."""
        action, loop = self._action, asyncio.get_running_loop()
        if action is None:
            self._trouble = "its intent can't be read"
            return None
        start = loop.time()
        try:
            return await call(lasts(action, self._intent.before, self._given), within)
        except (ActionError, CannotSee) as error:
            self._trouble = words(error)
            return None
        finally:
            self._took = loop.time() - start

    async def _lost(self, seen: Observed, gone: int) -> None:
        """Tell that it is gone, and who or what is suspected, where that can be told."""
        self._tell_seen()
        whom = ""
        if self._action is not None:
            try:
                whom = await call(suspect(self._action, self._intent.before, self._given), AGAIN)
            except (ActionError, CannotSee):
                whom = ""
        self._is_gone = True
        self._timeline.note(
            EffectGone(
                step=self._intent.step,
                last=self._last,
                gone=gone,
                because=words(seen.because),
                suspect=words(whom),
                limit=self._limit,
            )
        )

    def _tell_seen(self) -> None:
        if self._looks:
            self._timeline.note(EffectSeen(step=self._intent.step, at=self._last, looks=self._looks))
            self._looks = 0


class Effects:
    """The states that the steps of a run have brought about, held until they are put back."""

    def __init__(self, timeline: Timeline, run: str) -> None:
        self._timeline = timeline
        self._run = run
        self._held: dict[asyncio.Task[None], Effect] = {}

    def hold(self, step: str) -> None:
        """Begin to look at the effect of a step that was seen, where it is a state; have the others looked at now."""
        for effect in self._held.values():
            effect.wake.set()
        intents = (entry.what for entry in self._timeline.written if isinstance(entry.what, Intended))
        intent = next((intent for intent in intents if intent.step == step), None)
        if intent is None:
            return
        effect = Effect(intent, self._timeline, self._run)
        if effect.is_state and effect.is_cheap:
            self._held[asyncio.create_task(effect.hold())] = effect

    async def end(self) -> None:
        """Look no more; what was seen last is told."""
        for task in self._held:
            task.cancel()
        await asyncio.gather(*self._held, return_exceptions=True)
        self._held.clear()


async def look_before_undoing(
    intents: list[Intended], timeline: Timeline, run: str, known: Iterable[Entry], *, again: bool = False
) -> None:
    """Look at every state that was seen in effect, all at once, before any of them is put back.

    A run that was asked to end puts back at once: it proves nothing any more. What an earlier undo has begun to put
    back tells nothing of others. `again`: they were looked at a moment ago, so looks that cost something are left out.
    """
    entries = list(known)
    if is_hurried(entries):
        return
    still_seen = seen_in_effect(entries) - {entry.what.step for entry in entries if isinstance(entry.what, Undoing)}
    effects = [Effect(intent, timeline, run) for intent in intents if intent.step in still_seen]
    for effect in effects:
        effect.recall(entries)
    looked_at = [effect for effect in effects if effect.is_state and (effect.is_cheap or not again)]
    await asyncio.gather(*(effect.look_before_undo() for effect in looked_at))
