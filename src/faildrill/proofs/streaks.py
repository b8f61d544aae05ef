"""For how long the looks of a probe have been saying yes to a question, without a break: while they come in.

What is proven of it now stays proven: a streak reaches only as far as all that may turn out against it is decided.
"""

import heapq
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from itertools import product
from typing import Final

from faildrill.proofs.look_schedule import Schedule
from faildrill.proofs.looks import Interval, Question
from faildrill.record.samples import Sample

_RECENT: Final = 256
"""First looks of the streak that are kept, in case that one before them turns out against it."""
_WINDOW: Final = 256
"""Pieces at least that are weighed again when one is told that belongs before some of them; at most twice as many."""
_NEAR: Final = 8
"""Pieces right before one, among which it is looked for another that says the same."""
_PRO, _CON = 0, 1
_Piece = tuple[int, int, int]
"""Where something is for it or against it: the left end, which of the two, and the right end."""


class _Streaks:
    """The streak that a look belongs to, and those before it, as pieces are taken in from left to right."""

    def __init__(self, against: int, hold: int) -> None:
        self._against = against
        """Until when something may have been against it."""
        self._hold = hold
        self._last: int | None = None
        self._first: int | None = None
        self._firsts: deque[int] = deque(maxlen=_RECENT)
        self._ended: tuple[Interval, ...] = ()
        """Streaks that were long enough before they ended."""

    def copy(self) -> "_Streaks":
        """Return another one that goes on from here."""
        other = _Streaks(self._against, self._hold)
        other._last, other._first, other._ended = self._last, self._first, self._ended
        other._firsts.extend(self._firsts)
        return other

    def is_over(self, by: int) -> bool:
        """Tell whether something was against it until then or longer: to hear so again changes nothing."""
        return by <= self._against

    @property
    def is_long_enough(self) -> bool:
        """Whether one streak at least is."""
        return bool(self._ended) or self._now() is not None

    @property
    def stretches(self) -> list[Interval]:
        """Return the streaks that are long enough."""
        now = self._now()
        return [*self._ended, now] if now is not None else [*self._ended]

    def _now(self) -> Interval | None:
        if self._first is None or self._last is None or self._last - self._first < self._hold:
            return None
        return Interval(self._first, self._last)

    def take(self, piece: _Piece, patience: int) -> None:
        """Take in the next piece."""
        since, side, by = piece
        if side == _CON:
            self.deny(by)
        else:
            self._affirm(since, by, patience)

    def _affirm(self, since: int, by: int, patience: int) -> None:
        if self._last is None or since - self._last > patience:
            self._end()
            self._first = None
            self._firsts.clear()
        self._last = since
        if by >= self._against:
            if self._first is None or by < self._first:
                self._first = by
            self._firsts.append(by)

    def deny(self, by: int) -> None:
        """Begin the streak anew with the first look that had said yes no earlier than that."""
        if by <= self._against:
            return
        self._against = by
        if self._first is not None and self._first < by:
            self._end()
            self._firsts = deque((first for first in self._firsts if first >= self._against), _RECENT)
            self._first = min(self._firsts, default=None)

    def _end(self) -> None:
        if (now := self._now()) is not None:
            self._ended = (*self._ended[-_RECENT:], now)


