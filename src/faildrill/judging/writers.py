"""An expectation on how many nodes accept writes at once."""

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.weighing import Weighed, broken, cannot_tell, count, finding, holds, lack
from faildrill.ports import Kind, ProbeName
from faildrill.samples.columns import Columns, Integers


class Writers(Kind):
    """No more than `at_most` nodes accept writes at once; more than one is a split brain.

    One look asks the nodes one after the other, so a writer that moves may be seen twice in it. Two nodes that two
    looks in a row both saw were writers at once: FAILED. Seen in a single look only, it is INCONCLUSIVE.

    writers: {of: writer, at_most: 1}
    """

    of: ProbeName = Field(description="a probe that says which nodes accept writes, e.g. patroni.writer")
    at_most: int = Field(default=1, ge=0)

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how many were seen at once."""
        claim = f"{self.of} never sees more than {count(self.at_most, 'writer')} at once"
        return [finding("writers", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        looks = evidence.looks(self.of)
        numbers = np.array([len([one for one in name.split(",") if one]) for name in looks.names])
        if not (looks.is_look & (looks.who > 0)).any():
            return lack(evidence, self.of) or cannot_tell(f"{self.of} never told who accepts writes")
        places = np.flatnonzero(looks.is_look)
        many = numbers[looks.who[places]] > self.at_most
        if not many.any():
            most = count(int(numbers[looks.who[places]].max()), "writer")
            return lack(evidence, self.of) or holds(f"{len(places)} looks saw {most} at most")
        proven = self._in_a_row(looks, places[many[:-1] & many[1:]], places[1:][many[:-1] & many[1:]])
        first = proven if proven is not None else int(places[many][0])
        at = durations.show(evidence.since_start(int(looks.answered[first])))
        told = f"{self.of} saw {looks.names[looks.who[first]]} at once, {at} after the start"
        cited = f"sample:{self.of}:{evidence.number(self.of, first)}"
        if proven is not None:
            return broken(told, cited)
        because = f"{told}, in one look only: the writer may have moved while it asked"
        return cannot_tell(because, f"probe {self.of} faster to tell", cited)

    def _in_a_row(self, looks: Columns, earlier: Integers, later: Integers) -> int | None:
        """Return the first look whose writers, too many, the next look saw again after it; None when none is."""
        for one, next_one in zip(earlier.tolist(), later.tolist(), strict=True):
            both = set(looks.names[looks.who[one]].split(",")) & set(looks.names[looks.who[next_one]].split(","))
            if len(both) > self.at_most and looks.sent[next_one] >= looks.answered[one]:
                return int(one)
        return None
