"""An expectation on how many looks may fail."""

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.shares import Share, allowed, fraction
from faildrill.judging.tallies import tally, where
from faildrill.judging.weighing import Weighed, broken, cannot_tell, count, cure, finding, holds, lack, nice, no_look
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.samples.columns import Columns, Integers


class Errors(Kind):
    """No more looks of the probe fail than `at_most`: a share (`0.1%`) or a count.

    Refused, reset, timed out, wrong and unreachable all count. A look that proves nothing (never sent, not made,
    open, throttled) may have been either, and only where that does not matter is there a verdict. A share needs as many
    looks as make one failure less than it. With `over` it must hold in every stretch of that length: where one backend
    of three fails, a third of the looks do, for as long as nobody takes it out.

    errors: {of: pay, at_most: 0.1%}
    errors: {of: pay, at_most: 40%, over: 5s}
    """

    of: ProbeName
    at_most: Share = Field(description="a share, e.g. 0.1%, or a whole number of looks")
    over: Duration | None = Field(default=None, gt=0, description="in any stretch of this length; the whole run else")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how many looks failed."""
        limit = f"{self.at_most} of the looks" if isinstance(self.at_most, str) else count(self.at_most, "look")
        claim = f"no more than {limit} of {self.of} fail" + ("s" if self.at_most == 1 else "")
        within = f" in any {durations.show(self.over)}" if self.over is not None else ""
        return [finding("errors", claim + within, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        looks = evidence.looks(self.of)
        if not len(looks):
            return no_look(self.of)
        stretch = self._worst(looks, nanoseconds(evidence.plans[self.of].every))
        if stretch is None:
            few = cannot_tell(f"{self.of} looked for less than {durations.show(self.over or 0)}", "watch for longer")
            return lack(evidence, self.of, weighs_skipped=True) or few
        first, end = stretch
        counted = looks.part(first, end) if self.over is not None else looks
        return self._counted(evidence, counted, first)

    def _worst(self, looks: Columns, every: int) -> tuple[int, int] | None:
        """Return the stretch in which most looks failed, or may have, as places; None when none is that long."""
        if self.over is None:
            return 0, len(looks)
        length = nanoseconds(self.over)
        starts = looks.first_due(looks.due_at(len(looks) - 1) + every - length + 1)
        if not starts:
            return None
        failed = where(looks, lambda part: part.is_look & ~part.is_good, most=len(looks)).first
        doubtful = where(looks, lambda part: ~part.is_good, most=len(looks)).first
        most = allowed(self.at_most, 1)
        worst, surely = self._most(looks, (starts, length), np.array(failed, np.int64))
        if surely <= most:
            worst, _ = self._most(looks, (starts, length), np.array(doubtful, np.int64))
        return worst, looks.first_due(looks.due_at(worst) + length)

    def _most(self, looks: Columns, stretches: tuple[int, int], bad: Integers) -> tuple[int, float]:
        """Return the first of the stretches with most bad looks, and how many those are; a share where that counts."""
        starts, length = stretches
        best, most = 0, 0.0
        for first, part in looks.part(0, starts).blocks():
            due = part.due + length
            near, far = (looks.first_due(int(one), first) for one in (due[0], due[-1]))
            if int(np.searchsorted(bad, far)) == int(np.searchsorted(bad, first)):
                continue
            ends = near + np.searchsorted(looks.part(near, far).due, due)
            places = np.arange(first, first + len(part))
            found = np.searchsorted(bad, ends) - np.searchsorted(bad, places)
            found = found / (ends - places) if isinstance(self.at_most, str) else found
            if found.max() > most:
                best, most = first + int(np.argmax(found)), float(found.max())
        return best, most

    def _counted(self, evidence: Evidence, looks: Columns, first: int) -> Weighed:
        seen = evidence.tally(self.of) if self.over is None else tally(looks)
        total, unknown = seen.looks, seen.unknown
        failed = where(looks, lambda part: part.is_look & ~part.is_good).first if seen.failed else []
        most = allowed(self.at_most, total)
        told = f"{seen.failed} of {count(total, 'look')} failed ({seen.failed * 100 / max(total, 1):.3g}%)"
        if self.over is not None:
            told += f" in the worst, {durations.show(evidence.since_start(looks.due_at(0)))} after the start"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, first + place)}" for place in failed)
        if seen.failed > most:
            return broken(told, *cited)
        if (missing := lack(evidence, self.of, weighs_skipped=True)) is not None:
            return missing
        if seen.failed + unknown > most:
            because = f"{told}, and {unknown} proved nothing: too many to tell"
            return cannot_tell(because, cure(evidence, self.of), *cited)
        share = fraction(self.at_most)
        if share and most < 1:
            because = f"{told}, but {self.at_most} of so few is less than one look"
            every = durations.show(nice(evidence.plans[self.of].every * most))
            return cannot_tell(because, f"probe {self.of} every {every} or faster, or watch for longer", *cited)
        return holds(told, *cited)