class Streak:
    """The streak of one probe: looks that say yes, from a moment on, each sent soon after the one before it."""

    def __init__(self, question: Question, schedule: Schedule, since: int, hold: int) -> None:
        self._question = question
        self._schedule = schedule
        self._since = since
        self._coming: list[_Piece] = []
        """What is not decided yet, as a heap."""
        self._window: list[_Piece] = []
        """What was decided last, in order."""
        self._is_ok = question.word == "ok"
        self._before = _Streaks(schedule.silent_until if self._is_ok else 0, hold)
        """All that was decided before the window …"""
        self._amid = self._before
        """… and before the part of it that is kept when it has become too long."""
        self._streaks = self._before.copy()
        self.is_seen = False
        """Whether one look at least said yes."""

    @property
    def stretches(self) -> list[Interval]:
        """From when to when it was so, each time that it was for long enough.

        From the moment by which the first look of a streak had said yes to that at which the last one still did.
        """
        return self._streaks.stretches

    @property
    def is_so(self) -> bool:
        """Whether it was so for long enough once."""
        return self._streaks.is_long_enough

    def take(self, sample: Sample) -> None:
        """Take the next sample in; the schedule has it already."""
        pieces = self._pieces(sample)
        if self._window:
            last = self._window[-1]
            # Heap and window are ordered by their left ends; a piece that comes late belongs before some that were
            # decided already.
            pieces = [piece for piece in pieces if piece > last or not self._is_known(piece)]
            # Weighed again from the window's begin: a streak that seemed to be long enough may be broken by what was
            # told late.
            if self._schedule.begins_earlier or (pieces and min(pieces) < last):
                pieces += self._window
                self._window = []
                self._streaks = self._before.copy()
        for piece in pieces:
            heapq.heappush(self._coming, piece)
        if self._coming:
            self._decide()

    def _pieces(self, sample: Sample) -> list[_Piece]:
        """Return what a sample says, and what the schedule presumes by now."""
        pieces = []
        pro, con = self._question.answer(sample, self._schedule.slow)
        if pro is not None and pro.since >= self._since:
            self.is_seen = True
            pieces.append((pro.since, _PRO, pro.by))
        if con is not None:
            pieces.append((con.since, _CON, con.by))
        if self._is_ok and self._schedule.silent:
            pieces += [(since, _CON, by) for since, by in self._schedule.silent]
        return pieces

    def _is_known(self, piece: _Piece) -> bool:
        """Tell whether another piece of the window says all that this one does: nothing is weighed again then.

        What was given up was presumed to be against it when it ought to have been answered, in an interval that holds
        that of its sending: most often the piece right before.
        """
        place = bisect_right(self._window, piece)
        _, side, by = piece
        if side == _PRO:
            return piece in self._window[max(0, place - _NEAR) : place]
        for number in range(place - 1, max(-1, place - 1 - _NEAR), -1):
            _, other, until = self._window[number]
            if other == _CON and until >= by:
                return True
        # It lies before all that is kept, so only what was decided by then can say the same.
        return place == 0 and self._before.is_over(by)

    def _decide(self) -> None:
        """Take in what nothing can come before any more."""
        undecided = self._schedule.undecided(wait_for_silent=not self._is_ok)
        patience = self._schedule.patience
        # What was due before the first look of which nobody has heard can't be followed by anything that lies further
        # left.
        while self._coming and (undecided is None or self._coming[0][0] <= undecided):
            piece = heapq.heappop(self._coming)
            self._streaks.take(piece, patience)
            self._window.append(piece)
            # Two states a window apart, the older one forgotten in turn: a copy for every piece would cost more than
            # weighing does.
            if len(self._window) == 2 * _WINDOW:
                del self._window[:_WINDOW]
                self._before = self._amid
            if len(self._window) == _WINDOW:
                self._amid = self._streaks.copy()


class Asked:
    """A question to some probes, asked of what comes in from a moment on: whether it is so for `hold` ns at a time.

    Of each of them, or of any.
    """

    def __init__(self, question: Question, schedules: Mapping[str, Schedule], since: int, hold: int) -> None:
        self._by_probe = {name: Streak(question, schedule, since, hold) for name, schedule in schedules.items()}
        self._of_each = question.is_of_each
        self._lacking = set(self._by_probe)
        """Those of them of which it never was so yet for long enough."""
        self._hold = hold
        self.met: Interval | None = None
        """From when to when it was so, once it is proven for long enough: what comes in later takes nothing back."""

    def take(self, sample: Sample) -> None:
        """Take the next sample in."""
        streak = self._by_probe.get(sample.probe)
        if streak is None or self.met is not None:
            return
        streak.take(sample)
        if streak.is_so if self._hold else streak.is_seen:
            self._lacking.discard(sample.probe)
            if not (self._of_each and self._lacking):
                self.met = self._met(streak)

    def _met(self, streak: Streak) -> Interval | None:
        """Return from when to when it is so, now that it is of one probe; None where another one is waited for."""
        if not self._hold:
            return Interval(0, 0)
        common = streak.stretches
        for other in self._by_probe.values() if self._of_each else ():
            pairs = product(common, other.stretches)
            both = (Interval(max(mine.since, its.since), min(mine.by, its.by)) for mine, its in pairs)
            # The overlap of two long streaks may be too short: all must have been so together for the whole hold
            # time.
            common = [stretch for stretch in both if stretch.by - stretch.since >= self._hold]
        return min(common, default=None)
