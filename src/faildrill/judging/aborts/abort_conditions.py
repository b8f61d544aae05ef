"""Abort conditions: weighed on each sample as it comes, in constant memory.

The bounds are those of judging: what aborts a run is proven dark, or nobody can tell any more. A condition that is
there to end a run must not stay silent because nobody can look.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Final

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.expectations.answers_to_findings import FEWEST
from faildrill.judging.numbers.look_share import Share, exact
from faildrill.ports import Duration, Kind, ProbeName, Rate, Watcher
from faildrill.proofs.look_schedule import RECORDED_WITHIN
from faildrill.proofs.looks import SILENCE, proof
from faildrill.record.samples import Sample
from faildrill.record.samples.columns import Integers

_MOST: Final = 4096
"""Dark looks that are kept in case that a good one still turns out to lie among them."""
_FOREVER: Final = 1 << 62


class OutageLonger(Kind):
    """End the run and put everything back when the probe's service is dark for longer than `longer_than` at a time.

    It ends when the service is proven dark for so long, and also when no look shows it alive for so long (plus the time
    that a look may take), because none came back or none could be sent.

    outage: {of: pay, longer_than: 2m}
    """

    of: ProbeName
    longer_than: Duration = Field(description="the longest that it may be dark before the run is ended")

    def watch(self, rates: Mapping[str, Rate]) -> Watcher:
        """Begin to weigh it."""
        return _DarkWatch(self, rates[self.of])


class _DarkWatch:
    """For how long one service is dark by now."""

    def __init__(self, condition: OutageLonger, rate: Rate) -> None:
        self._condition = condition
        self._limit = nanoseconds(condition.longer_than)
        self.probes = (condition.of,)
        self._slow = nanoseconds(rate.slow) if rate.slow else _FOREVER
        self._grace = max(SILENCE * nanoseconds(rate.every), nanoseconds(rate.slow or 0))
        self._watched: int | None = None
        """When the watching began."""
        self._told = 0
        """When the last sample of any sort came …"""
        self._heard = 0
        """… and the last one that proves anything."""
        self._alive = 0
        """By when the last moment of life had been."""
        self._begun: list[int] = []
        """By when it was dark, for dark looks since, the first one first; of very many for some."""
        self._still = 0
        """When it was still dark."""

    def feed(self, sample: Sample) -> str | None:
        """Take the next sample in; return why to abort, or None."""
        self._told = max(self._told, sample.answered)
        if sample.outcome.is_look:
            self._heard = max(self._heard, sample.answered)
        alive, dark = proof(sample, self._slow)
        if dark is not None:  # also where it was answered well, beyond `slow`: only who answers in time ends an outage
            if dark.by >= self._alive:
                self._still = max(self._still, dark.since)
                if len(self._begun) < _MOST or dark.by < self._begun[0]:
                    heappush(self._begun, dark.by)
        elif alive is not None:
            self._alive = max(self._alive, alive.by)
            while self._begun and self._begun[0] < self._alive:
                heappop(self._begun)
        return self._breach(self._still - self._begun[0], "") if self._begun else None

    def tick(self, now_ns: int) -> str | None:
        """Take in that time has passed: what nobody sees alive for long enough is dark, or can't be told."""
        if self._watched is None:
            self._watched = now_ns
        grace = self._grace
        since = max(self._alive, self._watched) + grace
        if self._begun and now_ns > self._heard + grace:
            since = min(since, self._begun[0])
        if now_ns - since <= self._limit:
            return None
        how = "no look shows it alive" if self._told > now_ns - grace else "no look came back"
        return self._breach(now_ns - since, how)

    def _breach(self, dark: int, how: str) -> str | None:
        condition = self._condition
        if dark <= self._limit:
            return None
        length = f"{condition.of} is dark for {durations.show(seconds(dark))}"
        return f"{length}{f' ({how})' if how else ''}, longer than {durations.show(condition.longer_than)}"


class ErrorsAbove(Kind):
    """End the run and put everything back when more looks of the probe fail than `above` within `over`.

    Each look of the schedule counts once, at the time when it was due. If for longer than `over` no look proves
    anything, nobody can tell how many fail, and the run is ended too.

    errors: {of: pay, above: 10%, over: 5s}
    """

    of: ProbeName
    above: Share = Field(description="a share, e.g. 10%, or a whole number of looks")
    over: Duration = Field(gt=0, description="the time over which they are counted")

    def watch(self, rates: Mapping[str, Rate]) -> Watcher:
        """Begin to weigh it."""
        return _ErrorWatch(self, rates[self.of])


