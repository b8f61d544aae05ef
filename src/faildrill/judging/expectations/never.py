"""An expectation that something does not happen: the heart of a negative drill."""

from typing import Final, Self

import numpy as np
from pydantic import Field, model_validator

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, finding, holds, lack
from faildrill.judging.numbers.tallies import first, where
from faildrill.judging.result import Finding
from faildrill.kinds import trait
from faildrill.ports import ONLY_GROWS, Kind, ProbeName, Words
from faildrill.record.samples.columns import Columns, Mask

_BLIND: Final = 5
"""Intervals in a row in which nobody was seen, after which a change could have hidden there."""


class Never(Kind):
    """Who answers the probe never changes (`changes`), is never promoted (`promotions`), or is never `saw`.

    With `changes: true`, any look that saw somebody else than the first one did is a change, even if the first one is
    back at the end. It is INCONCLUSIVE if nobody was seen, or if nobody was seen for so long that a change there and
    back could have gone unseen.

    `promotions: true` needs a probe of PostgreSQL's timeline number (`patroni.timeline`, `postgres.timeline`). That
    number only grows, so a promotion shows however short it was.

    never: {of: writer, changes: true}
    never: {of: timeline, promotions: true}
    never: {of: pay, saw: pay3}
    """

    of: ProbeName
    changes: bool = Field(default=False, description="true: whoever answered first must answer all the time")
    promotions: bool = Field(default=False, description="true: the timeline's number must stay as it was")
    saw: Words | None = Field(default=None, description="who must never be seen")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.changes + self.promotions + (self.saw is not None) != 1:
            raise ValueError("never needs either `changes: true`, `promotions: true` or `saw: NAME`")
        return self

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh who was seen."""
        claim = f"{self.of} never sees {self.saw}" if self.saw is not None else f"{self.of} never sees a change"
        if self.promotions:
            claim = f"{self.of} never sees a promotion"
        return [finding("never", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        if self.promotions and not self._grows(evidence):
            because = f"{self.of} tells no timeline's number, so a promotion there and back could hide from it"
            return cannot_tell(because, "expect it of a patroni.timeline or postgres.timeline probe")
        looks = evidence.looks(self.of)
        named = where(looks, _is_named, most=1)
        if not named.number:
            return lack(evidence, self.of) or cannot_tell(f"{self.of} never told who answered")
        seen_first = looks.sample(self.of, named.first[0]).who
        unwanted = np.array([self._unwanted(name, seen_first) for name in looks.names])
        bad = first(looks, lambda part: _is_named(part) & unwanted[part.who], most=1)
        if bad:
            sample = looks.sample(self.of, bad[0])
            at = durations.show(evidence.since_start(sample.answered))
            because = f"{self.of} saw {sample.who} {at} after the start" + (
                f", {seen_first} before" if self.saw is None else ""
            )
            return broken(because, f"sample:{self.of}:{evidence.number(self.of, bad[0])}")
        held = holds(f"{named.number} looks saw {self._seen(seen_first)}")
        return lack(evidence, self.of) or self._blind(evidence) or held

    def _grows(self, evidence: Evidence) -> bool:
        return bool(trait(evidence.plans[self.of].use.kind, "probe", ONLY_GROWS))

    def _seen(self, first: str) -> str:
        return f"others than {self.saw}" if self.saw is not None else f"nothing but {first}"

    def _unwanted(self, name: str, first: str) -> bool:
        if not name:
            return False
        names = set(name.split(","))
        return self.saw in names if self.saw is not None else names != set(first.split(","))

    def _blind(self, evidence: Evidence) -> Weighed | None:
        """Say that nobody was seen for so long that a change could have hidden there, or None."""
        plan, looks = evidence.plans[self.of], evidence.looks(self.of)
        longest = seconds(self._unseen(looks, evidence))
        if nanoseconds(longest) <= _BLIND * nanoseconds(plan.every):
            return None
        hidden = "a change there and back" if not self._grows(evidence) else "a change"
        because = f"{self.of} saw nobody for {durations.show(longest)}: {hidden} could have hidden there"
        return cannot_tell(because, f"probe {self.of} by a path that stays open in this drill")

    def _unseen(self, looks: Columns, evidence: Evidence) -> int:
        """Return the longest time, in ns, in which a change could have hidden; before the first look, too.

        A number that only grows hides nothing between two looks that saw the same one.
        """
        grows, before, longest, is_first = self._grows(evidence), evidence.since, 0, True
        for _, part in looks.blocks():
            sent = np.sort(part.sent[_is_named(part)])
            if len(sent):
                apart = np.diff(sent, prepend=before)
                longest = max(longest, int(apart[0] if grows else apart.max()) if is_first or not grows else 0)
                before, is_first = int(sent[-1]), False
        return max(longest, evidence.until - before)


def _is_named(part: Columns) -> Mask:
    named: Mask = (part.who > 0) & part.is_look
    return named
