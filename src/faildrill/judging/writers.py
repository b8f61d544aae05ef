"""An expectation on how many nodes accept writes at once."""

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.weighing import Weighed, broken, cannot_tell, count, finding, holds, lack
from faildrill.kinds import find
from faildrill.ports import ASKS_EVERY_NODE, Kind, ProbeName
from faildrill.samples.columns import Columns, Integers, Mask


class Writers(Kind):
    """No more than `at_most` nodes accept writes at once; more than one is a split brain.

    One look asks the nodes one after the other, so a writer that moves may be seen twice in it. Nodes that are all
    seen again by a look sent after that one was answered were writers at once: FAILED. Otherwise it is INCONCLUSIVE,
    and so it is with a probe that does not ask every node itself.

    writers: {of: writer, at_most: 1}
    """

    of: ProbeName = Field(description="a probe that says which nodes accept writes, e.g. patroni.writer")
    at_most: int = Field(default=1, ge=0)

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how many were seen at once."""
        claim = f"{self.of} never sees more than {count(self.at_most, 'writer')} at once"
        return [finding("writers", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        if not getattr(find(evidence.plans[self.of].use.kind, "probe"), ASKS_EVERY_NODE, False):
            because = f"{self.of} does not ask every node itself, so it can't see two writers at once"
            return cannot_tell(because, "expect it of a patroni.writer or postgres.writers probe")
        looks = evidence.looks(self.of)
        numbers = np.array([len([one for one in name.split(",") if one]) for name in looks.names])
        if not (looks.is_look & (looks.who > 0)).any():
            return lack(evidence, self.of) or cannot_tell(f"{self.of} never told who accepts writes")
        places = np.flatnonzero(looks.is_look)
        many = numbers[looks.who[places]] > self.at_most
        if not many.any():
            most = count(int(numbers[looks.who[places]].max()), "writer")
            return lack(evidence, self.of) or holds(f"{len(places)} looks saw {most} at most")
        proven = self._proven(looks, places, many)
        first = proven if proven is not None else int(places[many][0])
        at = durations.show(evidence.since_start(int(looks.answered[first])))
        told = f"{self.of} saw {looks.names[looks.who[first]]} at once, {at} after the start"
        cited = f"sample:{self.of}:{evidence.number(self.of, first)}"
        if proven is not None:
            return broken(told, cited)
        because = f"{told}, but not again in the next look: the writer may have moved while it asked"
        return cannot_tell(because, f"probe {self.of} faster to tell", cited)

    def _proven(self, looks: Columns, places: Integers, many: Mask) -> int | None:
        """Return the first look that saw too many, and so did all until one that was sent after it; None: no such."""
        for start in np.flatnonzero(many).tolist():
            first = places[start]
            after = start + int(np.searchsorted(looks.sent[places[start:]], looks.answered[first]))
            if after >= len(places):
                continue
            seen = [
                set(looks.names[number].split(",")) for number in set(looks.who[places[start : after + 1]].tolist())
            ]
            if len(set.intersection(*seen)) > self.at_most:
                return int(first)
        return None
