"""See that what was put back stays so until the run is over: a service that is started again may die again at once."""

import asyncio
from collections.abc import Iterable
from typing import Final

from faildrill.acting.call import LOOKING, observe
from faildrill.acting.effects import action_of
from faildrill.acting.sight import restored
from faildrill.errors import FaildrillError
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Observed
from faildrill.record.timeline import Intended, Timeline, UndoNotVerified

ONCE: Final = 0.0
"""A deadline that is over: one look."""


async def standing(intents: Iterable[Intended], dirty: Iterable[str], run: str) -> list[Intended]:
    """Return those whose state from before is there when the last undo is done: these are to stay so.

    Of two steps that changed the same thing the first one is put back last, and takes the place of what the other one
    put back. So what isn't there any more was not lost.
    """
    put_back = [intent for intent in intents if intent.undo != "none" and intent.step not in set(dirty)]
    return [intent for intent in put_back if (await _look(intent, run, ONCE)).holds] if len(put_back) > 1 else put_back


async def fallen(intents: Iterable[Intended], timeline: Timeline, run: str) -> list[str]:
    """Look at each once more, record what isn't as it was put back, and return the ids of those steps.

    Nothing is put back again: somebody else may want it so by now. It is open again, for `recover`.
    """
    relapsed: list[str] = []
    for intent in intents:
        until = asyncio.get_running_loop().time() + min(intent.undo_within, LOOKING)
        observed = await _look(intent, run, until)
        if not observed.holds:
            timeline.note(
                UndoNotVerified(step=intent.step, because=f"it was put back, and did not stay so: {observed.because}")
            )
            relapsed.append(intent.step)
    return relapsed


async def _look(intent: Intended, run: str, until: float) -> Observed:
    try:
        action = action_of(intent)
    except (FaildrillError, ValueError) as error:
        return Observed(holds=False, because=f"its intent can't be read: {error}")
    given = CallContext(run, timeout=intent.undo_within)
    return await observe(lambda: restored(action, intent.before, given), until, each=intent.undo_within)
