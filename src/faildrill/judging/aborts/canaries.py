"""The abort condition on probes that must not feel the drill at all."""

from collections.abc import Mapping
from typing import Final

from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.ports import Kind, ProbeName, Rate, Watcher
from faildrill.record.samples import Outcome, Sample

SILENT: Final = 3
"""Intervals without a word after which a canary counts as not green."""


class Canaries(Kind):
    """End the run and put everything back as soon as one of these probes is not good.

    Canaries watch what the drill must not touch: the neighbours of its target, a login, another team's service. The run
    ends at the first bad look (or at `in_a_row` of them), and when no look of the probe proves anything for three
    intervals. Looks that were skipped or broke in the prober prove nothing.

    canaries: {of: [login, search]}
    """

    of: tuple[ProbeName, ...] = Field(min_length=1, description="the probes that must stay green")
    in_a_row: int = Field(default=1, ge=1, description="looks of one probe that must fail one after the other")

    def watch(self, rates: Mapping[str, Rate]) -> Watcher:
        """Begin to weigh it."""
        return _CanaryWatch(self, rates)


class _CanaryWatch:
    """How many looks of each canary failed since its last good one, and when it was heard."""

    def __init__(self, condition: Canaries, rates: Mapping[str, Rate]) -> None:
        self._condition = condition
        self.probes = condition.of
        self._failed = dict.fromkeys(condition.of, 0)
        self._silence = {
            name: nanoseconds(rates[name].every * SILENT)
            for name in condition.of
            if name in rates and rates[name].every
        }
        self._heard: dict[str, int] = {}

    def feed(self, sample: Sample) -> str | None:
        """Take the next sample in; return why to abort, or None."""
        if not sample.outcome.is_look:
            return None
        self._heard[sample.probe] = max(self._heard.get(sample.probe, 0), sample.answered)
        if sample.outcome is Outcome.OK:
            self._failed[sample.probe] = 0
            return None
        self._failed[sample.probe] += 1
        count = self._failed[sample.probe]
        if count < self._condition.in_a_row:
            return None
        outcome = sample.outcome.in_words(sample.detail)
        return f"canary {sample.probe} is not green: {outcome}" + (f", {count} times in a row" if count > 1 else "")

    def tick(self, now_ns: int) -> str | None:
        """Take in that time has passed: silence for three intervals is not green."""
        for name, silence in self._silence.items():
            heard = self._heard.setdefault(name, now_ns)
            if now_ns - heard > silence:
                return f"canary {name} is not green: no word for {durations.show(seconds(now_ns - heard))}"
        return None
