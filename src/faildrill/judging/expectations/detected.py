"""An expectation that somebody notices: a probe that is an alarm goes off soon enough after a step."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import (
    Weighed,
    broken,
    cannot_tell,
    count,
    finding,
    holds,
)
from faildrill.judging.numbers.tallies import where
from faildrill.judging.result import Finding
from faildrill.ports import Duration, Kind, ProbeName, StepName
from faildrill.proofs import limits
from faildrill.record.samples.columns import Columns, Mask
from faildrill.record.timeline import Applied, Applying, Confirmed, Undoing

_FOREVER: Final = (1 << 63) - 1
"""In place of a moment that never came."""


class Detected(Kind):
    """An alarm goes off within `within` after a step: the probe `of` was good before it and goes bad.

    The time counts from when the step began (or from when its effect began, if the action says when) until the bad look
    was answered. Both ends are bounded: the step took effect at some moment before it was confirmed, and the alarm went
    off at some moment after its last good look. A limit between the two bounds is INCONCLUSIVE.

    It is also INCONCLUSIVE if the alarm was on already, if the probe did not look at that time, if the alarm came only
    after the step was put back, or if the step was put back before the limit was over. With `says` only those looks
    count whose text contains it, for example the server that must be named.

    detected: {of: spread, after: skew, within: 10s}
    """

    of: ProbeName
    after: StepName
    within: Duration = Field(description="how long it may take until the alarm is on")
    says: str | None = Field(
        default=None, min_length=1, description="text that the alarm must contain, in its detail or `who`"
    )

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh the first alarm after the step."""
        saying = f", saying {self.says!r}," if self.says is not None else ""
        claim = f"{self.of} notices{saying} within {durations.show(self.within)} of {self.after}"
        return [finding("detected", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        step = self._step(evidence)
        if step is None:
            return cannot_tell(f"{self.after} did not take effect, so there was nothing to notice")
        looks = evidence.looks(self.of)
        alarm = self._alarm(looks.names)
        before = _answered(looks, lambda part: part.is_look & (part.answered <= step.began), last=True)
        if before is None:
            return cannot_tell(f"{self.of} did not look before {self.after}")
        if alarm(looks.part(before, before + 1)).any():
            return cannot_tell(f"{self.of} was bad already: {self._words(looks, before)}")
        back = step.back if step.back is not None else _FOREVER
        first = _answered(
            looks, lambda part: alarm(part) & (part.sent >= step.began) & (part.answered < back), last=False
        )
        if first is not None:
            return self._noticed(evidence, step, first, alarm)
        return self._unnoticed(evidence, step)

    def _step(self, evidence: Evidence) -> "_Step | None":
        """Return when the step began, was in effect and was put back; None where it took no effect."""
        began = next(
            (evidence.dated(entry).at for entry, event in evidence.events(Applying) if event.step == self.after), None
        )
        effect = self._at(evidence, Confirmed) or self._at(evidence, Applied)
        if began is None or effect is None:
            return None
        return _Step(began, max(began, effect), self._at(evidence, Undoing))

    def _noticed(self, evidence: Evidence, step: "_Step", place: int, alarm: Callable[[Columns], Mask]) -> Weighed:
        """Weigh an alarm: it went off after the last look that was none, and by its answer."""
        looks = evidence.looks(self.of)
        answered = looks.sample(self.of, place).answered
        off = _last_sent(looks, lambda part: part.is_look & ~alarm(part) & (part.answered <= answered))
        since = max(step.began, off if off is not None else 0)
        passed = durations.bounded(max(since - step.effect, 0), answered - step.began)
        after = f"{passed} after it: {self._words(looks, place)}"
        cited = f"sample:{self.of}:{evidence.number(self.of, place)}"
        limit = nanoseconds(self.within)
        # The latest it can have been, from the earliest that the step can have taken effect: within the limit
        # whatever was so.
        if answered - step.began <= limit:
            return holds(after, cited)
        # The earliest it can have been, from the latest moment of the effect: beyond the limit whatever was so.
        if since - step.effect > limit and not self._blind(evidence, step):
            return broken(after, cited)
        because = f"{after}; {self._blind(evidence, step) or 'the limit lies between'}"
        return cannot_tell(because, f"probe {self.of} faster, or set a limit with room for the step itself", cited)

    def _unnoticed(self, evidence: Evidence, step: "_Step") -> Weighed:
        """Weigh that there was no alarm: it must have looked, until the limit was over, at what was still there."""
        if step.back is not None and step.back < step.effect + nanoseconds(self.within):
            lasted = durations.show(seconds(step.back - step.began))
            return cannot_tell(
                f"{self.after} was put back after {lasted}, with no alarm until then",
                f"let it last for {durations.show(self.within)} at least",
            )
        if (blind := self._blind(evidence, step)) is not None:
            return cannot_tell(blind, f"probe {self.of} more often, or see why it could not look")
        until = step.effect + nanoseconds(self.within)
        looked = where(evidence.looks(self.of).between(step.began, until), lambda part: part.is_look).number
        return broken(f"none of {count(looked, 'look')} in that time noticed")

    def _blind(self, evidence: Evidence, step: "_Step") -> str | None:
        """Say for how long nobody looked until the limit was over, where that is too long to tell; or None."""
        plan, until = evidence.plans[self.of], step.effect + nanoseconds(self.within)
        patience = limits.unwatched(plan.every, plan.timeout)
        looks = evidence.looks(self.of).between(step.began - patience, until + 1)
        sent = np.sort(looks.sent[looks.is_look])
        sent = sent[(sent >= step.began) & (sent <= until)]
        # With both ends of the time put in, so that not looking at its beginning or end counts as much as in the
        # middle.
        longest = int(np.max(np.diff(sent, prepend=step.began, append=until)))
        if longest <= patience:
            return None
        due = (until - step.began) // nanoseconds(plan.every)
        because = f"only {len(sent)} of {count(due, 'look')} of {self.of} in that time prove anything"
        return f"{because}: none for {durations.show(seconds(longest))}"

    def _at(self, evidence: Evidence, event: type[Applied | Confirmed | Undoing]) -> int | None:
        return next((entry.at for entry, begun in evidence.events(event) if begun.step == self.after), None)

    def _alarm(self, names: tuple[str, ...]) -> Callable[[Columns], Mask]:
        """Tell which looks are the alarm, by the names that they may tell."""
        names_it = np.array([self.says is None or self.says in name for name in names])

        def told(part: Columns) -> Mask:
            is_it: Mask = part.is_look & ~part.is_good & (names_it[part.detail] | names_it[part.who])
            return is_it

        return told

    def _words(self, looks: Columns, place: int) -> str:
        sample = looks.sample(self.of, place)
        return sample.detail or sample.who or "no words for it"


class _Step(NamedTuple):
    """When a step began, was seen in effect, and began to be put back (None: it was not)."""

    began: int
    effect: int
    back: int | None


def _answered(looks: Columns, is_it: Callable[[Columns], Mask], *, last: bool) -> int | None:
    """Return the place of the look that was answered first, or last, of those of which something is true."""
    answers: list[tuple[int, int]] = []
    for first, part in looks.blocks():
        places = np.flatnonzero(is_it(part))
        if len(places):
            answered = part.answered[places]
            here = int(places[np.argmax(answered) if last else np.argmin(answered)])
            answers.append((int(part.answered[here]), first + here))
    return (max if last else min)(answers)[1] if answers else None


def _last_sent(looks: Columns, is_it: Callable[[Columns], Mask]) -> int | None:
    """Return when the last of the looks was sent of which something is true."""
    last_sent = [int(part.sent[mask].max()) for _, part in looks.blocks() if (mask := is_it(part)).any()]
    return max(last_sent, default=None)
