"""An expectation on how long a service may be too slow to be of use, though it answers."""

from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.bounds import Silence, Stretch, longest_unproven, outages, prove, with_hidden
from faildrill.judging.evidence import HOLD, Evidence
from faildrill.judging.result import Finding
from faildrill.judging.weighing import Weighed, broken, cannot_tell, finding, holds, lack, lasted
from faildrill.ports import Duration, Kind, ProbeName


class BrownOut(Kind):
    """The probe's service is never without an answer within `slower_than` for longer than `at_most` at a time.

    Late is not dark: `outage` takes no notice of an answer that comes late, within the probe's `slow`. This does, and
    of darkness too: who gets no answer gets none in time. Bounded as outages are; answers in time for `hold` end it.

    brown_out: {of: pay, slower_than: 200ms, at_most: 30s}
    """

    of: ProbeName
    slower_than: Duration = Field(gt=0, description="an answer that took longer came too late")
    at_most: Duration = Field(description="the longest that answers may be late, or none, at a time")
    hold: Duration = Field(default=HOLD, description="for how long answers must come in time to count as recovered")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh every brown-out of the probe, and what could hide between its looks."""
        late, most = durations.show(self.slower_than), durations.show(self.at_most)
        claim = f"{self.of} is never without an answer within {late} for more than {most}"
        return [finding("brown_out", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        looks, limit, hold = evidence.looks(self.of), nanoseconds(self.at_most), nanoseconds(self.hold)
        silence = Silence(nanoseconds(self.slower_than), nanoseconds(self.slower_than))
        proofs = prove(looks, silence, (evidence.since, max(evidence.until, evidence.since)))
        found = outages(looks, silence, hold, proofs)
        longest = max(found, key=lambda one: one.at_least, default=None)
        if longest is not None and (longest.at_least > limit or not limit):
            return broken(self._told(longest), *self._cited(evidence, longest))
        if (missing := lack(evidence, self.of, weighs_skipped=True)) is not None:
            return missing
        for one in found:
            most = with_hidden(looks, silence, one, hold)
            if most is None:
                because = f"{self._told(one)}: its start or its end was not seen"
                return cannot_tell(because, "let the drill watch for longer", *self._cited(evidence, one))
            if most > limit:
                with_hold = durations.show(seconds(most))
                because = f"{self._told(one)}, {with_hold} with what the hold can hide: the limit lies between"
                return cannot_tell(because, "set a limit with room, or say `hold: 0s`", *self._cited(evidence, one))
        unproven = longest_unproven(proofs[0], evidence.since, max(evidence.until, evidence.since))
        hidden = durations.show(seconds(unproven))
        if unproven > limit:
            because = f"for {hidden} at a time no answer of {self.of} is proven to have come in time"
            return cannot_tell(because, f"probe {self.of} faster, or set a limit with room")
        told = self._told(longest) if longest is not None else f"every answer of {self.of} came in time"
        return holds(told if longest is not None else f"{told}; none over {hidden} can hide between them")

    def _told(self, one: Stretch) -> str:
        stretches = f" in {one.stretches} stretches" if one.stretches > 1 else ""
        return f"{self.of} was late or dark {lasted(one)}{stretches}"

    def _cited(self, evidence: Evidence, one: Stretch) -> tuple[str, ...]:
        places = dict.fromkeys((one.first, one.last))
        return tuple(f"sample:{self.of}:{evidence.number(self.of, place)}" for place in places)
