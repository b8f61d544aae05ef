"""A whole run in a world that lies, hangs, acts late and breaks, in virtual time, drawn by a seed; and its oracle.

The world draws what its services do when they are taken down and put back, when its disk fails, when a person or the
machine interferes. The engine is the real one, and sees the world through its ports only; the oracle knows what was
really done, and says which of the promises a run broke.
"""

import asyncio
import contextlib
import errno
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from faildrill import judging
from faildrill.acting.call import IN_TRANSIT
from faildrill.adapters.simulated.place import Fault, end_timers
from faildrill.clock import nanoseconds
from faildrill.errors import FaildrillError
from faildrill.judging.result import Verdict
from faildrill.locking.declared_facts import proven
from faildrill.locking.dirty_marks import marks
from faildrill.locking.place_key import PlaceKey
from faildrill.model.drill import Drill, Parallel, ProbePlan, Step, Undo, Wait
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.probing.health import SampleWatch
from faildrill.record.journal import Disk
from faildrill.record.timeline import (
    FILE,
    ApplyFailed,
    Applying,
    Confirmed,
    Intended,
    LeftApplied,
    NotSteady,
    PhaseStarted,
    RunEnded,
    RunStarted,
    SteadyAgain,
    Timeline,
    Undoing,
    entries,
)
from faildrill.restoring.fence import Swept
from faildrill.restoring.steadiness import GRACE
from faildrill.running.course import Course
from faildrill.running.longest_course import WARM_UP_PATIENCE
from faildrill.running.run_context import Scene
from faildrill.running.stop_request import Stop
from faildrill.testing import LoopClock, run
from faildrill.testing.virtual_time import START
from support.virtual import TaskProbers

T = TypeVar("T")
RUN: Final = "run-1"
BYSTANDER: Final = "bystander"
WARM_UP: Final = 0.4
LIMIT: Final = 5.0
"""Seconds within which the drill expects to be steady again."""
APPLIES: Final = (
    *("works",) * 16,
    *("refuses", "refuses after", "fails", "fails after", "lies", "hangs", "clings", "answers late", "comes late"),
    *("leaves a timer", "crashes", "exits"),
)
UNDOS: Final = (*("works",) * 16, "fails", "fails after", "lies", "hangs", "clings", "works late")
THEIRS: Final = "maintained"
"""What other people make of a service."""
LIES: Final = (
    {"apply": "accepts, comes late", "delay": "7s", "acts_late": "8s"},
    {"apply": "comes late", "delay": "7s", "acts_late": "8s"},
    {"apply": "refuses, comes late", "delay": "1s"},
    {"apply": "refuses, comes late", "delay": "7s", "acts_late": "8s"},
    {"apply": "another first"},
    {"reads": "stale"},
    {"reads": "alternating"},
    {"reads": "alternating", "reads_after": "2s"},
    {"apply": "accepts, comes late", "delay": "7s", "acts_late": "8s", "reads": "alternating", "reads_after": "1s"},
)
"""What one of the services is told to do, in some worlds, instead of what is asked for."""
LYING: Final = 0.35
"""In how many worlds somebody does."""
FAILURES: Final = ("ENOSPC", "EIO", "short", "sync")


class FailingDisk(Disk):
    """Fails from the n-th write on, for a while or for good, in one of several ways."""

    def __init__(self, first: int, last: int, how: str) -> None:
        self._first = first
        self._last = last
        self._how = how
        self._calls = 0

    def _is_failing(self) -> bool:
        return self._first <= self._calls <= self._last

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        self._calls += 1
        if not self._is_failing() or self._how == "sync":
            return os.write(descriptor, content)
        if self._how == "EIO":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if self._how == "short" and len(content) > 1:
            self._calls -= 1
            self._how = "ENOSPC"
            return os.write(descriptor, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self, descriptor: int) -> None:
        del descriptor
        if self._is_failing() and self._how == "sync":
            raise OSError(errno.EIO, os.strerror(errno.EIO))


