"""An expectation on how often a service goes dark."""

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, count, finding, holds, lack
from faildrill.judging.outages.bounds import Stretch
from faildrill.judging.result import Finding
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.record.samples.columns import Columns, Integers, Mask


class Flaps(Kind):
    """The probe goes dark no more than `at_most` times.

    Two dark times count as two only if the service is proven alive between them, for `hold` if that is more than 0s.
    What comes and goes between two looks is not seen; the finding says how short that would be. The finding is
    INCONCLUSIVE if the count depends on a good look of which nobody can tell whether it lay between two dark ones.

    flaps: {of: pay, at_most: 1}
    """

    of: ProbeName
    at_most: int = Field(default=1, ge=0, description="how often; a fault that users notice is one")
    hold: Duration = Field(default=0.0, description="for how long it must be good to count as back")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how often it went dark."""
        return [finding("flaps", f"{self.of} goes dark no more than {_times(self.at_most)}", self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        darks = [outage.first for outage in evidence.outages(self.of, self.hold)]
        if not self.hold:
            darks = evidence.darkness(self.of).apart()
        darkened = f"it went dark {_times(len(darks))}" if darks else f"no look proves {self.of} dark"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, row)}" for row in darks[: self.at_most + 1])
        if len(darks) > self.at_most:
            return broken(f"{darkened}, {_apart(evidence.outages(self.of, self.hold))}", *cited)
        most = self._most(evidence)
        if most > self.at_most and lack(evidence, self.of) is None:
            because = f"{darkened} surely, and {_times(most)} as looks were sent: a good one may lie between"
            return cannot_tell(because, f"probe {self.of} faster, or with a shorter `slow`, to tell", *cited)
        hidden = durations.show(seconds(evidence.unproven(evidence.darkness(self.of))))
        with_hidden = f"{darkened}; what is shorter than {hidden} can hide between the looks"
        return lack(evidence, self.of) or holds(with_hidden if not darks else darkened, *cited)

    def _most(self, evidence: Evidence) -> int:
        """Count how often it can have gone dark, as the looks were sent: with a good one in between."""
        dark = evidence.darkness(self.of).dark
        if not len(dark.sample):
            return 0
        # Of several that were sent at one moment the one that may have begun last: nobody knows which came first.
        sent, firsts = np.unique(dark.still_at, return_index=True)
        begun_by = np.maximum.reduceat(dark.begun_by, firsts)
        good_before = _good_before(evidence.looks(self.of), evidence.slow(self.of), sent)
        # As far apart as they can be: the earlier one may have ended as soon as it was sent, the later begun with its
        # answer.
        long_enough = begun_by[1:] - sent[:-1] >= nanoseconds(self.hold)
        return 1 + int(np.count_nonzero(good_before[1:] & long_enough))


def _good_before(looks: Columns, slow: int, sent: Integers) -> Mask:
    """Tell of each of some sendings, in order, whether a good look was sent between it and the one before.

    Of a good look that was answered beyond `slow` its answer counts: it was alive then.
    """
    is_good = np.zeros(len(sent) + 1, np.bool_)
    for _, part in looks.blocks():
        good = part.where(part.is_good)
        if not len(good):
            continue
        moments = good.sent
        beyond = (good.answered - moments > slow) & ~good.is_seen_late
        moments = np.where(beyond, good.answered, moments)
        places = np.searchsorted(sent, [moments.min(), moments.max()])
        # Most blocks lie between two sendings as a whole: one search for their ends instead of one for each look.
        is_good[places if places[0] == places[1] else np.searchsorted(sent, moments)] = True
    return is_good[:-1]


def _times(number: int) -> str:
    return "once" if number == 1 else count(number, "time")


def _apart(found: list[Stretch]) -> str:
    return f"at least {durations.show(seconds(sum(outage.at_least for outage in found)))} of it in all"
