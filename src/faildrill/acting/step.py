"""Do one step: capture, write the intent, apply once, see the effect."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import msgspec

from faildrill.acting.call import IN_TRANSIT, LOOKING, TookTooLong, call, ending, observe, words
from faildrill.acting.comparison import beside, owned, pictured
from faildrill.acting.sight import effect, looks_cost
from faildrill.errors import ActedElsewhere, ActionError, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Step
from faildrill.ports import Action, Captured, Observed
from faildrill.record.timeline import (
    Applied,
    ApplyFailed,
    Applying,
    Confirmed,
    Happened,
    Intended,
    NotConfirmed,
    Timeline,
)
from faildrill.system import redaction

AFTER: Final = 2.0
"""Seconds that a look after a refusal may take."""


@dataclass(frozen=True)
class Done:
    """How a step went; `answer` is what later steps may use."""

    outcome: Literal["done", "refused", "failed", "not confirmed"]
    because: str = ""
    answer: Captured = field(default_factory=dict)


Asked = Callable[[Intended], Awaitable[str | None]]
"""Asks whether what a step would change is still where it was proven to be; returns why it is not."""


async def do(step: Step, timeline: Timeline, run: str, is_elsewhere: Asked | None = None) -> Done:
    """Do a step once. Its intent is on disk before its effect, and no effect that was not seen counts as done.

    `is_elsewhere` is asked last of all: between its answer and the act nothing is waited for.

    Raises JournalFull, with nothing done, when the intent can't be written. When cancelled, records that the
    outcome is open before it goes.
    """
    action: Action = build(step.use, "action")
    given = CallContext(run, timeout=step.within, hear=hearing(timeline, step.id))
    try:
        before = await call(action.capture(given), step.within)
        picture = await call(pictured(action, given), step.within)
    except (ActionError, CannotSee) as error:
        return _refused(step, timeline, words(error))
    if not _is_data(before):
        return _refused(step, timeline, "nothing was done: the state to go back to can't be written down exactly")
    intended = intent(step, before, picture)
    if redaction.holds_secret([intended.params, intended.before, intended.undo_params]):
        return _refused(step, timeline, "nothing was done: its parameters or the state to go back to hold a secret")
    if is_elsewhere is not None and (because := await is_elsewhere(intended)):
        return _refused(step, timeline, because)
    timeline.record(intended)
    timeline.record(Applying(step=step.id))
    started = asyncio.get_running_loop().time()
    answer = await _apply(action, before, step, timeline, given)
    if isinstance(answer, Done):
        return answer
    return await _confirm(action, intended, step, timeline, _Called(given, started, answer))


def _refused(step: Step, timeline: Timeline, because: str) -> Done:
    timeline.record(ApplyFailed(step=step.id, how="refused", because=because))
    return Done("refused", because)


def _is_data(before: Captured) -> bool:
    """Tell whether a state reads the same when it comes back from the disk: nothing else can be gone back to."""
    try:
        read: Captured = msgspec.json.decode(msgspec.json.encode(before))
    except (ValueError, TypeError, OverflowError, RecursionError):
        return False
    return read == before


def hearing(timeline: Timeline, step: str) -> Callable[[str, int, bool], None]:
    """Return what writes the news of a step down, as far as the disk takes it."""
    return lambda told, at, began: _ignored(timeline.note(Happened(step=step, at=at, told=words(told), began=began)))


def _ignored(_: object) -> None:
    return


def intent(step: Step, before: Captured, picture: dict[str, str] | None = None) -> Intended:
    """Return all that a fresh process needs to put a step back."""
    named = step.undo.use
    return Intended(
        step=step.id,
        kind=step.use.kind,
        params=step.use.params,
        before=before,
        undo=step.undo.how,
        undo_kind=named.kind if named else None,
        undo_params=named.params if named else None,
        within=step.within,
        undo_within=step.undo_within,
        picture=picture or {},
    )


async def _apply(
    action: Action, before: Captured, step: Step, timeline: Timeline, given: CallContext
) -> Captured | Done:
    """Return the answer of the one call, or how the step ended; an open outcome returns an empty answer."""
    how: Literal["refused", "failed", "unknown", "late"]
    is_elsewhere = False
    try:
        answer = await call(action.apply(before, given), step.within + ending(action))
    except asyncio.CancelledError:
        timeline.record(ApplyFailed(step=step.id, how="unknown", because="cut short: the run is being ended"))
        raise
    except ActionRefused as error:
        how, because = "refused", f"{words(error)}; {await _seen_after(action, before, given)}"
    except OutcomeUnknown as error:
        how, because = "unknown", words(error)
    except TookTooLong as error:
        how, because = "late", words(error)
    except (ActionError, CannotSee) as error:
        how, because = "failed", words(error)
        is_elsewhere = isinstance(error, ActedElsewhere)
    else:
        timeline.record(Applied(step=step.id, answer=answer))
        return answer
    timeline.record(ApplyFailed(step=step.id, how=how, because=because, elsewhere=is_elsewhere))
    if how in ("refused", "failed"):
        return Done(how, because)
    return {}


async def _seen_after(action: Action, before: Captured, given: CallContext) -> str:
    """Look after a refusal: it is the word of the one who was asked."""
    now = asyncio.get_running_loop().time()
    observed = await observe(lambda: effect(action, before, given), now, twice=not looks_cost(action), each=AFTER)
    return f"{'but it took effect' if observed.holds else 'looked at afterwards'}: {observed.because}"


class _Called(NamedTuple):
    """A call of `apply` that was answered: what it was given, when it began on the loop's clock, and its answer."""

    given: CallContext
    started: float
    answer: Captured


async def _confirm(action: Action, intended: Intended, step: Step, timeline: Timeline, called: _Called) -> Done:
    given, started, answer = called
    now = asyncio.get_running_loop().time()
    looking = min(step.within, LOOKING) if answer else max(IN_TRANSIT, min(step.within, LOOKING))

    deadline = max(started + step.within, now + looking)
    observed = await observe(lambda: effect(action, intended.before, given), deadline, twice=not looks_cost(action))
    if observed.holds:
        alone = await beside(action, given, intended.picture, owned(timeline.written), deadline)
        observed = observed if alone.holds else Observed(holds=False, because=f"{observed.because}; {alone.because}")
    if observed.holds:
        timeline.record(
            Confirmed(
                step=step.id,
                because=observed.because,
                evidence=observed.evidence,
                word_of=observed.word_of,
                moves=list(observed.moves),
                empties=observed.empties,
            )
        )
        return Done("done", observed.because, {**answer, **observed.evidence})
    timeline.record(NotConfirmed(step=step.id, because=observed.because))
    return Done("not confirmed", observed.because)
