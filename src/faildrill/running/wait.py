"""Steps that change nothing: wait for something to be seen, or for time to pass."""

import asyncio
import json
from collections.abc import Mapping
from typing import Final

from faildrill import durations
from faildrill.clock import Clock, nanoseconds
from faildrill.errors import ActionRefused
from faildrill.model.drill import Condition, Wait
from faildrill.model.references import fill_in
from faildrill.ports import Captured
from faildrill.probing.health import SampleWatch
from faildrill.proofs.looks import Question
from faildrill.record.timeline import Timeline, WaitEnded, WaitStarted

POLL: Final = 0.02
"""Seconds between two looks at whether it is met; the looks themselves are dated, so this costs no exactness."""


async def wait(
    step: Wait, watching: SampleWatch, clock: Clock, timeline: Timeline, outputs: Mapping[str, Captured]
) -> bool:
    """Wait as the step says, and tell whether it was met within its time.

    What must be seen counts from the start of the wait on: how things were before proves nothing.
    """
    if step.until is None:
        timeline.record(WaitStarted(step=step.id, until=durations.show(step.hold), within=step.within))
        await asyncio.sleep(step.hold)
        timeline.record(WaitEnded(step=step.id, met=True, because="the time is over"))
        return True
    words = describe(step.until, step.hold)
    try:
        question = _question(step.until, outputs)
    except ActionRefused as error:
        timeline.record(WaitStarted(step=step.id, until=words, within=step.within))
        timeline.record(WaitEnded(step=step.id, met=False, asked=False, because=str(error)))
        return False
    words = describe(step.until.model_copy(update={"who": question.who}), step.hold)
    timeline.record(WaitStarted(step=step.id, until=words, within=step.within, who=question.who or None))
    start = clock.now_ns()
    with watching.asking(question, start, nanoseconds(step.hold), step.until.probe) as asked:
        # Samples are taken in by whoever watches for abort conditions; here it is only asked what they have come to.
        while clock.now_ns() - start <= nanoseconds(step.within):
            if asked.met is not None:
                timeline.record(WaitEnded(step=step.id, met=True, because=words))
                return True
            await asyncio.sleep(POLL)
    troubles = watching.troubles(clock.now_ns()) or {"all probes": "ok"}
    state = "; ".join(f"{name}: {trouble}" for name, trouble in troubles.items())
    because = f"not seen within {durations.show(step.within)}: {state}"
    timeline.record(WaitEnded(step=step.id, met=False, because=because))
    return False


def describe(condition: Condition, hold: float) -> str:
    """Say in words what is waited for."""
    subject = condition.probe or "all"
    verb = "are" if condition.probe is None else "is"
    wanted = (
        f"{verb} {condition.state}" if condition.state in ("ok", "not ok") else f"{condition.state} {condition.who}"
    )
    return f"{subject} {wanted}" + (f" for {durations.show(hold)}" if hold else "")


def _question(condition: Condition, outputs: Mapping[str, Captured]) -> Question:
    """Put in what earlier steps gave; ActionRefused where that names nobody."""
    if condition.who is None:
        return Question(condition.state)
    who = fill_in(condition.who, outputs)
    who = str(who) if isinstance(who, int) and not isinstance(who, bool) else who
    if not isinstance(who, str) or not who.strip():
        refusal = f"{condition.state} {condition.who}: {json.dumps(who)} names nobody who could be seen"
        raise ActionRefused(f"{refusal}; see what that step gives in the run's timeline")
    return Question(condition.state, who)