@dataclass
class World:
    """What one seed draws: a drill, and everything that goes wrong."""

    seed: int
    steps: list[Step | Wait | Parallel] = field(default_factory=list)
    asks: list[float] = field(default_factory=list)
    """When a person asks the run to stop."""
    outages: list[tuple[float, float]] = field(default_factory=list)
    """When a service that no step touches goes down by itself, and for how long."""
    meddling: list[tuple[float, str]] = field(default_factory=list)
    """When other people bring a service up again that a step took down."""
    claims: list[tuple[float, str]] = field(default_factory=list)
    """When other people make something of their own of a service that a step took down."""
    late_claims: list[tuple[float, str]] = field(default_factory=list)
    """When they do so with whatever a service is by then, also after it was put back."""
    dead_prober: float | None = None
    disk: tuple[int, int, str] | None = None
    aborts: tuple[KindUse, ...] = ()
    leave_applied: bool = False
    unwatched: frozenset[str] = frozenset()
    """Services that no probe looks at."""

    @classmethod
    def draw(cls, seed: int, place: Path, applies: tuple[str, ...] = APPLIES, *, lying: bool = True) -> "World":
        """Draw a world whose faults are taken from among these; where it may be `lying`, services also tell lies."""
        draw = random.Random(seed)  # noqa: S311 - it must be the same for the same seed
        world = cls(seed)
        names = [f"service{number}" for number in range(draw.choice((1, 1, 2, 2, 3)))]
        steps: list[Step | Wait] = [_fault(draw, name, place, applies) for name in names]
        if len(steps) > 1 and draw.random() < 0.2:
            world.steps = [Parallel(id="group", name="at once", steps=tuple(steps))]
        else:
            world.steps = list(steps)
        world.steps.append(_wait(draw))
        if draw.random() < 0.3:
            world.asks = sorted(draw.uniform(0, 12) for _ in range(draw.randint(1, 3)))
        if draw.random() < 0.15:
            world.outages = [(draw.uniform(0, 12), draw.choice((0.3, 2.0, 500.0)))]
        if draw.random() < 0.1:
            world.dead_prober = draw.uniform(0, 10)
        if draw.random() < 0.25:
            first = draw.randint(1, 30)
            world.disk = (first, first + draw.choice((0, 1, 3, 1000)), draw.choice(FAILURES))
        if draw.random() < 0.2:
            params = {"of": draw.choice(names), "longer_than": draw.choice(("500ms", "2s"))}
            world.aborts = (KindUse.model_validate({"kind": "outage", "params": params}),)
        world.leave_applied = draw.random() < 0.03
        others = world.draw_others(names)
        if lying:
            world.lie(others)
        return world

    def draw_others(self, names: list[str]) -> random.Random:
        """Draw what other people do meanwhile."""
        others = random.Random(f"{self.seed} others")  # noqa: S311 - what else is drawn stays what it was
        if others.random() < 0.25:
            self.meddling = [(others.uniform(0, 8), others.choice(names))]
        if others.random() < 0.25:
            self.claims = [(others.uniform(0, 8), others.choice(names))]
        if others.random() < 0.15:
            self.late_claims = [(others.uniform(0, 20), others.choice(names))]
        return others

    def lie(self, others: random.Random) -> None:
        """Have one of the services that would do what it is asked for lie."""
        honest = [one for one in self.faults if one.use.params["apply"] == "works"]
        if not honest or others.random() > LYING:
            return
        liar = others.choice(honest)
        use = liar.use.model_copy(update={"params": {**liar.use.params, **others.choice(LIES)}})
        lying = liar.model_copy(update={"use": use, "undo_within": others.choice((liar.undo_within, 12.0))})
        self.steps = [_instead(one, liar, lying) for one in self.steps]

    @property
    def faults(self) -> list[Step]:
        """The steps that take something down."""
        flat = [one for step in self.steps for one in (step.steps if isinstance(step, Parallel) else (step,))]
        return [step for step in flat if isinstance(step, Step)]

    @property
    def longest(self) -> float:
        """Seconds that the run may take at the most: every limit in it used up, with a second's slack for each."""
        waits = sum(step.within + 1 for step in self.steps if isinstance(step, Wait))
        steps = sum(2 * step.within + 2 * IN_TRANSIT + 3 * step.undo_within + 10 for step in self.faults)
        return WARM_UP + WARM_UP_PATIENCE + steps + waits + LIMIT + GRACE + WARM_UP + 5


