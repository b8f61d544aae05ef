"""An expectation on how many nodes accept writes at once."""

from itertools import groupby
from typing import Final, NamedTuple

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, count, finding, holds, lack
from faildrill.judging.result import Finding
from faildrill.kinds import trait
from faildrill.ports import ASKS_EVERY_NODE, Kind, ProbeName
from faildrill.record.samples.columns import Columns, Integers, Mask, Numbers

_IN_A_ROW: Final = 3
"""Looks, one after the other, that must see the same: a writer may move back and forth between two."""


class Writers(Kind):
    """No more than `at_most` nodes accept writes at once; more than one is a split brain.

    One look asks the nodes one after the other, so it may see a writer twice that moves meanwhile. FAILED therefore
    needs three looks, each sent after the one before it was answered, to see more nodes in common than that, and all
    looks between them to see these too. Fewer is INCONCLUSIVE, and so is a probe that does not ask every node itself.

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
        """Return the first of three looks that saw too many, as did all between them; None: there are none."""
        told = _InOrder(looks.sent[places], looks.answered[places], looks.who[places], looks.names)
        starts = np.flatnonzero(many).tolist()
        return next((int(places[start]) for start in starts if told.see(start, self.at_most)), None)


class _InOrder(NamedTuple):
    """The looks that prove something, in the order in which they were sent."""

    sent: Integers
    answered: Integers
    who: Numbers
    names: tuple[str, ...]

    def see(self, start: int, at_most: int) -> bool:
        """Tell whether a look, two more, and all between them have more nodes in common; see `Writers`."""
        common = self._nodes(start)
        # When a row of one look, of two, … that begins here is answered at the earliest.
        ends = [int(self.answered[start])]
        later = range(int(np.searchsorted(self.sent, self.sent[start], side="right")), len(self.sent))
        for moment, here in groupby(later, key=self.sent.__getitem__):
            numbers = list(here)  # sent at one moment: none of them is between others of them
            is_last = len(ends) == _IN_A_ROW - 1 and moment >= ends[-1]
            if is_last and any(len(common & self._nodes(number)) > at_most for number in numbers):
                return True
            common = common.intersection(*map(self._nodes, numbers))
            if len(common) <= at_most:
                return False
            answered = min(int(self.answered[number]) for number in numbers)
            for length in range(len(ends), 0, -1):
                if moment >= ends[length - 1]:
                    ends[length : length + 1] = [min([answered, *ends[length : length + 1]])]
            del ends[_IN_A_ROW - 1 :]
        return False

    def _nodes(self, number: int) -> frozenset[str]:
        return frozenset(self.names[self.who[number]].split(",")) - {""}
