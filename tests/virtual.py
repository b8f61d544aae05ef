"""Virtual time: an event loop that jumps to its next timer, and what a run needs to live on it."""

import asyncio
import selectors
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from faildrill.drill import Drill, ProbePlan, Step, Undo, Wait
from faildrill.environment import Environment
from faildrill.kinds import build
from faildrill.kinds.supplying import Supplies
from faildrill.probing.watching import Watching
from faildrill.running.scene import Scene
from faildrill.samples import Files, Recorder, Sample
from faildrill.targets import KindUse
from faildrill.timeline import FILE, AnyEvent, ProberEnded, ProberStarted, RunStarted, Timeline, entries

T = TypeVar("T")
START = 1_000.0


class _Jumping(selectors.SelectSelector):
    """Never waits: what it is told to wait for has passed."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.now = start

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing will ever happen again: the run hangs")
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time is that of its selector."""

    def __init__(self, start: float = START) -> None:
        self._jumping = _Jumping(start)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class LoopClock:
    """The clock of the running loop."""

    def now_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * 1e9)

    def wall(self) -> str:
        return "2026-11-22T10:30:00.000000Z"


def run(what: Coroutine[Any, Any, T], start: float = START) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(what)


class TaskProbers:
    """Looks in a task of the same loop, and records as a prober does."""

    def __init__(self, folder: Path, run_id: str, lifeline: int = -1, generation: int = 0) -> None:
        del lifeline
        self._files = Files(folder, f"probes-{generation + 1}" if generation else "probes")
        self._run = run_id
        self._recorder: Recorder | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.broken: str | None = None

    async def start(self, plans: tuple[ProbePlan, ...], watching: Watching, timeline: Timeline) -> None:
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
        given = Supplies(self._run, plan.timeout, plan.every)
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
        self.place = folder / "place"
        self.folder = folder / "run"
        self.place.mkdir()
        self.folder.mkdir()
        self.steps: list[Step | Wait] = []
        self.expect: tuple[KindUse, ...] = (KindUse(kind="steady_again", params={"within": "10s"}),)
        self.abort_when: tuple[KindUse, ...] = ()
        self.guards: tuple[KindUse, ...] = ()
        self.drillable = True
        self.scene: Scene | None = None

    def fault(self, name: str, back: Undo | None = None, within: float = 5.0, **how: object) -> Step:
        """Add a step that takes a simulated service down."""
        params: dict[str, Any] = {"folder": str(self.place), "name": name, **how}
        use = KindUse(kind="simulated.fault", params=params)
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
                use=KindUse(kind="simulated.service", params={"folder": str(self.place), "name": name}),
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
        self.scene = Scene(self.folder, "run-1", drill, place, timeline, clock, Watching(probes), probers, pace=0.025)
        return self.scene

    def events(self, *kinds: type[AnyEvent]) -> list[AnyEvent]:
        """Return the events of the run's timeline, of these kinds if any are named."""
        found = [entry.what for entry in entries(self.folder / FILE)]
        return [event for event in found if not kinds or isinstance(event, kinds)]

    def deeds(self, name: str) -> list[str]:
        """Return what was really done to a service, in order."""
        path = self.place / f"{name}.log"
        return path.read_text().split() if path.exists() else []

    def state(self, name: str) -> str:
        """Return what a service is now."""
        path = self.place / f"{name}.state"
        return path.read_text() if path.exists() else "up"