def _fault(draw: random.Random, name: str, place: Path, applies: tuple[str, ...]) -> Step:
    apply = draw.choice(applies)
    later = ("3s", "6s") if apply == "leaves a timer" else ()
    params: dict[str, Any] = {
        "folder": str(place),
        "name": name,
        "apply": apply,
        "undo": draw.choice(UNDOS),
        "delay": draw.choice(("0ms", "0ms", "300ms", "1s", "1900ms", *later)),
        "undo_delay": draw.choice(("100ms", "1s", "8s")),
        "blind": draw.choice(("0ms",) * 6 + ("500ms", "4s", "60s")),
    }
    how = "none" if draw.random() < 0.05 else "own"
    use = KindUse(kind="simulated.fault", params=params)
    undo = Undo(how=how)
    return Step(id=name, name=name, use=use, within=2.0, undo=undo, undo_within=draw.choice((2.0, 5.0)))


def _instead(step: Step | Wait | Parallel, former: Step, other: Step) -> Step | Wait | Parallel:
    if isinstance(step, Parallel):
        return step.model_copy(update={"steps": tuple(other if one is former else one for one in step.steps)})
    return other if step is former else step


def _wait(draw: random.Random) -> Wait:
    hold = draw.choice((0.1, 1.0, 4.0))
    return Wait(id="wait", name="wait", hold=hold, within=hold + 1)


@dataclass
class Lived:
    """A world after its run, and what was really done in it."""

    world: World
    place: Path
    folder: Path
    took: float
    is_marked: bool
    verdict: Verdict | None

    def book(self, name: str, book: str) -> list[str]:
        path = self.place / f"{name}.{book}"
        return path.read_text().split() if path.exists() else []

    def state(self, name: str) -> str:
        path = self.place / f"{name}.state"
        return path.read_text() if path.exists() else "up"


def live(seed: int, folder: Path, driving: type[Course] = Course, applies: tuple[str, ...] = APPLIES) -> Lived:
    """Live through the world of a seed; `driving` is the engine's own, or a worse one to be found out."""
    world = World.draw(seed, folder / "place", applies, lying=driving is Course)
    return live_in(world, folder, driving)


def live_in(world: World, folder: Path, driving: type[Course] = Course) -> Lived:
    """Live through a world whose place is in this folder."""
    place, reports = folder / "place", folder / "run"
    place.mkdir()
    reports.mkdir()
    with _closed_afterwards():
        took, where = run(_drive(world, place, reports, driving))
    is_marked = any(one.run == RUN for one in marks(where))
    return Lived(world, place, reports, took, is_marked, _verdict(reports))


@contextlib.contextmanager
def _closed_afterwards() -> Iterator[None]:
    """Close the files that a run has left open, as the end of its process does: thousands of runs live in this one."""
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are all that is asked for
    try:
        yield
    finally:
        for one in set(os.listdir("/proc/self/fd")) - before:  # noqa: PTH208 - the same
            with contextlib.suppress(OSError):  # the folder that is listed is closed again already
                os.close(int(one))


def fault(folder: Path, name: str, **how: str) -> Step:
    """Return a step that takes a service down in a chosen way."""
    use = KindUse.model_validate(
        {"kind": "simulated.fault", "params": {"folder": str(folder / "place"), "name": name, **how}}
    )
    return Step(id=name, name=name, use=use, within=2.0, undo_within=2.0)


def _verdict(folder: Path) -> Verdict | None:
    try:
        return judging.judge(folder).verdict
    except FaildrillError:
        return None


async def _drive(world: World, place: Path, folder: Path, driving: type[Course]) -> tuple[float, PlaceKey]:
    scene = _scene(world, place, folder)
    scene.fence = lambda: Swept(end_timers(str(place)), [])
    stop = Stop()
    loop = asyncio.get_running_loop()
    for when in world.asks:
        loop.call_later(when, stop.ask, "person", "Ctrl-C")
    for when, length in world.outages:
        loop.call_later(when, (place / f"{BYSTANDER}.state").write_text, "down")
        loop.call_later(when + length, (place / f"{BYSTANDER}.state").write_text, "up")
    for when, name in world.meddling:
        loop.call_later(when, _meddle, place, name)
    for when, name in world.claims:
        loop.call_later(when, _claim, place, name)
    for when, name in world.late_claims:
        loop.call_later(when, _claim_anyway, place, name)
    if world.dead_prober is not None:
        loop.call_later(world.dead_prober, setattr, scene.probers, "broken", "the prober ended with -9")
    await driving(scene, stop).drive()
    return loop.time() - START, proven(scene.environment)


def _meddle(place: Path, name: str) -> None:
    """Bring a service up that is down, as a reload or an operator does, and write down when."""
    service = Fault(folder=str(place), name=name)
    if service.state() == "down":
        (place / f"{name}.state").write_text("up")
        (place / f"{name}.meddled").write_text(str(LoopClock().now_ns()))


