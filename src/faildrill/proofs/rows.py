"""For how long the looks of a probe have been saying yes to a question, without a break: while they come in.

What is proven of it now stays proven: a row reaches no further than all that may still turn out against it is settled.
"""

import heapq
from collections import deque
from collections.abc import Mapping
from typing import Final

from faildrill.proofs.looks import Interval, Question
from faildrill.proofs.schedule import Schedule
from faildrill.samples import Sample

_RECENT: Final = 256
"""First looks of the row that are kept, in case that one before them turns out against it."""
_PRO, _CON = 0, 1


class Row:
    """The row of one probe: looks that say yes, from a moment on, each sent soon after the one before it."""

    def __init__(self, question: Question, schedule: Schedule, since: int) -> None:
        self._question = question
        self._schedule = schedule
        self._since = since
        self._coming: list[tuple[int, int, int]] = []
        """What is not settled yet, ordered by its left end: that, whether it is for or against, and its right end."""
        self._against = 0
        """Until when something may have been against it."""
        self._last: int | None = None
        self._first: int | None = None
        self._firsts: deque[int] = deque(maxlen=_RECENT)
        self.is_seen = False
        """Whether one look at least said yes."""

    @property
    def stretch(self) -> Interval | None:
        """From the moment by which the first look of the row had said yes to that at which the last one still did."""
        if self._first is None or self._last is None:
            return None
        return Interval(self._first, self._last)

    def take(self, sample: Sample) -> None:
        """Take the next sample in; the schedule has it already."""
        pro, con = self._question.answer(sample, self._schedule.slow)
        if pro is not None and pro.since >= self._since:
            self.is_seen = True
            heapq.heappush(self._coming, (pro.since, _PRO, pro.by))
        if con is not None:
            heapq.heappush(self._coming, (con.since, _CON, con.by))
        self._settle()

    def _settle(self) -> None:
        """Take in what nothing can come before any more."""
        silence_is_against = self._question.word == "ok"
        unsettled = self._schedule.unsettled(wait_for_silent=not silence_is_against)
        while self._coming and (unsettled is None or self._coming[0][0] <= unsettled):
            since, side, by = heapq.heappop(self._coming)
            if side == _CON:
                self._deny(by)
            else:
                self._affirm(since, by)
        if silence_is_against:
            self._deny(self._schedule.silent_until)

    def _affirm(self, since: int, by: int) -> None:
        if self._last is None or since - self._last > self._schedule.patience:
            self._first = None
            self._firsts.clear()
        self._last = since if self._last is None else max(self._last, since)
        if by >= self._against:
            self._first = by if self._first is None else min(self._first, by)
            self._firsts.append(by)

    def _deny(self, by: int) -> None:
        """Begin the row anew with the first look that had said yes no earlier than that."""
        self._against = max(self._against, by)
        if self._first is not None and self._first < self._against:
            self._firsts = deque((one for one in self._firsts if one >= self._against), _RECENT)
            self._first = min(self._firsts, default=None)


class Asked:
    """A question to some probes, asked of what comes in from a moment on: of each of them, or of any."""

    def __init__(self, question: Question, schedules: Mapping[str, Schedule], since: int, *, of_each: bool) -> None:
        self._rows = {name: Row(question, schedule, since) for name, schedule in schedules.items()}
        self._of_each = of_each

    def take(self, sample: Sample) -> None:
        """Take the next sample in."""
        if sample.probe in self._rows:
            self._rows[sample.probe].take(sample)

    def lasts(self, hold: int) -> Interval | None:
        """Return from when to when the answer is proven to be yes, for `hold` ns at least; None while it is not."""
        rows = self._rows.values()
        if hold == 0 and (all if self._of_each else any)(row.is_seen for row in rows):
            return Interval(0, 0)
        found = [row.stretch for row in rows]
        proven = [one for one in found if one is not None]
        if self._of_each:
            proven = proven if len(proven) == len(found) else []
            proven = [Interval(max(one.since for one in proven), min(one.by for one in proven))] if proven else []
        return next((one for one in proven if hold and one.by - one.since >= hold), None)
