"""An expectation on how much of a service's error budget a drill may use up."""

from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.shares import Percent, percent
from faildrill.judging.tallies import where
from faildrill.judging.weighing import Weighed, broken, cannot_tell, cure, finding, holds, lack
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.samples.columns import Columns, Mask

_CITED: Final = 3


def _below_all(objective: str) -> str:
    if percent(objective) >= 1:
        raise ValueError("an objective of 100% leaves no budget at all; say `errors: {at_most: 0}`")
    return objective


class ErrorBudget(Kind):
    """The drill uses up no more than `at_most` of the error budget that the probe's service has.

    An `objective` of 99.9% over 30 days allows 43 minutes of bad service. Each look stands for one interval, and is
    bad when it failed, or was answered later than `slower_than` after it was due (a brown-out). Looks that
    prove nothing may have been bad, and only where that does not matter is there a verdict.

    error_budget: {of: pay, objective: 99.9%, over: 30d, at_most: 5%}
    """

    of: ProbeName
    objective: Annotated[Percent, AfterValidator(_below_all)] = Field(description="of the time it is to be good")
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

    def _bad(self, seen_late: "Mask | None") -> Callable[[Columns], Mask]:
        """Tell which looks are bad; those are not slow whose detail says that the prober was."""

        def told(part: Columns) -> Mask:
            bad = part.is_look & ~part.is_good
            if self.slower_than is None:
                return bad
            late = part.is_good & (part.answered - part.due > nanoseconds(self.slower_than))
            return bad | (late if seen_late is None else late & ~seen_late[part.detail])

        return told

    def _weighed(self, evidence: Evidence) -> Weighed:
        looks, every = evidence.looks(self.of), evidence.plans[self.of].every
        bad, unknown = where(looks, self._bad(looks.seen_late), most=_CITED), evidence.tally(self.of).unknown
        least = bad.number * every
        most = least + unknown * every
        allowed = percent(self.at_most) * self._budget
        told = f"{durations.show(least)} of bad service, {least / self._budget:.3%} of the budget"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, one)}" for one in bad.first)
        if least > allowed:
            return broken(told, *cited)
        if (missing := lack(evidence, self.of, weighs_skipped=True)) is not None:
            return missing
        if most > allowed:
            because = f"{told}, and {durations.show(unknown * every)} that nobody looked at: too much to tell"
            return cannot_tell(because, cure(evidence, self.of), *cited)
        if allowed < every:
            because = f"{told}, but {self.at_most} of it is less than one look stands for"
            return cannot_tell(because, f"probe {self.of} every {durations.show(allowed)} or faster", *cited)
        return holds(told, *cited)
