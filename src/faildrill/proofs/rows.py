"""For how long the looks of a probe have been saying yes to a question, without a break: while they come in.

What is proven of it now stays proven: a row reaches no further than all that may still turn out against it is settled.
"""

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

from faildrill.proofs.looks import Interval, Question
from faildrill.proofs.schedule import Schedule
from faildrill.samples import Sample

_RECENT: Final = 256
"""First looks of the row that are kept, in case that one before them turns out against it."""
_ENDED: Final = 8
"""Rows that are kept after their end, in case that a look which began within one is answered after later ones."""
_FEW: Final = 4096
"""Looks so few that all are weighed again when one is told that was due before what seemed to be the first."""
_PRO, _CON = 0, 1


@dataclass
class _Ended:
    """A row that ended: the end of its first look, the beginning of its last, and what no look of it lies beyond."""

    first: int
    last: int
    until: int


class Row:
    """The row of one probe: looks that say yes, from a moment on, each sent soon after the one before it."""

    def __init__(self, question: Question, schedule: Schedule, since: int, hold: int) -> None:
        self._question = question
        self._schedule = schedule
        self._since = since
        self._hold = hold
        self._coming: list[tuple[int, int, int]] = []
        """What is not settled yet, ordered by its left end: that, whether it is for or against, and its right end."""
        self._settled: list[tuple[int, int, int]] = []
        """What is, for as long as that is little."""
        self._is_ok = question.word == "ok"
        self._silent_until = schedule.silent_until if self._is_ok else 0
        self.is_seen = False
        """Whether one look at least said yes."""
        self._begin()

    def _begin(self) -> None:
        """Begin with nothing settled."""
        self._against = self._silent_until
        """Until when something may have been against it."""
        self._last: int | None = None
        self._first: int | None = None
        self._firsts: deque[int] = deque(maxlen=_RECENT)
        self._ended: deque[_Ended] = deque(maxlen=_ENDED)
        self._long: list[Interval] = []
        """Rows that were long enough before they ended."""

    @property
    def stretches(self) -> list[Interval]:
        """From when to when it was so, each time that it was for long enough.

        From the moment by which the first look of a row had said yes to that at which the last one still did.
        """
        if self._first is None or self._last is None or self._last - self._first < self._hold:
            return self._long
        return [*self._long, Interval(self._first, self._last)]

    def take(self, sample: Sample) -> None:
        """Take the next sample in; the schedule has it already."""
        if self._schedule.begins_earlier and len(self._settled) < _FEW:
            self._coming, self._settled = sorted(self._coming + self._settled), []
            self._begin()
        pro, con = self._question.answer(sample, self._schedule.slow)
        if pro is not None and pro.since >= self._since:
            self.is_seen = True
            heapq.heappush(self._coming, (pro.since, _PRO, pro.by))
        if con is not None:
            heapq.heappush(self._coming, (con.since, _CON, con.by))
        if self._is_ok:
            for since, by in self._schedule.silent:
                heapq.heappush(self._coming, (since, _CON, by))
        self._settle()

    def _settle(self) -> None:
        """Take in what nothing can come before any more."""
        unsettled = self._schedule.unsettled(wait_for_silent=not self._is_ok)
        while self._coming and (unsettled is None or self._coming[0][0] <= unsettled):
            since, side, by = one = heapq.heappop(self._coming)
            if len(self._settled) < _FEW:
                self._settled.append(one)
            if side == _CON:
                self._deny(since, by)
            else:
                self._affirm(since, by)

    def _affirm(self, since: int, by: int) -> None:
        if self._ended:
            self._lengthen(since)
        if self._last is None or since - self._last > self._schedule.patience:
            self._end(since)
            self._first = None
            self._firsts.clear()
        self._last = since if self._last is None else max(self._last, since)
        if by >= self._against:
            self._first = by if self._first is None else min(self._first, by)
            self._firsts.append(by)

    def _deny(self, since: int, by: int) -> None:
        """Begin the row anew with the first look that had said yes no earlier than that."""
        self._against = max(self._against, by)
        for one in self._ended:
            if one.first < by:
                one.until = min(one.until, since)
        if self._first is not None and self._first < self._against:
            self._end(since)
            self._firsts = deque((one for one in self._firsts if one >= self._against), _RECENT)
            self._first = min(self._firsts, default=None)

    def _end(self, until: int) -> None:
        if self._first is not None and self._last is not None:
            self._ended.append(_Ended(self._first, self._last, until))
            self._keep(self._ended[-1])

    def _lengthen(self, since: int) -> None:
        """Take into rows that ended a look which began within them and was answered after what ended them."""
        for one in self._ended:
            if one.last < since <= one.until and since - one.last <= self._schedule.patience:
                one.last = since
                self._keep(one)

    def _keep(self, ended: _Ended) -> None:
        if ended.last - ended.first < self._hold:
            return
        self._long = [one for one in self._long if one.since != ended.first]
        self._long.append(Interval(ended.first, ended.last))


class Asked:
    """A question to some probes, asked of what comes in from a moment on: whether it is so for `hold` ns at a time.

    Of each of them, or of any.
    """

    def __init__(self, question: Question, schedules: Mapping[str, Schedule], since: int, hold: int) -> None:
        self._rows = {name: Row(question, schedule, since, hold) for name, schedule in schedules.items()}
        self._of_each = question.is_of_each
        self._lacking = set(self._rows)
        """Those of them of which it never was so yet for long enough."""
        self._hold = hold
        self.met: Interval | None = None
        """From when to when it was so, once it is proven for long enough: what comes in later takes nothing back."""

    def take(self, sample: Sample) -> None:
        """Take the next sample in."""
        row = self._rows.get(sample.probe)
        if row is None or self.met is not None:
            return
        row.take(sample)
        if row.stretches if self._hold else row.is_seen:
            self._lacking.discard(sample.probe)
            if not (self._of_each and self._lacking):
                self.met = self._met(row)

    def _met(self, row: Row) -> Interval | None:
        """Return from when to when it is so, now that it is of one probe; None where another one is waited for."""
        if not self._hold:
            return Interval(0, 0)
        common = row.stretches
        for other in self._rows.values() if self._of_each else ():
            pairs = product(common, other.stretches)
            both = (Interval(max(one.since, two.since), min(one.by, two.by)) for one, two in pairs)
            common = [one for one in both if one.by - one.since >= self._hold]
        return min(common, default=None)
