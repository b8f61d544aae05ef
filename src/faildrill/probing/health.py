"""Follow the samples of a run while they are written: how each probe is now, and what they prove of a question."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from faildrill import durations
from faildrill.clock import seconds
from faildrill.model.drill import ProbePlan
from faildrill.proofs import limits
from faildrill.proofs.look_schedule import Schedule
from faildrill.proofs.looks import Question, trouble
from faildrill.proofs.streaks import Asked
from faildrill.record.samples import Files, Follower, Outcome, Sample

_SKIPPED: Final = Outcome.SKIPPED


@dataclass
class View:
    """How one probe is now; times are monotonic ns."""

    plan: ProbePlan
    schedule: Schedule = field(init=False)
    last: Sample | None = None
    """The last one that was not skipped, and is neither open nor throttled."""
    told: Sample | None = None
    """The last sample, also one that proves nothing."""
    heard: int = 0
    """When the last look of those that `last` is of was due, skipped ones too."""

    def __post_init__(self) -> None:
        """Begin with an empty schedule."""
        self.schedule = Schedule(self.plan)

    def take(self, sample: Sample, source: object = None) -> None:
        """Take the next sample into account; `source` is its prober."""
        self.schedule.take(sample, source)
        self.told = sample
        if not sample.outcome.is_open:
            self.heard = max(self.heard, sample.due)
            if sample.outcome is not _SKIPPED:
                self.last = sample

    def trouble(self, now: int) -> str | None:
        """Say what is wrong with the probe at this moment, or None: for people, it decides nothing."""
        if self.last is None:
            return "no look yet" if self.told is None else f"no look yet that proves anything: {_in_words(self.told)}"
        allowed = limits.unwatched(self.plan.every, self.plan.timeout)
        if now - self.heard > allowed:
            sample = self.told
            why = f", the last one {_in_words(sample)}" if sample is not None and sample is not self.last else ""
            return f"no look for {durations.show(seconds(now - self.heard))}{why}"
        if now - self.last.answered > allowed:
            return f"no answer for {durations.show(seconds(now - self.last.answered))}"
        return trouble(self.last, self.schedule.slow)


def _in_words(sample: Sample) -> str:
    return sample.outcome.in_words(sample.detail)


class SampleWatch:
    """The probes of a run as they are now. Follows files only: it never touches who writes them."""

    def __init__(self, plans: Iterable[ProbePlan]) -> None:
        self.views = {plan.name: View(plan) for plan in plans}
        self._followers: list[Follower] = []
        self._asked: list[Asked] = []

    def limit(self, slow: Mapping[str, float]) -> None:
        """From now on, silence of these seconds, by probe, is dark, as judging sees it."""
        for name, view in self.views.items():
            if name in slow:
                view.schedule.fix(limits.capped(slow[name], view.plan.timeout))

    def follow(self, files: Files) -> None:
        """Follow one more prober's samples, from their beginning."""
        self._followers.append(Follower(files))

    def poll(self) -> list[Sample]:
        """Take in what came since the last call, and return it."""
        fresh = []
        for follower in self._followers:
            for sample in follower.new():
                if (view := self.views.get(sample.probe)) is not None:
                    view.take(sample, follower)
                    for asked in self._asked:
                        asked.take(sample)
                    fresh.append(sample)
        return fresh

    @contextmanager
    def asking(self, question: Question, since: int, hold: int, probe: str | None = None) -> Iterator[Asked]:
        """Ask of what comes in meanwhile, by looks sent from `since` on, for `hold` ns; without a probe of all.

        That all are `ok` is asked of each of them, anything else of any.
        """
        views = self.views if probe is None else {probe: self.views[probe]}
        schedules = {name: view.schedule for name, view in views.items()}
        asked = Asked(question, schedules, since, hold)
        self._asked.append(asked)
        try:
            yield asked
        finally:
            self._asked.remove(asked)

    def troubles(self, now: int) -> dict[str, str]:
        """Say, by probe, what is wrong at this moment; empty when all are good."""
        return {name: trouble for name, view in self.views.items() if (trouble := view.trouble(now))}
