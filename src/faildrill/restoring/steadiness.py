"""See that everything is as it was: every probe good again, and for as long as it was before the first step."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from faildrill.clock import Clock, nanoseconds, seconds
from faildrill.kinds import build
from faildrill.model.drill import Drill
from faildrill.probing.health import SampleWatch
from faildrill.proofs.looks import SILENCE, Question
from faildrill.record.timeline import NotSteady, SteadyAgain, Timeline
from faildrill.restoring.outside_view import OutsideView

WITHIN: Final = 60.0
"""Seconds that it may take, where the drill expects nothing."""
GRACE: Final = 60.0
"""Seconds for which the runner looks on after the limit: late is FAILED, never is UNSAFE."""
POLL: Final = 0.02
"""Seconds, where a recovery has no pace of its own."""


@dataclass(frozen=True)
class Patience:
    """How long to look for what may never come."""

    skip: asyncio.Event = field(default_factory=asyncio.Event)
    grace: float = GRACE
    pace: float = POLL
    """Seconds between two looks at what the probers have written."""
    view: OutsideView | None = None
    """Asks whether the probes noticed what was put back; None: nobody asks."""


def limit(drill: Drill) -> float:
    """Return the seconds within which the drill expects to be steady again."""
    limits = [build(use, "expectation").within for use in drill.expect if use.kind == "steady_again"]
    return max(limits, default=WITHIN)


async def steady(watching: SampleWatch, clock: Clock, timeline: Timeline, drill: Drill, until: Patience) -> bool:
    """Wait until every probe is good for the warm-up's length, and record what was seen.

    Looks on past the limit for `until.grace` seconds, so that *late* is told from *never*; `until.skip` ends the
    waiting without a word on it. Then looks on until the probes have noticed what was put back on one's word alone.
    """
    start = clock.now_ns()
    widest = max((view.plan.every for view in watching.views.values()), default=0.0)
    last = start + nanoseconds(limit(drill) + until.grace + drill.warm_up + SILENCE * widest)
    with watching.asking(Question("ok"), start, max(nanoseconds(drill.warm_up), 1)) as asked:
        while not until.skip.is_set():
            watching.poll()
            now = clock.now_ns()
            # Asked before the time is: what was proven within the limit stays so, however late this loop comes to see
            # it.
            if (good := asked.met) is not None:
                timeline.note(SteadyAgain(since=good.since, after=seconds(good.since - start)))
                await _noticed(watching, clock, start, limit(drill), until)
                return True
            if now >= last:
                troubles = watching.troubles(now) or {"all": "never good for long enough at a time"}
                timeline.note(NotSteady(probes=troubles, waited=seconds(now - start)))
                return False
            await asyncio.sleep(until.pace)
    return False


async def _noticed(watching: SampleWatch, clock: Clock, start: int, within: float, until: Patience) -> None:
    """Look on until probes have noticed what only the one who was asked says is put back, or it is no use any more."""
    most = within + until.grace
    while until.view and not until.skip.is_set() and await until.view.wants(seconds(clock.now_ns() - start), most):
        watching.poll()
        await asyncio.sleep(until.pace)
