"""Right before each act, and before anything is put back: the place is asked whether it is still what was proven."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from faildrill.acting.call import call, words
from faildrill.errors import ActionError, CannotSee, FaildrillError
from faildrill.guarding import reach_proofs
from faildrill.guarding.coverage import Deed, targets
from faildrill.guarding.reach_proofs import agreed
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.environment import Environment
from faildrill.ports import Guard, Proves, Told
from faildrill.ports.target import KindUse, Target
from faildrill.record.timeline import Intended, PlaceAsked, Timeline

WITHIN: Final = 2.0
"""Seconds in which the place may answer: putting back waits no longer for those that the drill took down."""
FRESH: Final = 3600.0
"""Seconds after the last event of a run for which a place that says nothing is still taken for the one it was."""


class Trust(NamedTuple):
    """Why a place that does not answer at all is put back all the same; `refused` when it is not."""

    because: str
    refused: bool = False


ITSELF: Final = Trust("this run has proven it before its first step")
TYPED: Final = Trust("--unproven was typed")


def since(same_boot: bool, seconds: float) -> Trust:  # noqa: FBT001 - both are what is known of the run
    """Return what can be trusted when a run was left `seconds` ago."""
    if same_boot and seconds <= FRESH:
        return Trust(f"the run proved it, and was left {seconds:.0f} s ago, in this boot of the machine")
    ago = f"{seconds / 3600:.1f} h ago" if same_boot else "before this machine was started"
    return Trust(
        f"nothing there says what it is, and the run was left {ago}: its addresses may lead elsewhere by now. Start "
        "a part of it that can prove it, or say that you know it is the same place: faildrill recover --unproven RUN",
        refused=True,
    )


async def refusal(
    place: Environment, run: str, timeline: Timeline, silent: Trust, intents: Sequence[Intended]
) -> str | None:
    """Ask the place what it is, note it, and return why nothing of it may be touched; None when it may be put back.

    What the intents would be put back through, is asked where it leads, too: a reach to something else is refused.

    Whoever answers must say what was declared. Who is silent proves nothing, as the drill may have taken it down: then
    another part of the place is enough, and where nothing answers at all, `silent` decides. `--unproven` is for
    silence only: a place that says that it is another one is never touched.
    """
    # Begun at once, so that both questions together take no longer than one.
    leading = asyncio.ensure_future(_leading(intents, run))
    answers = [
        await asked for asked in asyncio.as_completed([agreed(partial(_asked, use, run)) for use in place.identity])
    ]
    led = await leading
    proved, differs, quiet = ([words(line) for asked in answers for line in asked[part]] for part in range(3))
    differs += led.differs
    because = None
    # One part that says it is another place outweighs all that prove it: an address may lead elsewhere for some only.
    if differs:
        because = f"this is not the place that the run has proven, so nothing is touched: {'; '.join(differs)}"
    elif not proved and silent.refused:
        because = silent.because
    went_by = silent.because if quiet and not proved and because is None else ""
    timeline.note(
        PlaceAsked(
            proved=[*proved, *led.proved],
            differs=differs,
            silent=[*quiet, *led.silent],
            because=because or went_by,
        )
    )
    return because


async def _leading(intents: Sequence[Intended], run: str) -> Told:
    """Ask where all that is acted through leads, when intents are put back."""
    theirs: dict[str, Target] = {}
    asked = []
    for deed in (acting for intent in intents for acting in _deeds(intent)):
        with suppress(FaildrillError, ValueError):  # what can't be read is told by its undo
            acted_on = targets(deed.use, "action")
            theirs |= {f"{target.section}/{target.name}": target for target in acted_on if target.unproven is None}
            if not any(target.unproven for target in acted_on):
                asked.append(reach_proofs.through(deed, run, WITHIN))
    answers = await asyncio.gather(reach_proofs.ask(theirs.values(), run, WITHIN), *asked)
    known = [answer for answer in answers if answer is not None]
    return Told(*([line for answer in known for line in answer[part]] for part in range(3)))


def _deeds(intent: Intended) -> list[Deed]:
    """Return what acts when an intent is put back: its own action, which also looks, and the one named for it."""
    own = Deed(intent.step, KindUse(kind=intent.kind, params=intent.params), "action")
    if intent.undo_kind is None:
        return [own]
    return [own, Deed(intent.step, KindUse(kind=intent.undo_kind, params=intent.undo_params or {}), "action")]


async def _asked(use: KindUse, run: str) -> Told:
    try:
        guard: Guard = build(use, "guard")
        given = CallContext(run, timeout=WITHIN)
        if isinstance(guard, Proves):
            return await call(guard.ask_again(given), WITHIN)
        objection = await call(guard.objection(given), WITHIN)
    except (ActionError, CannotSee) as error:
        return Told(silent=[f"{use.kind} could not be asked: {error}"])
    return Told(proved=[use.kind]) if objection is None else Told(silent=[f"{use.kind} {objection}"])
