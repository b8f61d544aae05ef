"""An expectation that something does not happen: the heart of a negative drill."""

from typing import Final, Self

import numpy as np
from pydantic import Field, model_validator

from faildrill import durations
from faildrill.clock import seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import Finding
from faildrill.judging.weighing import Weighed, broken, cannot_tell, finding, holds, lack
from faildrill.ports import Kind, ProbeName

_BLIND: Final = 5
"""Intervals in a row in which nobody was seen, after which a change could have hidden there."""


class Never(Kind):
    """Who answers the probe never `changes: true`, or is never the one of `saw`.

    A change is any look that saw somebody else than the warm-up did. INCONCLUSIVE when nobody was seen, or for so
    long at a time that a change there and back could have gone unseen.

    never: {of: writer, changes: true}
    never: {of: pay, saw: pay3}
    """

    of: ProbeName
    changes: bool = Field(default=False, description="true: whoever answered first must answer throughout")
    saw: str | None = Field(default=None, description="who must never be seen")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.changes == (self.saw is not None):
            raise ValueError("never needs either `changes: true` or `saw: NAME`")
        return self

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh who was seen."""
        claim = f"{self.of} never sees {self.saw}" if self.saw is not None else f"{self.of} never sees a change"
        return [finding("never", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        looks = evidence.looks(self.of)
        places = np.flatnonzero((looks.who > 0) & looks.is_look)
        if not len(places):
            return lack(evidence, self.of) or cannot_tell(f"{self.of} never told who answered")
        first = looks.names[looks.who[places[0]]]
        unwanted = [self._unwanted(name, first) for name in looks.names]
        bad = places[np.array(unwanted)[looks.who[places]]]
        if len(bad):
            at = durations.show(evidence.since_start(int(looks.answered[bad[0]])))
            saw = looks.names[looks.who[bad[0]]]
            because = f"{self.of} saw {saw} {at} after the start" + (f", {first} before" if self.changes else "")
            return broken(because, f"sample:{self.of}:{evidence.number(self.of, int(bad[0]))}")
        seen = holds(f"{len(places)} looks saw {self._seen(first)}")
        return lack(evidence, self.of) or self._blind(evidence) or seen

    def _seen(self, first: str) -> str:
        return f"nobody but {first}" if self.changes else f"others than {self.saw}"

    def _unwanted(self, name: str, first: str) -> bool:
        if not name:
            return False
        return name != first if self.changes else self.saw in name.split(",")

    def _blind(self, evidence: Evidence) -> Weighed | None:
        """Say that nobody was seen for so long that a change could have hidden there, or None."""
        plan, looks = evidence.plans[self.of], evidence.looks(self.of)
        known = looks.where((looks.who > 0) & looks.is_look)
        apart = np.diff(known.sent, append=max(evidence.until, int(known.sent[-1])))
        longest = seconds(int(apart.max()))
        if longest <= plan.timeout + _BLIND * plan.every:
            return None
        because = f"{self.of} saw nobody for {durations.show(longest)}: a change there and back could have hidden there"
        return cannot_tell(because, f"probe {self.of} by a path that stays open in this drill")
