"""The course of a run: guard, warm up, act, put back, see it steady. Whatever happens, it is put back."""

import asyncio
import traceback
from typing import Literal

from faildrill.acting.call import stuck
from faildrill.acting.effects import look_before_undoing
from faildrill.acting.undo import open_intents, undo_all
from faildrill.clock import nanoseconds, seconds
from faildrill.errors import FaildrillError
from faildrill.guarding.objections import answers
from faildrill.kinds import build
from faildrill.locking.declared_facts import proven
from faildrill.locking.dirty_marks import Mark, clear, mark
from faildrill.locking.shared_lock import Shared
from faildrill.ports import Aborts, Rate, Watcher, causes
from faildrill.proofs import limits
from faildrill.proofs.looks import SILENCE, Question
from faildrill.record.timeline import (
    AbortAsked,
    AnyEvent,
    GuardAnswered,
    Intended,
    LeftApplied,
    LockKept,
    NotHealthy,
    NotSteady,
    Phase,
    PhaseStarted,
    RunEnded,
    RunnerBroke,
    WarmedUp,
)
from faildrill.restoring.ledger_readback import read_back
from faildrill.restoring.look_around import look_around
from faildrill.restoring.outside_view import OutsideView
from faildrill.restoring.put_back import OpenRun
from faildrill.restoring.steadiness import Patience, steady
from faildrill.running import damage_budget
from faildrill.running.interrupts import Interrupts
from faildrill.running.longest_course import WARM_UP_PATIENCE
from faildrill.running.run_context import Scene
from faildrill.running.step_sequence import Steps
from faildrill.running.stop_request import Stop
from faildrill.system import who


