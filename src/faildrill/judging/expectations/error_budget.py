"""An expectation on how much of a service's error budget a drill may use up."""

from typing import Annotated, Final

import numpy as np
from pydantic import AfterValidator, Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, cure, finding, holds, lack
from faildrill.judging.numbers.look_share import Percent, exact, percent
from faildrill.judging.numbers.tallies import where
from faildrill.judging.result import Finding
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.record.samples.columns import Columns, Mask

_CITED: Final = 3
"""Bad looks that a finding cites."""


def _below_all(objective: str) -> str:
    if percent(objective) >= 1:
        raise ValueError("an objective of 100% leaves no budget at all; say `errors: {at_most: 0}`")
    return objective


class ErrorBudget(Kind):
    """The drill uses up no more than `at_most` of the error budget that the probe's service has.

    An `objective` of 99.9% over 30 days allows 43 minutes of bad service. Each look stands for one interval. A look is
    bad if it failed, or if its answer came later than `slower_than` after it was due (a brown-out). Looks that prove
    nothing may have been bad: if that could change the verdict, it is INCONCLUSIVE.

    error_budget: {of: pay, objective: 99.9%, over: 30d, at_most: 5%}
    """

    of: ProbeName
    objective: Annotated[Percent, AfterValidator(_below_all)] = Field(
        description="the share of the time in which the service is to be good"
    )
    over: Duration = Field(default=30 * 86400.0, gt=0, description="the time that the objective is for")
    at_most: Percent = Field(description="the share of the budget that the drill may use up")
    slower_than: Duration | None = Field(default=None, description="an answer that comes later is bad, too")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how much of the budget is gone."""
        budget = (
            f"its error budget of {durations.show(self._budget)} ({self.objective} over {durations.show(self.over)})"
        )
        claim = f"{self.of} uses no more than {self.at_most} of {budget}"
        return [finding("error_budget", claim, self._weighed(evidence))]

    @property
    def _budget(self) -> float:
        """Seconds of bad service that the objective allows."""
        return (1 - percent(self.objective)) * self.over

    def _is_bad(self, part: Columns) -> Mask:
        """Tell which looks are surely bad: those that failed, or were answered too late by the service's own doing."""
        bad: Mask = part.is_look & ~part.is_good
        if self.slower_than is None:
            return bad
        # From the sending, where the prober was late: what it cost is not surely the service's. `_may_be_bad` counts
        # from `due`.
        took = part.answered - np.maximum(part.sent, part.due)
        return bad | (part.is_good & (took > nanoseconds(self.slower_than)) & ~part.is_seen_late)

    def _may_be_bad(self, part: Columns) -> Mask:
        """Tell which looks are bad or may be: those that prove nothing, and those that the prober itself saw late."""
        bad: Mask = ~part.is_good
        if self.slower_than is None:
            return bad
        return bad | (part.answered - part.due > nanoseconds(self.slower_than))

    def _weighed(self, evidence: Evidence) -> Weighed:
        due, every = evidence.dues(self.of), nanoseconds(evidence.plans[self.of].every)
        bad = where(due.looks, self._is_bad, most=_CITED)
        least = bad.number * every
        most = (where(due.looks, self._may_be_bad, most=0).number + due.missing) * every
        # In fractions: 1 - 0.999 as floats is a hair more than a thousandth, which could decide at the limit.
        allowed = exact(self.at_most) * (1 - exact(self.objective)) * nanoseconds(self.over)
        spent = f"{durations.show(seconds(least))} of bad service, {seconds(least) / self._budget:.3%} of the budget"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, due.place(row))}" for row in bad.first)
        if least > allowed:
            return broken(spent, *cited)
        if (missing := lack(evidence, self.of, weighs_skipped=True)) is not None:
            return missing
        if most > allowed:
            because = f"{spent}, and {durations.show(seconds(most - least))} that nobody looked at: too much to tell"
            return cannot_tell(because, cure(evidence, self.of), *cited)
        # One bad look alone would break it, and one that was bad between two looks would not be seen: no claim can
        # hold.
        if allowed < every:
            because = f"{spent}, but {self.at_most} of it is less than one look stands for"
            often = durations.show(seconds(int(allowed)))
            return cannot_tell(because, f"probe {self.of} every {often} or faster", *cited)
        return holds(spent, *cited)
