"""An expectation on how often a service goes dark."""

from pydantic import Field

from faildrill import durations
from faildrill.judging.bounds import Stretch
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.weighing import Weighed, broken, count, finding, holds, lack
from faildrill.ports import Duration, Kind, ProbeName


class Flaps(Kind):
    """The probe goes dark no more than `at_most` times.

    Each time counts that is proven apart from the others: by life between them that lasted for `hold` (any proof of
    life, where it is 0s). A service that comes and goes is counted as often as that was seen; what comes and goes
    between two looks nobody sees, and the finding says how short that is.

    flaps: {of: pay, at_most: 1}
    """

    of: ProbeName
    at_most: int = Field(default=1, ge=0, description="how often; a fault that it can't hide from is one")
    hold: Duration = Field(default=0.0, description="for how long it must be good to count as back")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how often it went dark."""
        return [finding("flaps", f"{self.of} goes dark no more than {_times(self.at_most)}", self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        found = evidence.outages(self.of, self.hold)
        told = f"it went dark {_times(len(found))}" if found else f"no look proves {self.of} dark"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, one.first)}" for one in found[: self.at_most + 1])
        if len(found) > self.at_most:
            return broken(f"{told}, {_apart(found)}", *cited)
        seen = f"{told}; what is shorter than {durations.show(evidence.unproven(self.of))} can hide between the looks"
        return lack(evidence, self.of) or holds(seen if not found else told, *cited)


def _times(number: int) -> str:
    return "once" if number == 1 else count(number, "time")


def _apart(found: list[Stretch]) -> str:
    lasted = sum(one.at_least for one in found) / 1e9
    return f"at least {durations.show(lasted)} of it in all"