class Course:
    """Drives one run from its first guard to its last event."""

    steps: type[Steps] = Steps
    """What does the steps."""

    def __init__(self, scene: Scene, stop: Stop) -> None:
        self._scene = scene
        self._stop = stop
        self._aborts: list[Watcher] = []
        self._slow: dict[str, float] = {}
        self._shared = scene.keeper or Shared(scene.environment, scene.run)
        self._heeding = Interrupts(scene, stop, self._shared)
        self._view = OutsideView(scene.folder, scene.timeline, skip=stop.hurried)
        stop.on_asked = lambda by, because: self._note(AbortAsked(by=by, because=because))

    async def drive(self) -> None:
        """Run the drill to its end. What breaks in here becomes an event; what was touched is put back.

        Cancelled, it leaves at once and without the event that ends a run: whoever finds that missing puts back.
        """
        try:
            if not await self._objects():
                await self._look_around("before")
                if await self._warm_up():
                    await self._touch()
                    if not self._stop.hurried.is_set():
                        await self._look_around("after")
        except Exception as error:  # noqa: BLE001 - a crash of the runner becomes an event
            self._broke(error)
        await self._end()

    async def _look_around(self, when: Literal["before", "after"]) -> None:
        scene = self._scene
        await look_around(scene.folder, scene.run, scene.environment, scene.clock, when)

    async def _end(self) -> None:
        """End the looking, have read back what the probes keep count of, and record the end, whatever breaks in it."""
        scene = self._scene
        try:
            await self._heeding.stop()
            await self._shared.release()
            await scene.probers.stop(scene.timeline)
            if any(isinstance(entry.what, Intended) for entry in scene.timeline.written):
                await read_back(scene.plans, scene.run, scene.folder)
        except Exception as error:  # noqa: BLE001 - everything is put back by now: the end is recorded all the same
            self._broke(error)
        self._stop.on_asked = None  # who asks from now on asks for nothing: it is over
        self._note(RunEnded(by="runner"))

    async def _objects(self) -> bool:
        self._phase("guarding")
        held = await self._shared.objection()
        if self._scene.environment.lock is not None:
            self._scene.timeline.record(GuardAnswered(guard="lock between hosts", objection=held))
        if self._scene.keeper and self._scene.keeper.pid:
            self._scene.timeline.record(LockKept(pid=self._scene.keeper.pid))
        objections = held is not None
        async for answer in answers(self._scene.environment, self._scene.run, self._scene.drill):
            self._scene.timeline.record(answer)
            objections = objections or answer.objection is not None
        return objections or self._overdraws()

    def _overdraws(self) -> bool:
        """Reserve what the run may cost its place, as the last thing before anything is touched."""
        scene = self._scene
        budget = scene.environment.damage_budget
        if budget is None:
            return False
        objection = damage_budget.reserve(budget, scene.environment, scene.drill, scene.run)
        scene.timeline.record(GuardAnswered(guard="damage_budget", objection=objection))
        return objection is not None

    async def _warm_up(self) -> bool:
        """Watch until every probe was good for the warm-up; the drill is refused when one never is."""
        scene = self._scene
        self._phase("warming up")
        self._heeding.start()
        await scene.probers.start(scene.plans, scene.watching, scene.timeline)
        start = scene.clock.now_ns()
        patience = (
            scene.drill.warm_up + WARM_UP_PATIENCE + SILENCE * max((plan.every for plan in scene.plans), default=0)
        )
        # At least 1 ns: a hold of 0 asks for a single look, whatever came after it.
        with scene.watching.asking(Question("ok"), start, max(nanoseconds(scene.drill.warm_up), 1)) as asked:
            while not self._stop.asked.is_set():
                scene.watching.poll()
                now = scene.clock.now_ns()
                if asked.met is not None:
                    self._warmed_up(asked.met.since)
                    return True
                if seconds(now - start) > patience or scene.probers.trouble():
                    dead = scene.probers.trouble()
                    troubles = scene.watching.troubles(now) or {"all": dead or "good, never for long"}
                    scene.timeline.record(
                        NotHealthy(probes={name: _advised(trouble) for name, trouble in troubles.items()})
                    )
                    return False
                await asyncio.sleep(scene.pace)
        return False

    def _warmed_up(self, since: int) -> None:
        """Record that all were good, and from when on silence is dark, and an answer late: for the whole run."""
        schedules = {name: view.schedule for name, view in self._scene.watching.views.items()}
        self._slow = {
            name: seconds(limits.slow(schedule.plan, schedule.slowest)) for name, schedule in schedules.items()
        }
        late = {name: seconds(limits.late(schedule.plan, schedule.slowest)) for name, schedule in schedules.items()}
        self._scene.timeline.record(WarmedUp(since=since, slow=self._slow, late=late))
        self._scene.watching.limit(self._slow)

    def _rates(self) -> dict[str, Rate]:
        views = self._scene.watching.views
        return {
            plan.name: Rate(plan.every, self._slow.get(plan.name), plan.timeout, views[plan.name].schedule.first)
            for plan in self._scene.plans
        }

    async def _touch(self) -> None:
        """Act, and put back whatever was done, in whatever way the acting ended."""
        scene = self._scene
        place = proven(scene.environment)
        folder = str(scene.folder.resolve())
        mark(place, Mark(scene.run, folder, scene.drill.name, scene.clock.wall(), place.identity, who.here()))
        try:
            await self._act()
        except Exception as error:  # noqa: BLE001 - a crash of the runner becomes an event, then all is put back
            self._broke(error)
        # Only what was seen put back takes the mark off; whatever else happens, the place stays dirty for the next
        # run.
        if await self._restore():
            clear(place, scene.run)

    async def _act(self) -> None:
        self._phase("acting")
        steps = self.steps(self._scene)
        conditions = [build(use, "abort") for use in self._scene.drill.abort_when]
        self._aborts = [condition.watch(self._rates()) for condition in conditions if isinstance(condition, Aborts)]
        acting = asyncio.create_task(steps.all())
        watching = asyncio.create_task(self._watch())
        asked = asyncio.create_task(self._stop.asked.wait())
        try:
            await asyncio.wait({acting, watching, asked}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (acting, watching, asked):
                if not task.done():
                    task.cancel()
            # Waited for though cancelled: a step that is being cut short may still act, and nothing is undone before
            # it has ended.
            results = await asyncio.gather(acting, watching, return_exceptions=True)
            await self._heeding.stop()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _watch(self) -> None:
        """Take in samples as they come, and ask to stop at the first that meets an abort condition."""
        scene = self._scene
        fed = {name: [abort for abort in self._aborts if name in abort.probes] for name in scene.watching.views}
        while True:
            for sample in scene.watching.poll():
                for watcher in fed[sample.probe]:
                    self._consider(watcher.feed(sample))
            self._consider(*(watcher.tick(scene.clock.now_ns()) for watcher in self._aborts))
            self._consider(scene.probers.trouble())
            await asyncio.sleep(scene.pace)

    def _consider(self, *reasons: str | None) -> None:
        for reason in reasons:
            if reason is not None:
                self._stop.ask("condition", reason)

    async def _restore(self) -> bool:
        """Undo all that is open and see it steady; True when nothing is left to do."""
        scene = self._scene
        self._phase("undoing")
        await scene.effects.end()
        intents = open_intents(scene.timeline.written)
        if scene.leave_applied:
            await look_before_undoing(intents, scene.timeline, scene.run, scene.timeline.written)
            for intent in intents:
                self._note(LeftApplied(step=intent.step, by="person", because="--leave-applied was typed"))
            return not intents
        is_fenced = self._fence()
        run = OpenRun(
            scene.run, scene.environment, scene.timeline, view=self._view, is_hurried=self._stop.hurried.is_set
        )
        dirty, is_steady = await run.put_back(intents, self._undo, self._steady)
        return is_fenced and not dirty and (is_steady or self._stop.hurried.is_set())

    async def _undo(self, intents: list[Intended]) -> list[str]:
        scene = self._scene
        return await undo_all(intents, scene.timeline, scene.run, "runner", scene.timeline.written)

    def _fence(self) -> bool:
        """End what the steps have left running, so that nothing of them acts after the undo; tell whether it ended."""
        scene = self._scene
        if stuck():
            self._note(RunnerBroke(error="a call of a step would not be cut short, so it may still act", traceback=""))
            scene.give_up()
        swept = scene.fence()
        if any(swept):
            self._note(swept.event)
        return not swept.left

    async def _steady(self, grace: float) -> bool:
        scene = self._scene
        self._phase("steadying")
        try:
            if scene.probers.trouble():
                await scene.probers.start(scene.plans, scene.watching, scene.timeline)
        except (FaildrillError, OSError) as error:
            self._note(NotSteady(probes={"all": f"could not be watched: {error}"}, waited=0.0))
            return False
        patience = Patience(self._stop.hurried, grace, scene.pace, self._view)
        return await steady(scene.watching, scene.clock, scene.timeline, scene.drill, patience)

    def _phase(self, phase: Phase) -> None:
        self._note(PhaseStarted(phase=phase))

    def _broke(self, error: Exception) -> None:
        self._note(RunnerBroke(error=f"{type(error).__name__}: {error}", traceback=traceback.format_exc()))

    def _note(self, event: AnyEvent) -> None:
        """Record if the disk takes it: what is put back does not wait for what is written down."""
        self._scene.timeline.note(event)


def _advised(trouble: str) -> str:
    """Add to why a probe never was good what to do about it, where that can be told."""
    remedy = causes.what_to_do(trouble)
    return f"{trouble} (do: {remedy})" if remedy else trouble
