"""The course of one step on real servers: done, held for a while and put back, by the engine itself."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from faildrill.acting.effects import Effects
from faildrill.acting.step import do
from faildrill.acting.undo import open_intents, undo_all
from faildrill.clock import SystemClock
from faildrill.model.drill import Step
from faildrill.record.timeline import Confirmed, EffectGone, EffectUntold, Timeline, UndoVerified


class Went(NamedTuple):
    """How it went, by what is on the timeline."""

    verdict: str
    story: str


async def go(
    step: Step, folder: Path, hold: Callable[[], Awaitable[None]], notices: Callable[[], Awaitable[bool]]
) -> Went:
    """Do a step, hold it until `hold` returns, put it back; the verdict is the one that its findings lead to.

    `notices` stands for the probes of the drill, and tells whether they see anything of the step: it is asked where
    nobody but the one who was asked can tell.
    """
    timeline = Timeline.create(folder, SystemClock())
    was_noticed = True
    try:
        done = await do(step, timeline, "liars")
        confirmed = [one.what for one in timeline.written if isinstance(one.what, Confirmed)]
        was_noticed = all([await notices() for one in confirmed if one.word_of])
        effects = Effects(timeline, "liars")
        if done.outcome == "done":
            effects.hold(step.id)
            await hold()
        await effects.end()
        dirty = await undo_all(open_intents(timeline.written), timeline, "liars", "runner", timeline.written)
        backs = [one.what for one in timeline.written if isinstance(one.what, UndoVerified) and one.what.word_of]
        dirty += [one.step for one in backs if await notices()]
    finally:
        timeline.close()
    lasted = not any(isinstance(one.what, EffectGone | EffectUntold) for one in timeline.written)
    verdict = "UNSAFE" if dirty else "PASSED" if done.outcome == "done" and lasted and was_noticed else "INCONCLUSIVE"
    return Went(verdict, "\n".join(str(one.what) for one in timeline.written))
