"""An expectation on how soon all is as it was, after everything was put back."""

from pydantic import Field

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.weighing import Weighed, broken, cannot_tell, finding, holds
from faildrill.ports import Duration, Kind
from faildrill.timeline import NotSteady
from faildrill.timeline import SteadyAgain as SeenSteady


class SteadyAgain(Kind):
    """Every probe is good again, and stays so, within `within` of the last undo.

    FAILED when it took longer. When it was never seen the environment is dirty, and the run is UNSAFE besides.

    steady_again: {within: 60s}
    """

    within: Duration = Field(description="from the last undo until every probe is good for as long as the warm-up")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh when it was steady."""
        claim = f"every probe is good again within {durations.show(self.within)} of the last undo"
        return [finding("steady_again", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        if (steady := evidence.last(SeenSteady)) is not None:
            entry, seen = steady
            told = f"steady {durations.show(seen.after)} after the last undo" if seen.after else "steady at once"
            return (holds if seen.after <= self.within else broken)(told, f"timeline:{entry.n}")
        if (never := evidence.last(NotSteady)) is not None:
            entry, unseen = never
            told = "; ".join(f"{probe}: {trouble}" for probe, trouble in unseen.probes.items())
            because = f"not steady {durations.show(unseen.waited)} after the last undo: {told}"
            if unseen.waited > self.within:
                return broken(because, f"timeline:{entry.n}")
            return cannot_tell(because, "", f"timeline:{entry.n}")
        return cannot_tell("it was not watched whether all was steady again")