def _claim(place: Path, name: str) -> None:
    """Have a service that is down in maintenance instead, as an operator does, and write down when."""
    if Fault(folder=str(place), name=name).state() == "down":
        (place / f"{name}.state").write_text(THEIRS)
        (place / f"{name}.claimed").write_text(str(LoopClock().now_ns()))


def _claim_anyway(place: Path, name: str) -> None:
    """Have a service in maintenance, whatever it is, and write down when."""
    (place / f"{name}.state").write_text(THEIRS)
    Fault(folder=str(place), name=name).tell("claimed")
    (place / f"{name}.claimed-late").write_text(str(LoopClock().now_ns()))


def _scene(world: World, place: Path, folder: Path) -> Scene:
    probes = tuple(
        ProbePlan(
            name=name,
            use=KindUse(kind="simulated.service", params={"folder": str(place), "name": name}),
            every=0.1,
            timeout=0.3,
        )
        for name in (*(step.id for step in world.faults if step.id not in world.unwatched), BYSTANDER)
    )
    drill = Drill(
        name="simulated",
        environment="simulation",
        probes=probes,
        steps=tuple(world.steps),
        expect=(KindUse(kind="steady_again", params={"within": f"{LIMIT:g}s"}),),
        abort_when=world.aborts,
        warm_up=WARM_UP,
    )
    word = KindUse(kind="simulated.word", params={"about": str(folder)})
    environment = Environment(name="simulation", drillable=True, identity=(word,))
    clock = LoopClock()
    _lay_out(drill, environment, folder, world)
    timeline = Timeline.resume(folder, clock, FailingDisk(*world.disk) if world.disk else FailingDisk(0, -1, ""))
    probers = TaskProbers(folder, RUN)
    scene = Scene(folder, RUN, drill, environment, timeline, clock, SampleWatch(probes), probers, pace=0.05)
    scene.leave_applied = world.leave_applied
    return scene


def _lay_out(drill: Drill, environment: Environment, folder: Path, world: World) -> None:
    timeline = Timeline.create(folder, LoopClock())
    timeline.record(
        RunStarted(
            run=RUN,
            drill=drill.model_dump(mode="json"),
            environment=environment.name,
            place=environment.model_dump(mode="json"),
            identity=environment.proven_identity,
            boot="boot",
            version="0",
            host="h",
            user="u",
            leave_applied=world.leave_applied,
        )
    )
    timeline.close()


def broken_promises(lived: Lived) -> Iterator[str]:
    """Name every promise that a run broke, by what was really done."""
    yield from _about_effects(lived)
    yield from _about_leaving(lived)
    yield from _about_undoing(lived)
    if lived.took > lived.world.longest:
        yield f"a wait did not end: it took {lived.took:.1f} s of at most {lived.world.longest:.1f} s"


def _about_effects(lived: Lived) -> Iterator[str]:
    for step in lived.world.faults:
        story = lived.book(step.id, "story")
        if story.count("call") > 1:
            yield f"{step.id} was called {story.count('call')} times"
        if lived.verdict is Verdict.PASSED and _is_meddled_with(lived, step.id) and not _disk_failed(lived):
            yield f"PASSED, but others had put {step.id} back before"
        if _is_undone(lived, step, story):
            yield f"{step.id}: somebody else's work was undone"
        came = sum(story.count(one) for one in ("came", "late"))
        if story.count("call-back") > 1 + came:
            yield f"{step.id} was asked {story.count('call-back')} times to come back, and went down late {came} times"
        if lived.verdict is Verdict.PASSED and not {"apply", "late", "came"} & set(story):
            yield f"PASSED, but {step.id} was never done"
        if "call" in story and not any(event.step == step.id for event in _all(lived, Intended)):
            yield f"{step.id} was called without an intent"


def _is_meddled_with(lived: Lived, name: str) -> bool:
    """Tell whether others ended an effect while nothing else was done that may have ended it as well."""
    told = lived.book(name, "meddled")
    if not told:
        return False
    at, known = int(told[0]), entries(lived.folder / FILE)
    undoing = next((one.at for one in known if isinstance(one.what, PhaseStarted) and one.what.phase == "undoing"), at)
    begun = {one.what.step: one.at for one in known if isinstance(one.what, Applying) and one.what.step != name}
    seen = {one.what.step: one.at for one in known if isinstance(one.what, Confirmed)}
    is_busy = any(start <= at + nanoseconds(1.5) and at <= seen.get(step, at) for step, start in begun.items())
    is_seen = seen.get(name, at) < at
    return is_seen and at < undoing and not is_busy


