"""What a review asks of a run besides its result: moments on both clocks, who the users are, which are alarms."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple

from faildrill.clock import seconds
from faildrill.judging.result import Finding, Result, StepFigures
from faildrill.record.surroundings import Surroundings
from faildrill.record.timeline import AnyEvent, Applying, Entry, RunStarted, first_of
from faildrill.reports import wording
from faildrill.reports.html.look_times import Look, Looks

_ALARM: Final = "detected"
"""The expectation whose probe is an alarm: that it is bad tells that somebody noticed, not that users suffer."""


class When(NamedTuple):
    """A moment: its second of the run, and its time in UTC."""

    at: float
    wall: str


@dataclass(frozen=True, eq=False)
class Facts:
    """One run: its result, its timeline and its looks."""

    result: Result
    entries: Sequence[Entry]
    looks: Mapping[str, Looks]
    around: Surroundings = field(default_factory=Surroundings)
    """What was set around it, before and after."""

    @cached_property
    def first(self) -> RunStarted | None:
        """The first event of the run."""
        return first_of(self.entries)

    @property
    def acted(self) -> list[StepFigures]:
        """The steps that changed something, or tried to."""
        return [step for step in self.result.steps if step.started is not None and step.kind != "wait"]

    @property
    def causes(self) -> list[StepFigures]:
        """Those of them that are there to be put back: what the drill tries."""
        return [step for step in self.acted if step not in self.answers]

    @property
    def answers(self) -> list[StepFigures]:
        """Those that the drill wants to stay: what is done about what it did before."""
        return [step for step in self.acted[1:] if step.left_by == "drill"]

    @cached_property
    def zero(self) -> float:
        """The second of the run from which it counts: the first step, or its start."""
        return min((step.started for step in self.acted if step.started is not None), default=0.0)

    @property
    def users(self) -> str:
        """The probe that stands for the users; empty where nobody looked."""
        return self.result.headline.probe if self.result.headline is not None else ""

    @cached_property
    def alarms(self) -> frozenset[str]:
        """The probes by which somebody is to notice."""
        declared: dict[str, Any] = self.first.drill if self.first is not None else {}
        uses = declared.get("expect") or ()
        return frozenset(str(use.get("params", {}).get("of")) for use in uses if use.get("kind") == _ALARM)

    @property
    def noticed(self) -> list[tuple[int, Finding]]:
        """The findings on whether somebody noticed, each with its number."""
        return [(number, finding) for number, finding in enumerate(self.result.findings) if finding.kind == _ALARM]

    def when(self, at: float) -> When:
        """Put a second of the run on the wall: by the entry before it, as the clock may have been set since."""
        if not self.entries:
            return When(at, self.result.started)
        place = max(bisect_right(self._seconds, at) - 1, 0)
        wall = datetime.fromisoformat(self.entries[place].wall) + timedelta(seconds=at - self._seconds[place])
        return When(at, wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))

    @cached_property
    def _seconds(self) -> list[float]:
        return [self.second(entry) for entry in self.entries]

    def second(self, entry: Entry) -> float:
        """Return the second of the run at which an entry was written."""
        return seconds(entry.at - self.entries[0].at)

    def since(self, at: float) -> str:
        """Write a second of the run on its axis."""
        return wording.moment(at - self.zero)

    def events(self, kind: type[AnyEvent]) -> Iterator[Entry]:
        """Yield the entries that tell of a kind of event."""
        return (entry for entry in self.entries if isinstance(entry.what, kind))

    def began(self, step: StepFigures) -> str:
        """Refer to the entry that tells of the beginning of a step; empty where none does."""
        numbers = (event.n for event in self.events(Applying) if getattr(event.what, "step", "") == step.id)
        return next((f"timeline:{number}" for number in numbers), "")

    def look(self, reference: str) -> Look | None:
        """Return the look that a reference names; None where it names none of this run."""
        probe, _, number = reference.removeprefix("sample:").rpartition(":")
        looks = self.looks.get(probe)
        if not reference.startswith("sample:") or looks is None or not number.isdecimal() or len(number) > _MOST_DIGITS:
            return None
        return looks.look(int(number)) if int(number) < len(looks) else None


_MOST_DIGITS: Final = 11
