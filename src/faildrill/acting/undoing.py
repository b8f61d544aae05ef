"""Put back what is open: in reverse, every one of them, and each seen put back."""

import asyncio
from collections.abc import Iterable
from typing import Literal

from faildrill.acting.calling import call, observe, words
from faildrill.errors import ActionError, CannotSee, FaildrillError
from faildrill.kinds import build
from faildrill.kinds.supplying import Supplies
from faildrill.ports import Action, Captured, Observed, Restores
from faildrill.targets import KindUse
from faildrill.timeline import (
    Entry,
    Intended,
    LeftApplied,
    Timeline,
    UndoFailed,
    Undoing,
    Undone,
    UndoNotVerified,
    UndoVerified,
)

By = Literal["runner", "sentinel", "recover"]


def open_intents(entries: Iterable[Entry]) -> list[Intended]:
    """List the intents that were not seen put back and not left on purpose, in the order they were written."""
    still: dict[str, Intended] = {}
    for entry in entries:
        match entry.what:
            case Intended() as intent:
                still[intent.step] = intent
            case UndoVerified(step=step) | LeftApplied(step=step, by="drill"):
                still.pop(step, None)
            case _:
                pass
    return list(still.values())


async def undo_all(intents: list[Intended], timeline: Timeline, run: str, by: By) -> list[str]:
    """Put all intents back, the last one first, and return the ids of those not seen put back.

    One that fails never stops the others, and a full disk stops none: what can't be written down is still undone.
    """
    return [intent.step for intent in reversed(intents) if not await _undo(intent, timeline, run, by)]


async def _undo(intent: Intended, timeline: Timeline, run: str, by: By) -> bool:
    if intent.undo == "none":
        return timeline.note(LeftApplied(step=intent.step, by="drill", because="the drill says `undo: none`"))
    timeline.note(Undoing(step=intent.step, by=by))
    deadline = asyncio.get_running_loop().time() + intent.undo_within
    try:
        action: Action = build(KindUse(kind=intent.kind, params=intent.params), "action")
    except (FaildrillError, ValueError) as error:
        timeline.note(UndoNotVerified(step=intent.step, because=f"its intent can't be read: {words(error)}"))
        return False
    given = Supplies(run, timeout=intent.undo_within)
    try:
        await call(_put_back(action, intent, given), intent.undo_within)
    except (ActionError, CannotSee) as error:
        timeline.note(UndoFailed(step=intent.step, because=words(error)))
    else:
        timeline.note(Undone(step=intent.step))
    seen = await observe(lambda: _restored(action, intent.before, given), deadline)
    if not seen.holds:
        timeline.note(UndoNotVerified(step=intent.step, because=seen.because))
        return False
    return timeline.note(UndoVerified(step=intent.step, because=seen.because))


async def _put_back(action: Action, intent: Intended, given: Supplies) -> None:
    if intent.undo == "own":
        await action.undo(intent.before, given)
        return
    named: Action = build(KindUse(kind=intent.undo_kind or "", params=intent.undo_params or {}), "action")
    await named.apply(await named.capture(given), given)


async def _restored(action: Action, before: Captured, given: Supplies) -> Observed:
    if isinstance(action, Restores):
        return await action.restored(before, given)
    now = await action.capture(given)
    return Observed(now == before, "as it was before" if now == before else f"now {now}, before {before}")