class _ErrorWatch:
    """How many looks failed over a time, by when they were due."""

    def __init__(self, condition: ErrorsAbove, rate: Rate) -> None:
        self._condition = condition
        self.probes = (condition.of,)
        self._over = nanoseconds(condition.over)
        self._every, self._timeout = nanoseconds(rate.every), nanoseconds(rate.timeout)
        self._kept = self._over + self._timeout + RECORDED_WITHIN
        self._first = rate.first
        self._limit, self._is_share = exact(condition.above), isinstance(condition.above, str)
        self._due: list[int] = []
        """When looks were due, of the last while, in order; of some of them it is known that they failed …"""
        self._failed: list[int] = []
        self._proven: list[int] = []
        """… and of some that they prove anything at all."""
        self._heard = 0
        """When the last look that proves anything was due."""
        self._watched: int | None = None
        """When the watching began."""
        self._unweighed = _FOREVER
        """When the first look was due that came in since all times that end with a failed one were weighed."""

    def feed(self, sample: Sample) -> str | None:
        """Take the next sample in; return why to abort, or None."""
        if not self._is_due(sample.due):
            return None
        place = bisect_left(self._due, sample.due)
        if self._due[place : place + 1] == [sample.due]:  # a late answer to a look that was given up
            return None
        self._due.insert(place, sample.due)
        self._forget()
        if not sample.outcome.is_look:
            return None
        self._heard = max(self._heard, sample.due)
        insort(self._proven, sample.due)
        if sample.outcome.is_good:
            if self._failed and sample.due < self._failed[-1]:  # now there may be enough looks beside those that failed
                self._unweighed = min(self._unweighed, sample.due)
            return None
        insort(self._failed, sample.due)
        self._unweighed = min(self._unweighed, sample.due)
        return self._weighed(sample.due)

    def tick(self, now_ns: int) -> str | None:
        """Take in that time has passed: where no look proves anything for longer than the time, nobody can tell."""
        if self._watched is None:
            self._watched = now_ns
        if (broken := self._weighed_again()) is not None:
            return broken
        blind = now_ns - max(self._heard, self._watched)
        if blind <= self._over + self._timeout + SILENCE * self._every:
            return None
        because = f"no look of {self._condition.of} proves anything for {durations.show(seconds(blind))}"
        return f"{because}: whether more than {self._condition.above} failed, nobody can tell"

    def _is_due(self, due: int) -> bool:
        """Tell whether a look is one of the schedule, where that is known."""
        return self._first is None or (due - self._first) % self._every == 0

    def _weighed_again(self) -> str | None:
        """Weigh the times again in which looks have failed that were due before the last of them."""
        if self._unweighed == _FOREVER:
            return None
        place, self._unweighed = bisect_right(self._failed, self._unweighed), _FOREVER
        if place >= len(self._failed):
            return None
        ends = np.array(self._failed[place:], np.int64)
        total, failed, proven = (self._counts(some, ends) for some in (self._due, self._failed, self._proven))
        bad = failed * self._limit.denominator > self._limit.numerator * (total if self._is_share else 1)
        bad &= (proven >= FEWEST) | (not self._is_share)
        return self._weighed(int(ends[int(np.argmax(bad))])) if bad.any() else None

    def _counts(self, due: list[int], ends: Integers) -> Integers:
        moments = np.array(due, np.int64)
        return np.searchsorted(moments, ends, "right") - np.searchsorted(moments, ends - self._over, "right")

    def _weighed(self, until: int) -> str | None:
        """Weigh the time that ends with the look due then."""
        total, failed, proven = (self._count(some, until) for some in (self._due, self._failed, self._proven))
        condition, limit = self._condition, self._limit
        enough = proven >= FEWEST or not self._is_share
        if not enough or failed * limit.denominator <= limit.numerator * (total if self._is_share else 1):
            return None
        over = durations.show(condition.over)
        return f"{failed} of {total} looks of {condition.of} failed within {over}, more than {condition.above}"

    def _count(self, due: list[int], until: int) -> int:
        return bisect_right(due, until) - bisect_right(due, until - self._over)

    def _forget(self) -> None:
        """Leave out what is too old for any time that is still to be weighed, now and then."""
        if self._due[-1] - self._due[0] > 2 * self._kept:
            for some in (self._due, self._failed, self._proven):
                del some[: bisect_left(some, self._due[-1] - self._kept)]
