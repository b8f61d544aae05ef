"""Abort conditions: weighed on each sample as it comes, in constant memory.

The bounds are those of judging: what aborts a run is proven dark, never guessed. A service that gives no answer for
three intervals is dark from then on, as its prober may be gone too; looks that were skipped are no silence.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.shares import Share, allowed, fraction
from faildrill.judging.weighing import FEWEST
from faildrill.ports import Duration, Kind, ProbeName, Rate, Watcher
from faildrill.samples import SEEN_LATE, Outcome, Sample

SILENT: Final = 3
"""Intervals without a word after which a service counts as dark."""
_BUCKETS: Final = 20
_LEARNT: Final = 4


class OutageLonger(Kind):
    """The probe's service is proven dark for longer than `longer_than` at a time: the run is ended and put back.

    outage: {of: pay, longer_than: 2m}
    """

    of: ProbeName
    longer_than: Duration = Field(description="the longest that it may be dark before the run is ended")

    def watch(self, rates: Mapping[str, Rate]) -> Watcher:
        """Begin to weigh it; where its rate isn't told, it is learnt as the probe looks."""
        rate = rates.get(self.of)
        slow = nanoseconds(rate.slow) if rate and rate.slow else None
        return _DarkWatch(self, nanoseconds(rate.every) if rate else None, slow)


class _DarkWatch:
    """How long one service is dark by now."""

    def __init__(self, condition: OutageLonger, every: int | None, slow: int | None) -> None:
        self._condition = condition
        self._rate = _Rate(every)
        self._slow = slow
        self._heard: int | None = None
        self._begun: int | None = None
        self._still = 0

    def feed(self, sample: Sample) -> str | None:
        """Take the next sample in; return why to abort, or None."""
        if sample.probe != self._condition.of:
            return None
        self._rate.learn(sample.due)
        self._heard = max(self._heard or 0, sample.answered, sample.due)
        if not sample.outcome.is_look:
            return None
        dark = self._darkness(sample)
        if dark is not None:
            self._begun = dark[1] if self._begun is None else min(self._begun, dark[1])
            self._still = max(self._still, dark[0])
            return self._breach(self._still)
        if self._begun is not None and sample.sent >= self._begun:
            self._begun, self._still = None, 0
        return None

    def tick(self, now_ns: int) -> str | None:
        """Take in that time has passed: silence for three intervals is dark."""
        if self._heard is None:
            self._heard = now_ns
        if self._rate.every is None:
            return None
        silent_from = self._heard + SILENT * self._rate.every
        if now_ns <= silent_from:
            return None
        since = self._begun if self._begun is not None else silent_from
        return self._told(now_ns - since, "no look came back")

    def _darkness(self, sample: Sample) -> tuple[int, int] | None:
        """Return when it was dark at least (from, by), or None when the look proves life."""
        late = self._slow is not None and sample.answered - sample.sent > self._slow
        late = late and not sample.detail.endswith(SEEN_LATE)
        if sample.outcome is Outcome.OK and not late:
            return None
        silent = late or sample.outcome is Outcome.TIMED_OUT
        begun_by = sample.sent + self._slow if silent and self._slow is not None else sample.answered
        return sample.sent, min(begun_by, sample.answered)

    def _breach(self, still: int) -> str | None:
        return None if self._begun is None else self._told(still - self._begun, "")

    def _told(self, dark: int, how: str) -> str | None:
        condition = self._condition
        if dark <= nanoseconds(condition.longer_than):
            return None
        length = f"{condition.of} is dark for {durations.show(seconds(dark))}"
        return f"{length}{f' ({how})' if how else ''}, longer than {durations.show(condition.longer_than)}"


class _Rate:
    """How far apart looks are due: as declared, else the widest of the first few steps."""

    def __init__(self, every: int | None) -> None:
        self._declared = every
        self._widest = 0
        self._steps = 0
        self._last: int | None = None

    @property
    def every(self) -> int | None:
        """Nanoseconds between two looks; None while that is not known."""
        return self._declared or (self._widest if self._steps >= _LEARNT else None)

    def learn(self, due: int) -> None:
        """Take in when a look was due."""
        if self._declared or self._steps >= _LEARNT:
            return
        if self._last is not None and due > self._last:
            self._widest = max(self._widest, due - self._last)
            self._steps += 1
        self._last = due


class ErrorsAbove(Kind):
    """More looks of the probe fail than `above` over any time of `over`: the run is ended and put back.

    errors: {of: pay, above: 10%, over: 5s}
    """

    of: ProbeName
    above: Share = Field(description="a share, e.g. 10%, or a whole number of looks")
    over: Duration = Field(gt=0, description="the time over which they are counted")

    def watch(self, rates: Mapping[str, Rate]) -> Watcher:  # noqa: ARG002 - the port's signature
        """Begin to weigh it."""
        return _ErrorWatch(self)


class _Bucket(NamedTuple):
    """The looks of one part of the time: its number, how many, and how many of them failed."""

    number: int
    looks: int
    failed: int


class _ErrorWatch:
    """How many looks failed lately, counted in twenty parts of the time."""

    def __init__(self, condition: ErrorsAbove) -> None:
        self._condition = condition
        self._part = max(nanoseconds(condition.over) // _BUCKETS, 1)
        self._buckets: deque[_Bucket] = deque(maxlen=_BUCKETS)

    def feed(self, sample: Sample) -> str | None:
        """Take the next sample in; return why to abort, or None."""
        if sample.probe != self._condition.of or not sample.outcome.is_look:
            return None
        number, failed = sample.answered // self._part, int(sample.outcome is not Outcome.OK)
        buckets = self._buckets
        if buckets and number <= buckets[-1].number:
            last = buckets.pop()
            buckets.append(_Bucket(last.number, last.looks + 1, last.failed + failed))
        else:
            buckets.append(_Bucket(number, 1, failed))
            while buckets[0].number <= number - _BUCKETS:
                buckets.popleft()
        return self._weighed() if failed else None

    def tick(self, now_ns: int) -> str | None:  # noqa: ARG002 - the port's signature
        """Time alone makes no errors; silence is for `outage`."""
        return None

    def _weighed(self) -> str | None:
        looks = sum(one.looks for one in self._buckets)
        failed = sum(one.failed for one in self._buckets)
        condition = self._condition
        enough = looks >= FEWEST or fraction(condition.above) is None
        if not enough or failed <= allowed(condition.above, looks):
            return None
        over = durations.show(condition.over)
        return f"{failed} of {looks} looks of {condition.of} failed within {over}, more than {condition.above}"
