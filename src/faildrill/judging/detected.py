"""An expectation that somebody notices: a probe that is an alarm goes off soon enough after a step."""

from collections.abc import Callable

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.tallies import where
from faildrill.judging.weighing import Weighed, bounded, broken, cannot_tell, count, finding, holds
from faildrill.ports import Duration, Kind, ProbeName, StepName
from faildrill.samples.columns import Columns, Mask
from faildrill.timeline import Applied, Applying, Confirmed, Undoing


class Detected(Kind):
    """The probe, an alarm, goes bad within `within` after a step was done, and was good before.

    The time counts from when the step began to when the bad look was answered; it took effect somewhere until it was
    confirmed, so a limit between the two is INCONCLUSIVE. So is an alarm that was on already, one that was not looking
    then, and one that had less time than the limit, as the step was put back before. `says`: only looks count whose
    words hold that text, e.g. the server that must be named.

    detected: {of: spread, after: skew, within: 10s}
    """

    of: ProbeName
    after: StepName
    within: Duration = Field(description="how long it may take until the alarm is on")
    says: str | None = Field(default=None, min_length=1, description="what the alarm must say, in its detail or `who`")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh the first alarm after the step."""
        saying = f", saying {self.says!r}," if self.says is not None else ""
        claim = f"{self.of} notices{saying} within {durations.show(self.within)} of {self.after}"
        return [finding("detected", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        began = self._at(evidence, Applying)
        effect = self._at(evidence, Confirmed) or self._at(evidence, Applied)
        if began is None or effect is None:
            return cannot_tell(f"{self.after} did not take effect, so there was nothing to notice")
        looks = evidence.looks(self.of)
        alarm = self._alarm(looks.names)
        before = where(looks, lambda part: part.is_look & (part.answered <= began)).last
        if before is None:
            return cannot_tell(f"{self.of} did not look before {self.after}")
        if alarm(looks.part(before, before + 1)).any():
            return cannot_tell(f"{self.of} was bad already: {self._words(looks, before)}")
        after = where(looks, lambda part: alarm(part) & (part.sent >= began), most=1).first
        if after:
            return self._noticed(evidence, (began, effect), after[0])
        return self._unnoticed(evidence, looks, (began, effect))

    def _noticed(self, evidence: Evidence, step: tuple[int, int], place: int) -> Weighed:
        began, effect = step
        looks = evidence.looks(self.of)
        answered = looks.sample(self.of, place).answered
        told = f"{bounded(max(answered - effect, 0), answered - began)} after it: {self._words(looks, place)}"
        cited = f"sample:{self.of}:{evidence.number(self.of, place)}"
        if answered - began <= nanoseconds(self.within):
            return holds(told, cited)
        if answered - effect > nanoseconds(self.within):
            return broken(told, cited)
        return cannot_tell(told, "set a limit with room: the step took as long as the two differ", cited)

    def _unnoticed(self, evidence: Evidence, looks: Columns, step: tuple[int, int]) -> Weighed:
        """Weigh that there was no alarm: it must have looked, until the limit was over, at what was still there."""
        began, effect = step
        until = effect + nanoseconds(self.within)
        back = self._at(evidence, Undoing)
        if back is not None and back < until:
            return cannot_tell(
                f"{self.after} was put back after {durations.show(seconds(back - began))}, with no alarm until then",
                f"let it last for {durations.show(self.within)} at least",
            )
        due = looks.between(began, until)
        looked = where(due, lambda part: part.is_look).number
        every = nanoseconds(evidence.plans[self.of].every)
        expected = max(len(due), (until - began) // every)
        if not looked or looked * 2 < expected or looks.due_at(len(looks) - 1) + every < until:
            return cannot_tell(f"only {looked} of {count(expected, 'look')} of {self.of} in that time prove anything")
        return broken(f"none of {count(looked, 'look')} in that time noticed")

    def _at(self, evidence: Evidence, event: type[Applying | Applied | Confirmed | Undoing]) -> int | None:
        return next((entry.at for entry, one in evidence.events(event) if one.step == self.after), None)

    def _alarm(self, names: tuple[str, ...]) -> Callable[[Columns], Mask]:
        """Tell which looks are the alarm, by the names that they may tell."""
        said = np.array([self.says is None or self.says in name for name in names])

        def told(part: Columns) -> Mask:
            found: Mask = part.is_look & ~part.is_good & (said[part.detail] | said[part.who])
            return found

        return told

    def _words(self, looks: Columns, place: int) -> str:
        one = looks.sample(self.of, place)
        return one.detail or one.who or "it says not what"
