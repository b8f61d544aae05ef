"""A run in real processes on a simulated place: laid out, started, killed, looked at."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from faildrill.clock import SystemClock
from faildrill.model.drill import Drill, Parallel, ProbePlan, Step, Wait
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.record.timeline import FILE, AnyEvent, Confirmed, ProberStarted, entries
from faildrill.restoring.fence import carries
from faildrill.running.layout import Started, lay_out, start
from faildrill.testing import FakePlace

PATIENCE: Final = 150.0
"""Seconds for what takes one on a quiet machine: a test shares its own with others."""


class Place(FakePlace):
    """A fake place in a folder, and the runs on it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "place")
        self.reports = folder / "reports"
        self.steps: list[Step | Wait] = []
        self.identity = str(folder)  # the locks of a machine are shared by all who run these tests on it
        self.probes: list[ProbePlan] = []
        self.load: list[ProbePlan] = []
        self.expect = [KindUse(kind="steady_again", params={"within": "10s"})]
        self.abort_when: list[KindUse] = []
        self.warm_up = 0.3
        self.kind = "simulated.fault"
        self.group: Parallel | None = None
        """What is done in place of the steps: they, at once."""
        self.identity_use: KindUse | None = None
        self.facts: tuple[KindUse, ...] = ()
        """What it proves besides its own identity."""
        self.declared: dict[str, Any] = {}
        """What the environment declares besides: guards, a lock, a blast radius."""

    def probe(self, name: str, every: float = 0.02) -> ProbePlan:
        """A probe that looks at a service fifty times a second."""
        return ProbePlan(name=name, use=self.look_at(name), every=every, timeout=0.5)

    def expecting(self, kind: str, **params: object) -> None:
        """Add an expectation."""
        self.expect.append(KindUse.model_validate({"kind": kind, "params": params}))

    def fault(self, name: str, within: float = 10.0, **how: object) -> None:
        """Add a step that takes a service down."""
        params: dict[str, Any] = {"folder": str(self.folder), "name": name, **how}
        use = KindUse(kind=self.kind, params=params)
        self.steps.append(Step(id=name, name=f"take {name} down", use=use, within=within, undo_within=5.0))

    def wait(self, seconds: float) -> None:
        """Add a step that lets time pass."""
        self.steps.append(Wait(id=f"wait{len(self.steps)}", name="wait", hold=seconds, within=seconds + 1))

    def lay_out(self) -> Path:
        """Lay a run of these steps out."""
        names = [step.id for step in self.steps if isinstance(step, Step)]
        drill = Drill(
            name="simulated",
            environment="simulation",
            probes=(*(self.probe(name) for name in names), *self.probes),
            load=tuple(self.load),
            steps=(self.group,) if self.group else tuple(self.steps),
            expect=tuple(self.expect),
            abort_when=tuple(self.abort_when),
            warm_up=self.warm_up,
        )
        own = self.identity_use or KindUse(kind="simulated.word", params={"about": self.identity})
        identity = (own, *self.facts)
        place = Environment(name="simulation", drillable=True, identity=identity, **self.declared)
        return lay_out(drill, place, self.reports, SystemClock())

    def start(self) -> Started:
        """Start a run of these steps."""
        return start(self.lay_out())


def events(folder: Path, *kinds: type[AnyEvent]) -> list[AnyEvent]:
    """Return the events of a run, of these kinds if any are named."""
    found = [entry.what for entry in entries(folder / FILE)]
    return [event for event in found if not kinds or isinstance(event, kinds)]


def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until a condition is met; AssertionError when it is not in time."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "not met in time"
        time.sleep(0.01)


def recorded(folder: Path, kind: type[AnyEvent], within: float = PATIENCE) -> None:
    """Wait until an event of a kind is in the timeline of a run."""
    until(lambda: events(folder, kind), within)


def of_run(run: str) -> dict[int, str]:
    """Return the live processes that carry a run's id, by pid with what they execute."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and carries(int(path.name), run):
            with contextlib.suppress(OSError):
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


@contextlib.contextmanager
def several_under_way(command: list[str], place: Place) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """Start runs one after the other; give the process once the first has done its step, and that run's folder.

    Both are ended whatever happens.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        folder = Path()
        try:
            until(lambda: list(place.reports.glob(f"*/*/{FILE}")))
            [folder] = [one.parent for one in place.reports.glob(f"*/*/{FILE}")]
            until(lambda: events(folder, Confirmed))
            yield process, folder
        finally:
            process.kill()
            for pid in of_run(folder.name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def runner_of(folder: Path) -> int:
    """Return the pid of a run's runner."""
    until(lambda: any("running.runner" in line for line in of_run(folder.name).values()))
    return next(pid for pid, line in of_run(folder.name).items() if "running.runner" in line)


def prober_of(folder: Path) -> int:
    """Return the pid of a run's prober."""
    [prober] = [one.pid for one in events(folder, ProberStarted) if isinstance(one, ProberStarted)]
    return prober


@contextlib.contextmanager
def ended(started: Started) -> Iterator[None]:
    """See to it that nothing of a run is left when a test fails in its middle."""
    try:
        yield
    finally:
        for pid in [started.sentinel.pid, *of_run(started.folder.name)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        started.sentinel.wait()
        assert started.sentinel.stdin
        started.sentinel.stdin.close()
