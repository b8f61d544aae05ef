"""An expectation on how soon all is as it was, after everything was put back."""

from typing import Final

from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging import steady_moment
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, finding, holds
from faildrill.judging.result import Finding
from faildrill.ports import Duration, Kind
from faildrill.record.timeline import Entry, NotSteady
from faildrill.record.timeline import SteadyAgain as SeenSteady

_CLOSER: Final = "probe faster to tell, or set a limit with room"


class SteadyAgain(Kind):
    """Every probe is good again, and stays so, within `within` of the last undo.

    The time is bounded: at most until the first of the good answers that went on, at least until the last look before
    them that was not good. FAILED if the second is beyond the limit, INCONCLUSIVE if the limit lies between. If the
    probes were never seen steady, the environment is dirty, and the run is UNSAFE as well.

    steady_again: {within: 60s}
    """

    within: Duration = Field(description="from the last undo until every probe is good for as long as the warm-up")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh when it was steady."""
        claim = f"every probe is good again within {durations.show(self.within)} of the last undo"
        return [finding("steady_again", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        if (steady := evidence.last(SeenSteady)) is not None:
            return self._seen(evidence, *steady)
        return self._unseen(evidence)

    def _seen(self, evidence: Evidence, entry: Entry, seen: SeenSteady) -> Weighed:
        """Weigh when it was steady, between two bounds."""
        cited = f"timeline:{entry.n}"
        if (contrary := steady_moment.contradicted(evidence, seen)) is not None:
            return broken(contrary, cited)
        most = nanoseconds(seen.after)
        least = steady_moment.not_before(evidence, seen)
        because = f"steady {durations.show(seen.after)} after the last undo" if seen.after else "steady at once"
        if most <= nanoseconds(self.within):
            return holds(because, cited)
        bounds = durations.bounded(least, most)
        if least > nanoseconds(self.within):
            return broken(f"{because} ({bounds})", cited)
        return cannot_tell(f"steady {bounds} after the last undo: the limit lies between", _CLOSER, cited)

    def _unseen(self, evidence: Evidence) -> Weighed:
        """Weigh that nobody saw it steady."""
        if (never := evidence.last(NotSteady)) is not None:
            entry, unseen = never
            troubles = "; ".join(f"{probe}: {trouble}" for probe, trouble in unseen.probes.items())
            because = f"not steady {durations.show(unseen.waited)} after the last undo: {troubles}"
            if unseen.waited > self.within:
                return broken(because, f"timeline:{entry.n}")
            return cannot_tell(because, "", f"timeline:{entry.n}")
        return cannot_tell("it was not watched whether all was steady again")
