"""Whether the load was sent at its rate: a drill under less than its load proves nothing about its load."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import Weighed, cannot_tell, finding, holds
from faildrill.judging.numbers.tallies import where
from faildrill.judging.result import Finding
from faildrill.model.drill import ProbePlan
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, Mask

PUNCTUAL: Final = 0.1
"""Seconds by which a request may be sent late, where the load's own interval is no longer."""
KEPT: Final = 0.95
"""The share of its requests that must have been sent when they were due."""


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Weigh every load of the drill, from the good warm-up to the last thing done or waited for."""
    for plan in evidence.drill.load:
        yield finding("load", f"the load {plan.name} is sent at {_rate(plan)}", _weighed(evidence, plan))


def _weighed(evidence: Evidence, plan: ProbePlan) -> Weighed:
    since, until = evidence.since, evidence.until
    due = (until - since) // nanoseconds(plan.every)
    looks = evidence.looks(plan.name).between(since, until)
    latest = nanoseconds(max(plan.every, PUNCTUAL))
    # An open or throttled request was sent like any other: the service had its load.
    sent = where(looks, lambda part: _was_sent(part) & (part.sent - part.due <= latest)).number
    because = f"{sent} of {due} requests were sent when due"
    if due and sent >= due * KEPT:
        return holds(because)
    return cannot_tell(f"{because}, fewer than {KEPT:.0%}", _cure(evidence, plan))


def _was_sent(part: Columns) -> Mask:
    outcome = part.outcome
    undecided = (outcome == Outcome.OPEN) | (outcome == Outcome.THROTTLED)
    sent: Mask = part.is_look | (undecided & (part.sent > 0))
    return sent


def _cure(evidence: Evidence, plan: ProbePlan) -> str:
    """Say what to do about requests that were not sent."""
    looks = evidence.looks(plan.name)
    last = looks.due_at(len(looks) - 1) if len(looks) else evidence.since
    # Two looks of slack: the first one may be due before the warm-up counts, and the last one may not be answered.
    if plan.most and len(looks) and last - evidence.since >= nanoseconds(plan.every) * (plan.most - 2):
        return f"it ended after {durations.show(plan.most * plan.every)}, before the run: raise its at_most"
    says = np.array(["late" in name for name in looks.names])
    late = where(looks, lambda part: (part.outcome == Outcome.SKIPPED) & says[part.detail]).number
    if evidence.tally(plan.name).ended[Outcome.SKIPPED] > 2 * late:
        return "too many were under way at once: nothing answered them; shorten its timeout or lower its rate"
    return "this machine does not keep the rate: lower it, or send from a machine with more room"


def _rate(plan: ProbePlan) -> str:
    return f"{1 / plan.every:g}/s" if plan.every <= 1 else f"one every {durations.show(plan.every)}"
