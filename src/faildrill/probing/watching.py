"""Follow the samples of a run while they are written: how each probe is now, and since when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.drill import ProbePlan
from faildrill.samples import Files, Follower, Outcome, Sample

SILENCE = 3
"""Intervals without a look after which a probe is blind."""


@dataclass
class View:
    """How one probe is now; times are monotonic ns."""

    plan: ProbePlan
    last: Sample | None = None
    told: Sample | None = None
    """The last sample, also one that proves nothing."""
    good_since: int | None = None
    """When the first answer of the present unbroken row of good ones arrived: from then on it is known to be good."""
    good: int = 0
    """How many looks that row has."""
    slowest: int = 0
    """The slowest answer of that row, from due to answered."""
    heard: int = 0
    """When the last look was due."""
    slow: float | None = None
    """Seconds after which an answer is too late to be good, once the warm-up has told; as judging sees it."""

    def take(self, sample: Sample) -> None:
        """Take the next sample into account; one that was skipped proves nothing, nor does one that is open."""
        self.told = sample
        if sample.outcome in (Outcome.OPEN, Outcome.THROTTLED):
            return
        self.heard = max(self.heard, sample.due)
        if sample.outcome is Outcome.SKIPPED:
            return
        self.last = sample
        if sample.outcome is not Outcome.OK or self._is_late(sample):
            self.good_since, self.good, self.slowest = None, 0, 0
            return
        self.good_since = self.good_since or sample.answered
        self.good += 1
        self.slowest = max(self.slowest, sample.answered - sample.due)

    def trouble(self, now: int) -> str | None:
        """Say what is wrong with the probe at this moment, or None."""
        if self.last is None:
            return "no look yet" if self.told is None else f"no look yet that proves anything: {_in_words(self.told)}"
        allowed = nanoseconds(self.plan.every * SILENCE + self.plan.timeout)
        if now - self.heard > allowed:
            told = self.told
            why = f", the last one {_in_words(told)}" if told is not None and told is not self.last else ""
            return f"no look for {durations.show(seconds(now - self.heard))}{why}"
        if self.last.outcome is not Outcome.OK:
            return _in_words(self.last)
        if self._is_late(self.last):
            return f"too slow: {durations.show(seconds(self.last.answered - self.last.sent))}"
        return None

    def _is_late(self, sample: Sample) -> bool:
        return self.slow is not None and sample.answered - sample.sent > nanoseconds(self.slow)


def _in_words(sample: Sample) -> str:
    name = sample.outcome.name.lower().replace("_", " ")
    return f"{name}: {sample.detail}" if sample.detail else name


class Watching:
    """The probes of a run as they are now. Follows files only: it never touches who writes them."""

    def __init__(self, plans: Iterable[ProbePlan]) -> None:
        self.views = {plan.name: View(plan) for plan in plans}
        self._followers: list[Follower] = []

    def limit(self, slow: Mapping[str, float]) -> None:
        """From now on, answers later than these seconds, by probe, are not good.

        How late the answers to a load are is for `latency`: for steadiness, one of thousands would decide.
        """
        for name, view in self.views.items():
            view.slow = slow.get(name) if view.plan.by != "load" else None

    def follow(self, files: Files) -> None:
        """Follow one more prober's samples, from their beginning."""
        self._followers.append(Follower(files))

    def poll(self) -> list[Sample]:
        """Take in what came since the last call, and return it."""
        fresh = [sample for follower in self._followers for sample in follower.new() if sample.probe in self.views]
        for sample in fresh:
            self.views[sample.probe].take(sample)
        return fresh

    def good_since(self, now: int, probes: Iterable[str] | None = None) -> int | None:
        """Return since when all of these probes (or all there are) are good without a break; None when one is not."""
        views = [self.views[name] for name in probes] if probes is not None else list(self.views.values())
        if any(view.trouble(now) for view in views):
            return None
        since = [view.good_since for view in views]
        return max((one for one in since if one is not None), default=None) if None not in since else None

    def troubles(self, now: int) -> dict[str, str]:
        """Say, by probe, what is wrong at this moment; empty when all are good."""
        return {name: trouble for name, view in self.views.items() if (trouble := view.trouble(now))}
