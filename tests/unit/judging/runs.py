"""Folders of runs, written by the real timeline and recorder under a clock that the test sets."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from faildrill.record import timeline as tl
from faildrill.record.samples import Files, Outcome, Recorder, Sample

SECOND: Final = 1_000_000_000
BOOT: Final = 7_000 * SECOND
WARM: Final = 3.0
FAULT: Final = 3.5
"""When the fault of `Run.usual` is done, in seconds since the start of the run."""
END: Final = 20.0
NAME: Final = "20261122-100000-crash-1"


class SetClock:
    """A clock that stands where it was set, in seconds since the start of the run."""

    def __init__(self) -> None:
        self.at = 0.0

    def now_ns(self) -> int:
        return ns(self.at)

    def wall(self) -> str:
        minutes, seconds = divmod(self.at, 60)
        return f"2026-11-22T10:{int(minutes):02d}:{seconds:09.6f}Z"


def ns(at: float) -> int:
    """Turn seconds since the start of the run into monotonic ns."""
    return BOOT + round(at * SECOND)


def probe(name: str = "pay", every: float = 0.02, kind: str = "http.request", **more: object) -> dict[str, Any]:
    use = {"kind": kind, "params": {"url": "http://127.0.0.1:1/"}}
    return {"name": name, "use": use, "every": every, "timeout": 0.5, **more}


def step(name: str = "crash", **more: object) -> dict[str, Any]:
    return {"id": name, "name": f"{name} it", "use": {"kind": "member.kill", "params": {}}, "within": 10.0, **more}


def wait(name: str = "wait", within: float = 10.0) -> dict[str, Any]:
    return {"id": name, "name": f"{name} for it", "until": {"probe": "pay"}, "hold": 1.0, "within": within}


@dataclass
class Run:
    """A run to be: its drill, its events (seconds since the start, event) and its samples."""

    expect: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=lambda: [probe()])
    load: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=lambda: [step()])
    place: dict[str, Any] = field(default_factory=lambda: {"name": "lab"})
    events: list[tuple[float, tl.AnyEvent]] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    slow: dict[str, float] = field(default_factory=lambda: {"pay": 0.05})
    more: dict[str, Any] = field(default_factory=dict)
    """What the drill says besides."""

    def start(self) -> tl.RunStarted:
        drill = {
            "name": "crash",
            "environment": "lab",
            "warm_up": WARM,
            "probes": self.probes,
            "load": self.load,
            "steps": self.steps,
            "expect": [{"kind": kind, "params": params} for one in self.expect for kind, params in one.items()],
            **self.more,
        }
        return tl.RunStarted(
            run=NAME, drill=drill, environment="lab", place=self.place, identity="1f", boot="b1", version="0.1",
            host="here", user="sre",
        )  # fmt: skip

    def usual(self) -> "Run":
        """Add the events of a run in which all goes as it should, for every step of the drill."""
        self.events += [
            (0.1, tl.PhaseStarted(phase="guarding")),
            (0.2, tl.GuardAnswered(guard="word")),
            (0.3, tl.PhaseStarted(phase="warming up")),
            (0.3, tl.ProberStarted(pid=7, samples="probes", probes=[one["name"] for one in self.probes])),
            (0.4 + WARM, tl.WarmedUp(since=ns(0.4), slow=self.slow)),
            (0.4 + WARM, tl.PhaseStarted(phase="acting")),
        ]
        for one in self.steps:
            self.events += done(one["id"]) if "use" in one else met(one["id"])
        self.events.append((15.0, tl.PhaseStarted(phase="undoing")))
        for one in reversed(self.steps):
            if "use" in one:
                self.events += put_back(one["id"])
        self.events += [
            (16.0, tl.PhaseStarted(phase="steadying")),
            (19.5, tl.SteadyAgain(since=ns(16.5), after=0.5)),
            (19.9, tl.ProberEnded(pid=7, asked=True)),
            (END, tl.RunEnded(by="runner")),
        ]
        return self

    def without(self, *kinds: type[tl.Event]) -> "Run":
        """Leave events out."""
        self.events = [(at, event) for at, event in self.events if not isinstance(event, kinds)]
        return self

    def but(self, at: float, *events: tl.AnyEvent) -> "Run":
        """Add events."""
        self.events += [(at, event) for event in events]
        return self

    def good(self, name: str = "pay", every: float = 0.02, who: str = "") -> "Run":
        """Add good looks over the whole run."""
        return self.saw(ticks(0.4, END, every), Outcome.OK, name=name, who=who)

    def saw(  # noqa: PLR0913 - a look has that many sides
        self,
        due: Iterable[float],
        outcome: Outcome,
        took: float = 0.002,
        *,
        name: str = "pay",
        who: str = "",
        detail: str = "",
    ) -> "Run":
        """Let looks end in some way; they take the place of those due at the same time."""
        new = [Sample(name, ns(at), ns(at) + 1000, ns(at + took), outcome, who, detail) for at in due]
        taken = {one.due for one in new}
        self.samples[name] = [one for one in self.samples.get(name, []) if one.due not in taken] + new
        return self

    def write(self, folder: Path) -> Path:
        """Write the run into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        clock = SetClock()
        timeline = tl.Timeline.create(folder, clock)
        for at, event in [(0.0, self.start()), *sorted(self.events, key=lambda one: one[0])]:
            clock.at = at
            timeline.record(event)
        timeline.close()
        recorder = Recorder(Files(folder))
        for sample in sorted((one for some in self.samples.values() for one in some), key=lambda one: one.answered):
            recorder.keep(sample)
        recorder.close()
        return folder


def ticks(since: float, until: float, every: float = 0.02) -> list[float]:
    """Give the times at which looks are due; the same grid whatever `since` is."""
    first, last = round(since / every), round(until / every)
    return [round(at * every, 9) for at in range(first, last)]


def done(name: str, at: float = FAULT) -> list[tuple[float, tl.AnyEvent]]:
    """Give the events of a step that takes effect."""
    return [
        (at - 0.01, intended(name)),
        (at, tl.Applying(step=name)),
        (at + 0.1, tl.Applied(step=name, answer={"killed": "a"})),
        (at + 0.2, tl.Confirmed(step=name, because="a is gone")),
    ]


def intended(name: str, undo: str = "own") -> tl.Intended:
    return tl.Intended(step=name, kind="member.kill", params={}, before={}, undo=undo, within=10.0, undo_within=60.0)  # type: ignore[arg-type]


def met(name: str, at: float = 4.0, *, was: bool = True) -> list[tuple[float, tl.AnyEvent]]:
    """Give the events of a wait."""
    return [
        (at, tl.WaitStarted(step=name, until="pay is ok for 1 s", within=10.0)),
        (at + 10.0, tl.WaitEnded(step=name, met=was, because="pay is ok for 1 s" if was else "not seen within 10 s")),
    ]


def put_back(name: str, at: float = 15.0) -> list[tuple[float, tl.AnyEvent]]:
    """Give the events of an undo that works."""
    return [
        (at, tl.Undoing(step=name, by="runner")),
        (at + 0.5, tl.Undone(step=name)),
        (at + 0.9, tl.UndoVerified(step=name, because="a runs again")),
    ]
