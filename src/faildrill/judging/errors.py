"""An expectation on how many looks may fail."""

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.shares import Share, allowed, fraction
from faildrill.judging.weighing import Weighed, broken, cannot_tell, count, finding, holds, lack, nice
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.samples.columns import Columns


class Errors(Kind):
    """No more looks of the probe fail than `at_most`: a share (`0.1%`) or a count.

    Refused, reset, timed out, wrong and unreachable all count. A look that was never sent or that the probe could
    not make may have been either, and only where that does not matter is there a verdict. A share needs as many looks
    as make one failure less than it. With `over` it must hold in every stretch of that length: where one backend of
    three fails, a third of the looks do, for as long as nobody takes it out.

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
        stretch = self._worst(looks, evidence.plans[self.of].every)
        if stretch is None:
            few = cannot_tell(f"{self.of} looked for less than {durations.show(self.over or 0)}", "watch for longer")
            return lack(evidence, self.of, weighs_skipped=True) or few
        first, end = stretch
        counted = looks.between(int(looks.due[first]), int(looks.due[end - 1]) + 1) if end > first else looks
        return self._counted(evidence, counted, first)

    def _worst(self, looks: Columns, every: float) -> tuple[int, int] | None:
        """Return the stretch in which most looks failed, or may have, as places; None when none is that long."""
        if self.over is None or not len(looks):
            return 0, len(looks)
        length = nanoseconds(self.over)
        starts = np.flatnonzero(looks.due + length <= looks.due[-1] + nanoseconds(every))
        if not len(starts):
            return None
        ends = np.searchsorted(looks.due, looks.due[starts] + length, side="left")
        failed, doubtful = (
            np.concatenate(([0], np.cumsum(one))) for one in (looks.is_look & ~looks.is_good, ~looks.is_good)
        )
        bad, perhaps = failed[ends] - failed[starts], doubtful[ends] - doubtful[starts]
        if isinstance(self.at_most, str):
            bad, perhaps = bad / (ends - starts), perhaps / (ends - starts)
        most = allowed(self.at_most, 1)
        worst = int(np.argmax(bad if bad.max() > most else perhaps))
        return int(starts[worst]), int(ends[worst])

    def _counted(self, evidence: Evidence, looks: Columns, first: int) -> Weighed:
        total, sent = len(looks), looks.is_look
        failed = np.flatnonzero(sent & ~looks.is_good)
        unknown = total - int(np.count_nonzero(sent))
        most = allowed(self.at_most, total)
        told = f"{len(failed)} of {count(total, 'look')} failed ({len(failed) * 100 / max(total, 1):.3g}%)"
        if self.over is not None:
            told += f" in the worst, {durations.show(evidence.since_start(int(looks.due[0])))} after the start"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, first + int(place))}" for place in failed[:3])
        if len(failed) > most:
            return broken(told, *cited)
        if (missing := lack(evidence, self.of, weighs_skipped=True)) is not None:
            return missing
        if len(failed) + unknown > most:
            because = f"{told}, and {unknown} proved nothing: too many to tell"
            return cannot_tell(because, f"raise the in_flight of {self.of}, or shorten its timeout", *cited)
        share = fraction(self.at_most)
        if share and most < 1:
            because = f"{told}, but {self.at_most} of so few is less than one look"
            every = durations.show(nice(evidence.plans[self.of].every * most))
            return cannot_tell(because, f"probe {self.of} every {every} or faster, or watch for longer", *cited)
        return holds(told, *cited)
