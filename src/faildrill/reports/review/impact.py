"""What users went through, in words: from when until when, how many of their requests, and how slow the others were."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.result import ProbeFigures
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, Mask
from faildrill.reports import wording
from faildrill.reports.review.run_facts import Facts

_P99: Final = 0.99
_QUIET: Final = 1.0
"""Seconds without a look that hurts, at the end of the looking, that make it over."""
_ENOUGH: Final = 100
"""Answers below which a 99th percentile is only the slowest of them."""


@dataclass(frozen=True)
class Suffering:
    """The looks of one probe from the first that hurt to the last, after something was done."""

    probe: str
    began: float
    """Second of the run at which the first look that hurt was due …"""
    ended: float
    """… and at which the last one ended."""
    first: int
    last: int
    """Their numbers."""
    looks: int
    failed: dict[str, int]
    """By outcome, in lower case."""
    late: int
    late_after: float | None
    before: float | None
    """The 99th percentile of good answers before anything was done, in seconds; None where there were too few …"""
    meanwhile: float | None
    """… and of those that were good in between."""
    is_over: bool

    @property
    def hurt(self) -> int:
        """How many looks hurt."""
        return sum(self.failed.values()) + self.late

    @property
    def sources(self) -> tuple[str, ...]:
        """The first and the last look of it."""
        return f"sample:{self.probe}:{self.first}", f"sample:{self.probe}:{self.last}"


def suffering(facts: Facts) -> Suffering | None:
    """Return what those who stand for the users went through; None where no look of theirs hurt, or nobody looked."""
    looks = facts.looks.get(facts.users)
    figures = next((probe for probe in facts.result.probes if probe.probe == facts.users), None)
    if looks is None or figures is None or not facts.acted:
        return None
    start = looks.origin + nanoseconds(facts.zero)
    number = looks.columns.first_due(start)
    after = looks.columns.part(number, len(looks))
    hurt = np.flatnonzero(_failed(after) | _late(after, figures))
    if not len(hurt):
        return None
    between = after.part(int(hurt[0]), int(hurt[-1]) + 1)
    failed, late = _failed(between), _late(between, figures)
    ended = looks.since_start(int(after.answered[hurt].max()))
    return Suffering(
        probe=facts.users,
        began=looks.since_start(int(between.due[0])),
        ended=ended,
        first=number + int(hurt[0]),
        last=number + int(hurt[-1]),
        looks=int(np.count_nonzero(between.is_look)),
        failed=_outcomes(between.where(failed)),
        late=int(np.count_nonzero(late)),
        late_after=figures.late_after,
        before=_p99(looks.columns.part(0, number)),
        meanwhile=_p99(between),
        is_over=ended + _QUIET <= looks.since_start(int(after.answered.max())),
    )


def _failed(looks: Columns) -> Mask:
    failed: Mask = looks.is_look & ~looks.is_good
    return failed


def _late(looks: Columns, figures: ProbeFigures) -> Mask:
    if figures.late_after is None:
        return np.zeros(len(looks), np.bool_)
    late: Mask = looks.is_good & (looks.answered - looks.due > nanoseconds(figures.late_after)) & ~looks.is_seen_late
    return late


def _outcomes(failed: Columns) -> dict[str, int]:
    numbers, counts = np.unique(failed.outcome, return_counts=True)
    counted = sorted(zip(counts.tolist(), numbers.tolist(), strict=True), reverse=True)
    return {Outcome(number).in_words(): many for many, number in counted}


def _p99(looks: Columns) -> float | None:
    good = looks.where(looks.is_good & ~looks.is_seen_late)
    if len(good) < _ENOUGH:
        return None
    return seconds(int(np.quantile(good.answered - good.due, _P99, method="higher")))


def sentence(facts: Facts, told: Suffering) -> str:
    """Say it in two sentences."""
    kinds = [f"{many:,} {name}" for name, many in told.failed.items()]
    if told.late and told.late_after is not None:
        kinds.append(f"{told.late:,} answered later than {durations.show(told.late_after)}")
    began, ended = (facts.when(at).wall[11:19] for at in (told.began, told.ended))
    span = f"from {began} until {ended} UTC" if told.is_over else f"from {began} UTC on, and not over at {ended} UTC"
    of = f"{told.hurt:,} of {wording.count(told.looks, 'request')} of {told.probe}"
    text = f"{span}, {of} ({told.hurt / max(told.looks, 1):.1%}) failed or came late: {', '.join(kinds)}"
    if told.before is None or told.meanwhile is None:
        return text
    slower = f"p99 {durations.show(told.meanwhile)} meanwhile, {durations.show(told.before)} before"
    return f"{text}. Of those that were answered well: {slower}"
