"""The engine in worlds that lie, hang, act late and break: thousands of seeds, each printed when it finds something."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from faildrill.acting.call import call
from faildrill.acting.effects import Effects, action_of
from faildrill.acting.step import Done, intent
from faildrill.acting.undo import undo_all
from faildrill.errors import FaildrillError
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Step
from faildrill.record.timeline import Applied, Applying, Confirmed, Intended
from faildrill.running.course import Course
from faildrill.running.step_sequence import Steps
from support.forks import spread
from support.simulation import APPLIES, broken_promises, live


def weigh(seed: int, ground: Path, **parts: object) -> str:
    """Live through a seed and say what it broke; `ok` when nothing."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    try:
        lived = live(seed, folder, **parts)  # type: ignore[arg-type]  # parts of the engine, by name
        broken = list(broken_promises(lived))
        return f"seed {seed}: {'; '.join(broken)}" if broken else f"ok {lived.verdict}"
    finally:
        shutil.rmtree(folder)


def weigh_some(seeds: range, ground: Path, **parts: object) -> str:
    """Weigh a stretch of seeds; return what they broke, one after the other, or the verdicts."""
    said = [weigh(seed, ground, **parts) for seed in seeds]
    return " || ".join(one for one in said if not one.startswith("ok")) or " ".join(one[3:] for one in said)


def test_no_world_breaks_a_promise(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    seeds = many(1_000, 20_000)
    said = spread([_weighing(range(first, first + 50), ground) for first in range(0, seeds, 50)])
    broken = [one for one in said if "seed" in one or "broke" in one]
    verdicts = " ".join(said).split()
    counts = ", ".join(f"{verdicts.count(one)} {one}" for one in sorted(set(verdicts))) if not broken else "see above"
    figure(f"simulated worlds: {len(broken)} broken promises in {seeds} seeds: {counts}")
    assert broken == []


def _weighing(seeds: range, ground: Path, **parts: object) -> Callable[[], str]:
    return lambda: weigh_some(seeds, ground, **parts)


@pytest.mark.parametrize("seed", [4017, 5076])
def test_a_world_that_once_broke_a_promise_breaks_none(seed: int, ground: Path) -> None:
    assert weigh(seed, ground).startswith("ok")


class FencesLate(Course):
    """Undoes before it fences."""

    def _fence(self) -> bool:
        return True

    async def _steady(self, grace: float) -> bool:
        super()._fence()
        return await super()._steady(grace)


class _Retrying(Steps):
    async def _do(self, step: Step) -> Done:
        done = await super()._do(step)
        return done if done.outcome in ("done", "refused") else await super()._do(step)


class Retries(Course):
    """Calls again when the answer was no good."""

    steps = _Retrying


class _Trusting(Steps):
    async def _do(self, step: Step) -> Done:
        scene = self._scene
        action, given = build(step.use, "action"), CallContext(scene.run, step.within)
        before = await action.capture(given)
        scene.timeline.record(intent(step, before))
        scene.timeline.record(Applying(step=step.id))
        answer = await call(action.apply(before, given), step.within)
        scene.timeline.record(Applied(step=step.id, answer=answer))
        scene.timeline.record(Confirmed(step=step.id, because="it said so"))
        return Done("done")


class Trusts(Course):
    """Takes an answer for the effect."""

    steps = _Trusting


class _Hasty(Steps):
    async def _do(self, step: Step) -> Done:
        scene = self._scene
        action, given = build(step.use, "action"), CallContext(scene.run, step.within)
        before = await action.capture(given)
        answer = await call(action.apply(before, given), step.within)
        scene.timeline.record(intent(step, before))
        scene.timeline.record(Applied(step=step.id, answer=answer))
        return Done("done")


class ActsBeforeItIntends(Course):
    """Writes the intent down after the effect."""

    steps = _Hasty


class StopsUndoing(Course):
    """Stops at the first undo that fails."""

    async def _undo(self, intents: list[Intended]) -> list[str]:
        for number, one in enumerate(reversed(intents), 1):
            if await super()._undo([one]):
                return [intent.step for intent in intents[: len(intents) - number + 1]]
        return []


class UndoesForwards(Course):
    """Undoes the first step first."""

    async def _undo(self, intents: list[Intended]) -> list[str]:
        return await super()._undo(intents[::-1])


class BelievesUndos(Course):
    """Takes an undo that returned for what it says."""

    async def _undo(self, intents: list[Intended]) -> list[str]:
        await super()._undo(intents)
        return []


class LooksOnce(Course):
    """Does not look again for what a call asked for that was cut short."""

    async def _undo(self, intents: list[Intended]) -> list[str]:
        return await undo_all(intents, self._scene.timeline, self._scene.run, "runner")


class WritesOver(Course):
    """Writes what was before over whatever is there."""

    async def _undo(self, intents: list[Intended]) -> list[str]:
        for one in reversed(intents):
            with contextlib.suppress(FaildrillError):
                await call(action_of(one).undo(one.before, CallContext(self._scene.run, 2.0)), 2.0)
        return await super()._undo(intents)


class AsksTwice(Course):
    """Asks once more to put back what was put back."""

    async def _undo(self, intents: list[Intended]) -> list[str]:
        await super()._undo(intents)
        return await super()._undo(intents)


class _NoEffects(Effects):
    def hold(self, step: str) -> None:
        del step


class LooksNoMore(Course):
    """Believes that an effect lasts once it was seen."""

    async def _act(self) -> None:
        self._scene.effects = _NoEffects(self._scene.timeline, self._scene.run)
        await super()._act()

    async def _undo(self, intents: list[Intended]) -> list[str]:
        return await undo_all(intents, self._scene.timeline, self._scene.run, "runner")


FIRST: Final[dict[type[Course], int]] = {Trusts: 490, BelievesUndos: 30, LooksOnce: 110}
"""Seeds before which it is known not to be found: they need not be lived through every time."""


@pytest.mark.parametrize(
    ("bug", "applies", "found"),
    [
        (FencesLate, ("leaves a timer",), "acted after the undo"),
        (Retries, APPLIES, "was called 2 times"),
        (Trusts, APPLIES, "was never done"),
        (ActsBeforeItIntends, APPLIES, "called without an intent"),
        (StopsUndoing, APPLIES, "tried to undo"),
        (UndoesForwards, APPLIES, "tried to undo"),
        (BelievesUndos, APPLIES, "no mark tells"),
        (LooksOnce, ("comes late",), "left on"),
        (LooksNoMore, ("works",), "others had put"),
        (AsksTwice, ("works",), "was asked 2 times"),
        (WritesOver, ("works",), "somebody else's work was undone"),
    ],
    ids=lambda one: one.__name__ if isinstance(one, type) else "",
)
def test_a_known_bug_is_found(
    ground: Path, bug: type[Course], applies: tuple[str, ...], found: str, figure: Callable[[str], None]
) -> None:
    first = FIRST.get(bug, 0)
    for seed in range(first, first + 600):
        said = weigh(seed, ground, driving=bug, applies=applies)
        if found in said:
            figure(f"the bug {bug.__name__} is found by seed {seed}")
            return
    pytest.fail(f"not found: {bug.__doc__}")
