"""Which looks of a probe were due, and of which of them nobody has heard yet, while its samples come in.

A look that was due and of which there is no sample may be under way, or was never recorded: until that is settled it
may turn out either. Constant time a look; memory for as many as can be under way.
"""

from faildrill.clock import nanoseconds
from faildrill.drill import ProbePlan
from faildrill.proofs import limits
from faildrill.proofs.looks import SILENCE
from faildrill.samples import SEEN_LATE, Outcome, Sample

SETTLED = 1_000_000_000
"""Nanoseconds beyond its timeout after which a look of which there is no sample was never recorded."""


class Schedule:
    """The looks of one probe that were due by now; `slow` follows from its good answers until it is set."""

    def __init__(self, plan: ProbePlan) -> None:
        self.plan = plan
        self.every = nanoseconds(plan.every)
        self._settled = nanoseconds(plan.timeout) + SETTLED
        self._source: object = None
        self._origin: int | None = None
        self._next = 0
        self._kept = 0
        """How many more samples kept to the schedule than not; without a schedule nothing tells what is due."""
        self._heard = 0
        self._pending: dict[int, None] = {}
        self._silent: dict[int, None] = {}
        self._fixed: int | None = None
        self.slowest = 0
        """The slowest answer since it was last not good."""
        self.silent_until = 0
        """Until when those that ought to have been answered by now may prove darkness."""

    @property
    def slow(self) -> int:
        """Nanoseconds after which silence is dark: what was set, else what the answers so far make it."""
        return self._fixed if self._fixed is not None else limits.slow(self.plan, self.slowest)

    @property
    def patience(self) -> int:
        """The longest time from one good look to the next in which nobody stood still."""
        return SILENCE * self.every + self.slow

    @property
    def first(self) -> int | None:
        """When one of its looks was due; None while that is not known."""
        return self._origin if self._kept > 0 else None

    def fix(self, slow: int) -> None:
        """Set after how many ns silence is dark from now on."""
        self._fixed = slow

    def take(self, sample: Sample, source: object = None) -> None:
        """Take the next sample in; `source` is its prober, whose looks have a schedule of their own."""
        if self._origin is None or source != self._source:
            self._source, self._origin, self._next, self._kept = source, sample.due, sample.due, 0
            self._pending, self._silent = {}, {}
        if (sample.due - self._origin) % self.every:
            self._kept -= 1
        else:
            self._kept += 1
            self._tick(sample.due)
        if sample.outcome.is_look:
            self._hear(sample)

    def unsettled(self, *, wait_for_silent: bool) -> int | None:
        """Return when the first look was due of which nobody has heard and that may still turn out either; or None.

        Without `wait_for_silent`, one that ought to have been answered by now is not waited for: see `silent_until`.
        """
        if self._kept <= 0:
            return None
        first = next(iter(self._pending), None)
        silent = next(iter(self._silent), None) if wait_for_silent else None
        return silent if silent is not None and (first is None or silent < first) else first

    def _tick(self, due: int) -> None:
        if due < self._next:
            self._pending.pop(due, None)
            self._silent.pop(due, None)
            return
        missed = (due - self._next) // self.every
        for number in range(min(missed, self._settled // self.every + 1), 0, -1):
            self._pending[due - number * self.every] = None
        self._next = due + self.every

    def _hear(self, sample: Sample) -> None:
        """Take in that a look was answered: those due long before it are not answered in time any more."""
        took = sample.answered - sample.sent
        if sample.outcome is not Outcome.OK:
            self.slowest = 0
        elif not sample.detail.endswith(SEEN_LATE):
            self.slowest = max(self.slowest, took)
        self._heard = max(self._heard, sample.answered)
        grace = self.slow + self.every
        while self._pending and (due := next(iter(self._pending))) + grace < self._heard:
            del self._pending[due]
            self._silent[due] = None
            if self._kept > 0:
                self.silent_until = max(self.silent_until, due + grace)
        while self._silent and (due := next(iter(self._silent))) + self._settled < self._heard:
            del self._silent[due]
