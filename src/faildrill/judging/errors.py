"""An expectation on how many looks may fail."""

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.shares import Share, allowed, fraction
from faildrill.judging.weighing import Weighed, broken, cannot_tell, count, finding, holds, lack, nice
from faildrill.ports import Kind, ProbeName


class Errors(Kind):
    """No more looks of the probe fail than `at_most`: a share (`0.1%`) or a count.

    Refused, reset, timed out, wrong and unreachable all count. A look that was never sent or that the probe could
    not make may have been either, and only where that does not matter is there a verdict. A share needs as many looks
    as make one failure less than it.

    errors: {of: pay, at_most: 0.1%}
    """

    of: ProbeName
    at_most: Share = Field(description="a share, e.g. 0.1%, or a whole number of looks")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how many looks failed."""
        limit = f"{self.at_most} of the looks" if isinstance(self.at_most, str) else count(self.at_most, "look")
        claim = f"no more than {limit} of {self.of} fail" + ("s" if self.at_most == 1 else "")
        return [finding("errors", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        looks = evidence.looks(self.of)
        total, sent = len(looks), looks.is_look
        failed = np.flatnonzero(sent & ~looks.is_good)
        unknown = total - int(np.count_nonzero(sent))
        most = allowed(self.at_most, total)
        told = f"{len(failed)} of {count(total, 'look')} failed ({len(failed) * 100 / max(total, 1):.3g}%)"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, int(place))}" for place in failed[:3])
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