def _is_undone(lived: Lived, step: Step, story: list[str]) -> bool:
    """Tell whether what other people did was undone, where it could be seen that it was theirs."""
    if "theirs" in story and "call-back" in story:
        return not _disk_failed(lived)  # nobody heard that it was refused
    if _is_claimed(lived, step.id) and lived.state(step.id) == "up":
        return True
    if "claimed" not in story or not _can_be_seen(step) or step.use.params["undo"] == "works late":
        return False
    since = story[story.index("claimed") :]
    return "undo" in since and not {"call", "apply", "came", "late", "fell"} & set(since)


def _can_be_seen(step: Step) -> bool:
    """Tell whether whoever is asked tells what a service is; one that always tells what it was can't be found out."""
    params = step.use.params
    return params.get("blind", "0ms") == "0ms" and params.get("reads") != "stale"


def _is_claimed(lived: Lived, name: str) -> bool:
    """Tell whether others had made something of their own of a service before anything was put back.

    What can't be seen before its undo is put back all the same: then nobody can tell whose it is.
    """
    [step] = [one for one in lived.world.faults if one.id == name]
    told = lived.book(name, "claimed") if _can_be_seen(step) else []
    known = entries(lived.folder / FILE) if told else []
    undoing = [one.at for one in known if isinstance(one.what, PhaseStarted) and one.what.phase == "undoing"]
    return bool(undoing) and int(told[0]) < undoing[0]


def _about_leaving(lived: Lived) -> Iterator[str]:
    if lived.world.leave_applied:
        return
    left = [step.id for step in lived.world.faults if step.undo.how != "none" and _is_left(lived, step.id)]
    if left and not lived.is_marked:
        yield f"{left} left on, and no mark tells"
    if left and lived.verdict is not Verdict.UNSAFE and not _disk_failed(lived):
        yield f"{left} left on, and the verdict is {lived.verdict}"
    if lived.verdict is Verdict.PASSED and (left or lived.is_marked):
        yield f"PASSED with {left} on, marked: {lived.is_marked}"


def _is_left(lived: Lived, name: str) -> bool:
    """Tell whether a service is not as it was; what others have made of it anyway may be since the run has ended.

    Of one that always tells what it was the probes tell; where a person didn't wait for them nobody can.
    """
    [step] = [one for one in lived.world.faults if one.id == name]
    if step.use.params.get("reads") == "stale" and not _all(lived, SteadyAgain) and not _all(lived, NotSteady):
        return False
    return lived.state(name) != "up" and not (lived.state(name) == THEIRS and lived.book(name, "claimed-late"))


def _about_undoing(lived: Lived) -> Iterator[str]:
    if lived.world.leave_applied or _disk_failed(lived):
        return
    refused = {event.step for event in _all(lived, ApplyFailed) if event.how == "refused"}
    open_ones = [one.step for one in _all(lived, Intended) if one.undo == "none" or one.step not in refused]
    tried = list(dict.fromkeys(event.step for event in lived_undos(lived)))  # what comes late is undone once more
    if tried != list(reversed(open_ones)):
        yield f"intended {open_ones}, tried to undo {tried}"
    for step in lived.world.faults:
        story = lived.book(step.id, "story")
        if "call-back" in story and "late" in story[story.index("call-back") :]:
            yield f"{step.id}: something of the run acted after the undo: {story}"
    if not isinstance(entries(lived.folder / FILE)[-1].what, RunEnded):
        yield "the timeline has no end"


def lived_undos(lived: Lived) -> list[Undoing | LeftApplied]:
    """List what was put back or left on purpose, in the order of the timeline."""
    found = [entry.what for entry in entries(lived.folder / FILE)]
    return [event for event in found if isinstance(event, Undoing | LeftApplied)]


def _all(lived: Lived, kind: type[T]) -> list[T]:
    return [entry.what for entry in entries(lived.folder / FILE) if isinstance(entry.what, kind)]


def _disk_failed(lived: Lived) -> bool:
    """Tell whether the disk may have swallowed what the timeline should tell."""
    return lived.world.disk is not None
