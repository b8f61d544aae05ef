"""An expectation on how requests are spread, weighed from what a spread probe counted, or from who answered."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Final

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, broken, cannot_tell, count, finding, holds, lack
from faildrill.judging.numbers.look_share import Percent, percent
from faildrill.judging.numbers.tallies import where
from faildrill.judging.outages.spans import When, span, words
from faildrill.judging.result import Finding
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.record.spread_counts import Kept
from faildrill.spread import AT_LEAST, Spread, weigh
from faildrill.spread.current import OVER, SETTLE, CurrentSpread

_BUCKET: Final = 0.25
"""Seconds for which answers are counted together, where single looks are counted."""
_UNNAMED: Final = 0.05
"""The share of answers that may have told no name: they may have been of anybody."""
_SHOWN: Final = 4
_BITS: Final = 16
"""Bits of the number of a name."""


class SpreadEvenly(Kind):
    """Each server gets its due share of the requests, within `tolerance`, in any stretch of the time.

    `of` is a spread probe, which knows what each server is due, or any probe or load whose answers name the server,
    with `weights` for what each is due. FAILED: a skew is proven, in a few looks or in all of them. INCONCLUSIVE: there
    are too few requests to prove that all of the time was even, or too many answers name no server.

    spread: {of: spread, tolerance: 25%, when: after}
    spread: {of: users, weights: {pay1: 1, pay2: 1, pay3: 1}, when: before}
    """

    of: ProbeName
    tolerance: Percent = Field(default="25%", description="by how much a server's share may differ from its due share")
    weights: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default={}, description="the approved weight of each server, if `of` is not a spread probe"
    )
    over: Duration = Field(default=OVER, gt=0, description="the longest stretch that is judged by itself")
    when: When = "whole"

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh every stretch, and the whole."""
        claim = f"{self.of}: every server gets its due share within {self.tolerance}{words(self.when)}"
        return [finding("spread", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        time = span(evidence, self.when)
        kept = self._within(evidence, time) if time else []
        following = CurrentSpread(percent(self.tolerance), over=self.over, settle=SETTLE)
        for counted in kept:
            spread = following.take(counted.at, counted.counts, counted.due)
            if spread.verdict == "skewed":
                at = durations.show(evidence.since_start(counted.at))
                proven = f"{in_words(spread)}, {at} after the start, proven by {count(spread.total, 'request')}"
                return _beside(broken(proven), kept)
        return lack(evidence, self.of) or self._unnamed(evidence, time) or _beside(self._even(kept), kept)

    def _within(self, evidence: Evidence, time: tuple[int, int]) -> list[Kept]:
        """Give the counts of a time alone: one that began to be counted before it is left out."""
        kept, before = [], evidence.since
        for counted in self._counted(evidence):
            since = counted.at - nanoseconds(_BUCKET) if self.of not in evidence.spreads else before
            if time[0] <= since and counted.at <= time[1]:
                kept.append(counted)
            before = counted.at
        return kept

    def _counted(self, evidence: Evidence) -> Iterator[Kept]:
        """Give the counts that the probe kept, or count who answered."""
        if self.of in evidence.spreads:
            yield from evidence.spreads[self.of]
            return
        looks = evidence.looks(self.of)
        due = {name: float(weight) for name, weight in self.weights.items()}
        if not due:
            return
        by_key: Counter[int] = Counter()
        for _, part in looks.blocks():
            named = part.where(part.is_look & (part.who > 0))
            keys, times = np.unique(named.answered // nanoseconds(_BUCKET) << _BITS | named.who, return_counts=True)
            by_key.update(dict(zip(keys.tolist(), times.tolist(), strict=True)))
        buckets: dict[int, dict[str, float]] = {}
        for key, many in sorted(by_key.items()):
            buckets.setdefault(key >> _BITS, {})[looks.names[key & (1 << _BITS) - 1]] = float(many)
        for bucket, counts in buckets.items():
            yield Kept((bucket + 1) * nanoseconds(_BUCKET), counts, due)

    def _unnamed(self, evidence: Evidence, time: tuple[int, int] | None) -> Weighed | None:
        """Say that too many answers told no name, or None."""
        if self.of in evidence.spreads or time is None:
            return None
        if not self.weights:
            return cannot_tell(f"{self.of} is no spread probe", "give `weights`: what is due to each server?")
        looks = evidence.looks(self.of).between(*time)
        unnamed = where(looks, lambda part: part.is_look & (part.who == 0)).number
        if unnamed <= len(looks) * _UNNAMED:
            return None
        return cannot_tell(f"{unnamed} of {count(len(looks), 'look')} of {self.of} tell nobody's name")

    def _even(self, kept: list[Kept]) -> Weighed:
        """Weigh the whole time at once: no stretch is proven skewed, but is all of it proven even."""
        counts: dict[str, float] = {}
        expected: dict[str, float] = {}
        for counted in kept:
            total, whole = sum(counted.counts.values()), sum(counted.due.values()) or 1.0
            for name in {**counted.counts, **counted.due}:
                counts[name] = counts.get(name, 0) + counted.counts.get(name, 0)
                expected[name] = expected.get(name, 0) + total * counted.due.get(name, 0) / whole
        whole_time = weigh(counts, expected, percent(self.tolerance))
        if whole_time.total < AT_LEAST:
            came = count(whole_time.total, "request")
            return cannot_tell(f"only {came} came in that time: {AT_LEAST} are the fewest")
        because = f"{in_words(whole_time)} of {count(whole_time.total, 'request')}; Jain's index {whole_time.jain:.3f}"
        if whole_time.verdict == "even":
            return holds(because)
        if whole_time.verdict == "skewed":
            return broken(because)
        return cannot_tell(f"{because}: too few to prove it even", "let more requests come, or allow a wider tolerance")


def _beside(weighed: Weighed, kept: list[Kept]) -> Weighed:
    """Say how many requests, beside those that were weighed, found no server alive: they are nobody's share."""
    unserved = round(sum(counted.unserved for counted in kept))
    if not unserved:
        return weighed
    return weighed._replace(because=f"{weighed.because}; for {count(unserved, 'request')} more no server was alive")


def in_words(spread: Spread) -> str:
    """Say who got how much: `pay1 78.2% (33.3% due)`, those farthest off first."""
    names = sorted(spread.shares, key=lambda name: -abs(spread.shares[name].part - spread.shares[name].due))
    shares = [f"{name} {spread.shares[name].part:.1%} ({spread.shares[name].due:.1%} due)" for name in names[:_SHOWN]]
    return ", ".join(shares) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
