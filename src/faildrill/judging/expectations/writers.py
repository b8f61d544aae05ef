"""An expectation on how many nodes accept writes at once."""

from typing import Final

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, count, finding, holds, lack
from faildrill.judging.result import Finding
from faildrill.kinds import trait
from faildrill.ports import ASKS_EVERY_NODE, Kind, ProbeName
from faildrill.record.samples.columns import Columns, Integers, Mask

_IN_A_ROW: Final = 3
"""Looks, one after the other, that must see the same: a writer may move back and forth between two."""


class Writers(Kind):
    """No more than `at_most` nodes accept writes at once; more than one is a split brain.

    One look asks the nodes one after the other, so it may see a writer twice that moves meanwhile. FAILED therefore
    needs three looks in a row, each sent after the one before it was answered, and all looks between them, to see the
    same nodes. Fewer is INCONCLUSIVE, and so is a probe that does not ask every node itself.

    writers: {of: writer, at_most: 1}
    """

    of: ProbeName = Field(description="a probe that says which nodes accept writes, e.g. patroni.writer")
    at_most: int = Field(default=1, ge=0, description="how many nodes may accept writes at once")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how many were seen at once."""
        claim = f"{self.of} never sees more than {count(self.at_most, 'writer')} at once"
        return [finding("writers", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        if not trait(evidence.plans[self.of].use.kind, "probe", ASKS_EVERY_NODE):
            because = f"{self.of} does not ask every node itself, so it can't see two writers at once"
            return cannot_tell(because, "expect it of a patroni.writer or postgres.writers probe")
        looks = evidence.looks(self.of)
        numbers = np.array([len([node for node in name.split(",") if node]) for name in looks.names])
        if not (looks.is_look & (looks.who > 0)).any():
            return lack(evidence, self.of) or cannot_tell(f"{self.of} never told who accepts writes")
        places = np.flatnonzero(looks.is_look)
        places = places[np.argsort(looks.sent[places], kind="stable")]
        many = numbers[looks.who[places]] > self.at_most
        if not many.any():
            most = count(int(numbers[looks.who[places]].max()), "writer")
            return lack(evidence, self.of) or holds(f"{len(places)} looks saw {most} at most")
        proven = self._proven(looks, places, many)
        first = proven if proven is not None else int(places[many][0])
        at = durations.show(evidence.since_start(int(looks.answered[first])))
        at_once = f"{self.of} saw {looks.names[looks.who[first]]} at once, {at} after the start"
        cited = f"sample:{self.of}:{evidence.number(self.of, first)}"
        if proven is not None:
            return broken(at_once, cited)
        because = f"{at_once}, but not by three looks in a row: the writer may have moved while it asked"
        return cannot_tell(because, f"probe {self.of} faster to tell", cited)

    def _proven(self, looks: Columns, places: Integers, many: Mask) -> int | None:
        """Return the first look that saw too many, as did all up to the third one after it; None: there is none."""
        sent, answered = looks.sent[places], looks.answered[places]
        for start in np.flatnonzero(many).tolist():
            end = start
            for _ in range(_IN_A_ROW - 1):
                # A look that took no time was sent when it was answered: it comes after itself no more than others do.
                end = max(end + 1, end + int(np.searchsorted(sent[end:], answered[end])))
                if end >= len(places):
                    break
            else:
                names = set(looks.who[places[start : end + 1]].tolist())
                common = set.intersection(*(set(looks.names[name].split(",")) for name in names))
                if len(common - {""}) > self.at_most:
                    return int(places[start])
        return None
