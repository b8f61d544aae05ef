"""Which looks of a probe were due, and of which of them nobody has heard yet, while its samples come in.

A look that was due and of which there is no sample may be under way, or was never recorded: until that is decided it
may turn out either. Constant time a look; memory for as many as can be under way.
"""

from bisect import bisect_left, insort

from faildrill.clock import nanoseconds
from faildrill.model.drill import ProbePlan
from faildrill.proofs import limits
from faildrill.proofs.looks import SILENCE, Interval
from faildrill.record.samples import SEEN_LATE, Sample

RECORDED_WITHIN = 1_000_000_000
"""Nanoseconds beyond its timeout within which a look is recorded: one of which there is no sample by then never was."""


class Schedule:
    """The looks of one probe that were due by now; `slow` follows from its good answers until it is set."""

    def __init__(self, plan: ProbePlan) -> None:
        self.plan = plan
        self.every = nanoseconds(plan.every)
        # Due times are compared with answers: a look may take its whole timeout, and is written a moment after.
        self._recorded_within = nanoseconds(plan.timeout) + RECORDED_WITHIN
        self._sources: list[object] = []
        self._origins: list[int] = []
        """When the first look of each prober was due."""
        self._next = -1
        """When the first look is due that is neither told nor waited for."""
        self._kept = 0
        """How many more samples kept to the schedule than not; without a schedule nothing tells what is due."""
        self._heard = 0
        self._waited: list[int] = []
        """When looks were due of which nobody has heard, and that may still turn out either, in order."""
        self._given_up = 0
        """Until when a look must have been due to be answered by now."""
        self._is_fixed = False
        self.slow = limits.slow(plan, 0)
        """Nanoseconds after which silence is dark: what was set, else what the answers so far make it."""
        self.slowest = 0
        """The slowest answer since it was last not good."""
        self.begins_earlier = False
        """Whether the last sample was due before what seemed to be the first look of its prober."""
        self.silent: list[Interval] = []
        """Where those may prove darkness that ought to have been answered when the last sample came."""
        self.silent_until = 0
        """Until when such a one may have."""

    @property
    def patience(self) -> int:
        """The longest time from one good look to the next in which nobody stood still."""
        return SILENCE * self.every + self.slow

    @property
    def first(self) -> int | None:
        """When one of its looks was due; None while that is not known."""
        return self._origins[-1] if self._origins and self._kept >= 0 else None

    def fix(self, slow: int) -> None:
        """Set after how many ns silence is dark from now on."""
        self._is_fixed, self.slow = True, slow

    def take(self, sample: Sample, source: object = None) -> None:
        """Take the next sample in; `source` is its prober, whose looks have a schedule of their own."""
        due, self.begins_earlier = sample.due, False
        if due == self._next and source is self._sources[-1]:  # as it is of nearly every look
            self._kept += 1
            self._next = due + self.every
        elif self._is_waited_for_first(due, source):  # as it is of nearly every look that is given up
            self._kept += 1
            del self._waited[0]
        else:
            self._look_up(due, source)
        if self.silent:
            self.silent = []
        if sample.outcome.is_look:
            self._hear(sample)

    def undecided(self, *, wait_for_silent: bool) -> int | None:
        """Return when the first look was due of which nobody has heard and that may still turn out either; or None.

        Without `wait_for_silent`, one that ought to have been answered by now is not waited for: see `silent`.
        """
        if not self._waited:
            return None
        first = 0 if wait_for_silent else bisect_left(self._waited, self._given_up)
        return self._waited[first] if self._kept >= 0 and first < len(self._waited) else None

    def _is_waited_for_first(self, due: int, source: object) -> bool:
        waited = self._waited
        return bool(waited) and waited[0] == due and source is self._sources[-1] and due >= self._origins[-1]

    def _look_up(self, due: int, source: object) -> None:
        """Take in a look that may be due at no moment of the schedule, or was waited for, or is another prober's."""
        if not self._sources or source is not self._sources[-1] or due < self._origins[-1]:
            self._place(due, source)
        origin = self._origins[-1]
        if (due - (origin if origin <= due else self._origin(due))) % self.every:
            self._kept -= 1
        else:
            self._kept += 1
            self._tick(due)

    def _place(self, due: int, source: object) -> None:
        """Begin the schedule of a prober, or begin it earlier: its first look may be told after others."""
        begin = self._origins[-1] if self._origins else due
        if source not in self._sources:
            if self._sources:
                self._miss(due)
            self._sources.append(source)
            self._origins.append(due)
            self._next = due
        elif source is self._sources[-1] and (begin - due) % self.every == 0:
            # Looks are told when they are answered, so the first one that is told need not be the first that was due.
            self._origins[-1], self.begins_earlier = due, True
        else:
            return
        self._waited = [waited for waited in self._waited if waited < due or (waited - due) % self.every == 0]
        for moment in range(due + self.every, begin, self.every):
            insort(self._waited, moment)

    def _origin(self, due: int) -> int:
        """Return when the first look of the prober was due whose schedule holds a moment."""
        return next((origin for origin in reversed(self._origins) if origin <= due), self._origins[0])

    def _tick(self, due: int) -> None:
        if due >= self._next:
            self._miss(due)
            self._next = due + self.every
            return
        place = bisect_left(self._waited, due)
        if self._waited[place : place + 1] == [due]:
            del self._waited[place]

    def _miss(self, until: int) -> None:
        """Wait for the looks that were due before a moment, of which none is told; of very many for the last ones."""
        number = -(-(until - self._next) // self.every)
        if number > 0:
            # After a prober was stopped for long (SIGSTOP) very many would be waited for; those too old
            # to be answered are left out.
            kept = min(number, self._recorded_within // self.every + 1)
            self._next += number * self.every
            self._waited += range(self._next - kept * self.every, self._next, self.every)

    def _hear(self, sample: Sample) -> None:
        """Take in that a look was answered: those due long before it are not answered in time any more."""
        self._learn(sample)
        self._heard = max(self._heard, sample.answered)
        heard, waited = self._heard, self._waited
        # An answer later than the next due time says that the prober's clock has passed it, though nothing was told
        # of it yet.
        if self._next < heard:
            self._miss(heard)
        grace = self.slow + self.every
        known, given_up = self._given_up, heard - grace
        if given_up > known:
            self._given_up = given_up
        if waited and waited[0] < heard - self._recorded_within:
            del waited[: bisect_left(waited, heard - self._recorded_within)]
        # Most often none is waited for by now that was due so long ago.
        if not waited or waited[0] >= given_up or self._kept < 0:
            return
        if overdue := waited[bisect_left(waited, known) : bisect_left(waited, self._given_up)]:
            self.silent = [Interval(moment, moment + grace) for moment in overdue]
            self.silent_until = max(self.silent_until, overdue[-1] + grace)

    def _learn(self, sample: Sample) -> None:
        """Take in how long an answer took, and what follows from it for what is slow."""
        slowest = self.slowest
        if not sample.outcome.is_good:
            # After a failure the service may be another one (a standby): what the former one took says nothing of it.
            self.slowest = 0
        elif sample.answered - sample.sent > slowest and not sample.detail.endswith(SEEN_LATE):
            self.slowest = sample.answered - sample.sent
        if self.slowest != slowest and not self._is_fixed:
            self.slow = limits.slow(self.plan, self.slowest)
