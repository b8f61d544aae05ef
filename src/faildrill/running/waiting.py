"""Steps that change nothing: wait for something to be seen, or for time to pass."""

import asyncio
from collections.abc import Mapping
from typing import Final

from faildrill import durations
from faildrill.clock import Clock, nanoseconds
from faildrill.drill import Condition, Wait
from faildrill.errors import ActionRefused
from faildrill.ports import Captured
from faildrill.probing.watching import View, Watching
from faildrill.references import fill_in
from faildrill.samples import Outcome
from faildrill.timeline import Timeline, WaitEnded, WaitStarted

POLL: Final = 0.02


async def wait(
    step: Wait, watching: Watching, clock: Clock, timeline: Timeline, outputs: Mapping[str, Captured]
) -> bool:
    """Wait as the step says, and tell whether it was met within its time.

    What must be seen counts from the start of the wait on: how things were before proves nothing.
    """
    if step.until is None:
        timeline.record(WaitStarted(step=step.id, until=durations.show(step.hold), within=step.within))
        await asyncio.sleep(step.hold)
        timeline.record(WaitEnded(step=step.id, met=True, because="the time is over"))
        return True
    try:
        condition = step.until.model_copy(update={"who": fill_in(step.until.who, outputs)})
    except ActionRefused as error:
        timeline.record(WaitStarted(step=step.id, until=describe(step.until, step.hold), within=step.within))
        timeline.record(WaitEnded(step=step.id, met=False, because=str(error)))
        return False
    words = describe(condition, step.hold)
    timeline.record(WaitStarted(step=step.id, until=words, within=step.within))
    start = clock.now_ns()
    since: int | None = None
    while clock.now_ns() - start <= nanoseconds(step.within):
        now = clock.now_ns()
        since = _since(condition, watching, (start, now), since)
        if since is not None and now - since >= nanoseconds(step.hold):
            timeline.record(WaitEnded(step=step.id, met=True, because=words))
            return True
        await asyncio.sleep(POLL)
    troubles = watching.troubles(clock.now_ns()) or {"all probes": "ok"}
    state = "; ".join(f"{name}: {trouble}" for name, trouble in troubles.items())
    timeline.record(
        WaitEnded(step=step.id, met=False, because=f"not seen within {durations.show(step.within)}: {state}")
    )
    return False


def describe(condition: Condition, hold: float) -> str:
    """Say in words what is waited for."""
    subject = condition.probe or "all"
    verb = "are" if condition.probe is None else "is"
    seen = f"{verb} {condition.state}" if condition.state in ("ok", "not ok") else f"{condition.state} {condition.who}"
    return f"{subject} {seen}" + (f" for {durations.show(hold)}" if hold else "")


def _views(condition: Condition, watching: Watching) -> list[View]:
    return [watching.views[condition.probe]] if condition.probe else list(watching.views.values())


def _since(condition: Condition, watching: Watching, span: tuple[int, int], before: int | None) -> int | None:
    """Return the moment from which on it holds without a break, never before the wait began; None when it does not.

    For `ok` this is the first look of the present row of good ones, so that no bad look between two polls is missed.
    """
    start, now = span
    if not _holds(condition, watching, now, start):
        return None
    if condition.state == "ok":
        names = [view.plan.name for view in _views(condition, watching)]
        return max(start, watching.good_since(now, names) or now)
    return before or now


def _holds(condition: Condition, watching: Watching, now: int, start: int) -> bool:
    """Tell whether it holds now, by looks that were sent after the wait began."""
    views = _views(condition, watching)
    if any(view.last is None or view.last.sent < start for view in views):
        return False
    if condition.state == "ok":
        return not any(view.trouble(now) for view in views)
    if condition.state == "not ok":
        return any(view.last is not None and view.last.outcome is not Outcome.OK for view in views)
    saw = any(view.last is not None and condition.who in view.last.who.split(",") for view in views)
    return saw is (condition.state == "saw")
