"""An expectation on how late answers are, by percentile."""

import math
from typing import Final, NamedTuple, Self

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import (
    Weighed,
    broken,
    cannot_tell,
    count,
    cure,
    finding,
    holds,
    lack,
    too_few,
)
from faildrill.judging.numbers.ranks import of_ranks
from faildrill.judging.numbers.tallies import tally
from faildrill.judging.outages.spans import When, span, words
from faildrill.judging.result import Finding
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.proofs.dues import Dues
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, Integers

FOREVER: Final = (1 << 63) - 1
"""In place of a time that nobody knows."""


class Between(NamedTuple):
    """What is proven of a percentile, in ns: it is at least, and at most (`FOREVER`: nobody knows)."""

    at_least: int
    at_most: int


class _Asked(NamedTuple):
    """A percentile that has a limit: what it is called, its share, and the limit in float seconds."""

    name: str
    share: float
    limit: float


class Latency(Kind):
    """Answers come within a time, by percentile, counted from when each look was *due*.

    A look without an answer took at least until its deadline. A look that was refused, reset or wrong has no good
    answer and counts as slower than any limit. A look that was skipped may have taken any time, and one that the prober
    sent late may have taken less: if that could change the verdict, or if there are too few looks for the percentile,
    it is INCONCLUSIVE.

    latency: {of: pay, p99: 200ms, when: before}
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)

    of: ProbeName
    p50: Duration | None = Field(default=None, description="the longest for half of the answers")
    p90: Duration | None = Field(default=None, description="the longest for 90 % of the answers")
    p95: Duration | None = Field(default=None, description="the longest for 95 % of the answers")
    p99: Duration | None = Field(default=None, description="the longest for 99 % of the answers")
    p99_9: Duration | None = Field(default=None, alias="p99.9", description="the longest for 99.9 % of the answers")
    max: Duration | None = Field(default=None, description="the longest for every answer")
    when: When = "whole"

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self._limits():
            raise ValueError("latency needs a percentile with a limit, e.g. p99: 200ms")
        return self

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh each percentile that has a limit."""
        findings = []
        for asked in self._limits():
            claim = f"{asked.name} of {self.of} is within {durations.show(asked.limit)}{words(self.when)}"
            findings.append(finding("latency", claim, self._weighed(evidence, asked)))
        return findings

    def _limits(self) -> list[_Asked]:
        table = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "max": 1.0}
        given = {name: getattr(self, name.replace(".", "_")) for name in table}
        return [_Asked(name, table[name], limit) for name, limit in given.items() if limit is not None]

    def _weighed(self, evidence: Evidence, asked: _Asked) -> Weighed:
        due = evidence.dues(self.of).between(*(span(evidence, self.when) or (0, 0)))
        number = len(due.looks) + due.missing
        if not number:
            return lack(evidence, self.of) or cannot_tell(f"{self.of} has no answer in that time: no data is no pass")
        # Ranks count from 0; rounded first, as a product of floats may be a hair above the whole number that it is.
        rank = max(math.ceil(round(asked.share * number, 6)), 1) - 1
        measured = percentile(due.looks, rank, due.missing)
        because = f"{asked.name} of {count(number, 'look')} is {in_words(measured)}"
        if measured.at_least > nanoseconds(asked.limit):
            return broken(because)
        missing = lack(evidence, self.of, weighs_skipped=True) or too_few(tally(due.looks), self.of, words(self.when))
        return missing or self._open(evidence, due, measured, asked) or holds(because)

    def _open(self, evidence: Evidence, due: Dues, seen: Between, asked: _Asked) -> Weighed | None:
        """Say that there are too few looks, or that the limit lies within what can't be told; or None."""
        number = len(due.looks) + due.missing
        because = f"{asked.name} of {count(number, 'look')} is {in_words(seen)}"
        # With fewer looks than this the percentile is the slowest one, whatever the others are.
        fewest = 1 if asked.share == 1 else math.ceil(round(1 / (1 - asked.share), 6))
        if number < fewest:
            return cannot_tell(
                f"{because}: it needs {fewest} looks", f"probe {self.of} more often, or watch for longer"
            )
        if seen.at_most > nanoseconds(asked.limit):
            return cannot_tell(f"{because}: the limit lies between", _cure(evidence, self.of, due))
        return None


def _cure(evidence: Evidence, probe: str, due: Dues) -> str:
    tallied = tally(due.looks)._replace(missing=due.missing)
    if tallied.ended[Outcome.TIMED_OUT]:
        return "give the probe a timeout longer than the limit"
    if tallied.unknown:
        return cure(evidence, probe)
    return "the prober sent its looks late: give it a machine with more room"


def percentile(looks: Columns, rank: int, missing: int = 0) -> Between:
    """Bound the value of a rank (from 0, ascending): what is unknown is counted as 0, then as for ever.

    `missing`: how many more looks there were, of which nothing is known.
    """
    # What is missing is counted as the quickest, so each missing look moves the rank among the known ones down by
    # one.
    at_least = of_ranks(looks, _least, [rank - missing], len(looks))[0] if rank >= missing else 0
    at_most = of_ranks(looks, _most, [rank], len(looks))[0] if rank < len(looks) else FOREVER
    return Between(at_least, at_most)


def _least(looks: Columns) -> Integers:
    took = looks.answered - np.maximum(looks.sent, looks.due)
    if looks.seen_late is not None:
        took = np.where(looks.is_seen_late, 0, took)
    if looks.is_good.all():
        return took
    known = looks.is_look
    failed = known & ~looks.is_good & (looks.outcome != Outcome.TIMED_OUT)
    # A refusal is quick, but no answer: a percentile that it could lower would reward a service for failing fast.
    return np.where(failed, FOREVER, np.where(known, took, 0))


def _most(looks: Columns) -> Integers:
    good, took = looks.is_good, looks.answered - looks.due
    return took if good.all() else np.where(good, took, FOREVER)


def in_words(seen: Between) -> str:
    """Write what is proven of a percentile."""
    if seen.at_least == FOREVER:
        return "a look that got no good answer"
    least = durations.show(seconds(seen.at_least))
    if seen.at_most == FOREVER:
        return f"at least {least}"
    most = durations.show(seconds(seen.at_most))
    return most if least == most else f"between {least} and {most}"
