"""What a whole run needs to live in virtual time: probers that are tasks of its loop, and a drill on a fake place."""

import asyncio
from pathlib import Path

from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Drill, ProbePlan, Step, Undo, Wait
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.probing.health import SampleWatch
from faildrill.record.samples import Files, Recorder, Sample
from faildrill.record.timeline import FILE, AnyEvent, ProberEnded, ProberStarted, RunStarted, Timeline, entries
from faildrill.running.run_context import Scene
from faildrill.testing import FakePlace, LoopClock


class TaskProbers:
    """Looks in a task of the same loop, and records as a prober does."""

    def __init__(self, folder: Path, run_id: str, lifeline: int = -1, generation: int = 0) -> None:
        del lifeline
        self._files = Files(folder, f"probes-{generation + 1}" if generation else "probes")
        self._run = run_id
        self._recorder: Recorder | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.broken: str | None = None

    async def start(self, plans: tuple[ProbePlan, ...], watching: SampleWatch, timeline: Timeline) -> None:
        self._recorder = Recorder(self._files)
        self.broken = None
        timeline.record(ProberStarted(pid=1, samples=self._files.name, probes=[plan.name for plan in plans]))
        watching.follow(self._files)
        self._tasks = [asyncio.create_task(self._look(plan)) for plan in plans]

    def trouble(self) -> str | None:
        return self.broken

    async def stop(self, timeline: Timeline) -> None:
        if self._tasks:
            timeline.record(ProberEnded(pid=1, asked=True))
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def _look(self, plan: ProbePlan) -> None:
        probe = build(plan.use, "probe")
        given = CallContext(self._run, plan.timeout, plan.every)
        clock = LoopClock()
        while True:
            due = clock.now_ns()
            seen = await probe.look(given)
            assert self._recorder is not None
            sample = Sample(plan.name, due, due, clock.now_ns() + 1000, seen.outcome, seen.who, seen.detail)
            if self.broken is None:
                self._recorder.record(sample)
            await asyncio.sleep(plan.every)


class Simulation:
    """A run on a simulated place, in virtual time, with its files in a real folder."""

    def __init__(self, folder: Path) -> None:
        self.fake = FakePlace(folder / "place")
        self.place = self.fake.folder
        self.folder = folder / "run"
        self.folder.mkdir()
        self.steps: list[Step | Wait] = []
        self.expect: tuple[KindUse, ...] = (KindUse(kind="steady_again", params={"within": "10s"}),)
        self.abort_when: tuple[KindUse, ...] = ()
        self.guards: tuple[KindUse, ...] = ()
        self.drillable = True
        self.scene: Scene | None = None

    def fault(self, name: str, back: Undo | None = None, within: float = 5.0, **how: object) -> Step:
        """Add a step that takes a simulated service down."""
        use = self.fake.take_down(name, **how)
        step = Step(id=name, name=f"take {name} down", use=use, within=within, undo=back or Undo(), undo_within=5.0)
        self.steps.append(step)
        return step

    def wait(self, seconds: float) -> None:
        """Add a step that lets time pass."""
        self.steps.append(Wait(id=f"wait{len(self.steps)}", name="wait", hold=seconds, within=seconds + 1))

    def lay_out(self, timeline: Timeline | None = None) -> Scene:
        """Write the first event and build the scene; call it inside the loop."""
        names = [step.id for step in self.steps if isinstance(step, Step)] or ["pay"]
        probes = tuple(
            ProbePlan(
                name=name,
                use=self.fake.look_at(name),
                every=0.05,
                timeout=0.5,
            )
            for name in names
        )
        drill = Drill(
            name="simulated",
            environment="simulation",
            probes=probes,
            steps=tuple(self.steps),
            expect=self.expect,
            abort_when=self.abort_when,
            warm_up=1.0,
        )
        identity = (KindUse(kind="simulated.word", params={}),)
        place = Environment(name="simulation", drillable=self.drillable, identity=identity, guards=self.guards)
        clock = LoopClock()
        timeline = timeline or Timeline.create(self.folder, clock)
        timeline.record(
            RunStarted(
                run="run-1",
                drill=drill.model_dump(mode="json"),
                environment=place.name,
                place=place.model_dump(mode="json"),
                identity=place.proven_identity,
                boot="boot",
                version="0",
                host="h",
                user="u",
            )
        )
        probers = TaskProbers(self.folder, "run-1")
        self.scene = Scene(
            self.folder, "run-1", drill, place, timeline, clock, SampleWatch(probes), probers, pace=0.025
        )
        return self.scene

    def events(self, *kinds: type[AnyEvent]) -> list[AnyEvent]:
        """Return the events of the run's timeline, of these kinds if any are named."""
        found = [entry.what for entry in entries(self.folder / FILE)]
        return [event for event in found if not kinds or isinstance(event, kinds)]

    def deeds(self, name: str) -> list[str]:
        """Return what was really done to a service, in order."""
        return self.fake.deeds(name)

    def state(self, name: str) -> str:
        """Return what a service is now."""
        return self.fake.state(name)
