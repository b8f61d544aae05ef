"""Two runs beside each other: what differs in how they were measured, and what their bounds prove of the lengths."""

from collections.abc import Iterator
from dataclasses import dataclass

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.history.comparability import differences
from faildrill.history.run_summary import RunSummary


@dataclass(frozen=True)
class Difference:
    """One thing that is another one in the second run."""

    what: str
    first: str
    second: str


def length(run: RunSummary) -> str:
    """Say what is proven of the outage of a run."""
    if run.unmeasured:
        return f"none measured: {run.unmeasured}"
    return durations.bounded(nanoseconds(run.at_least), None if run.at_most is None else nanoseconds(run.at_most))


def differing(first: RunSummary, second: RunSummary) -> list[Difference]:
    """Return what differs between two runs, conditions apart."""
    pairs = {
        "drill": (first.drill, second.drill),
        "way": (first.way, second.way),
        "environment": (first.environment, second.environment),
        "identity": (first.identity, second.identity),
        "verdict": (first.verdict.value, second.verdict.value),
        "because": (first.because, second.because),
        "outage": (length(first), length(second)),
        "version": (first.version, second.version),
    }
    return [Difference(what, this, other) for what, (this, other) in pairs.items() if this != other]


def conclusion(first: RunSummary, second: RunSummary) -> str:
    """Say in a sentence what the bounds prove of the two outages; never that one run proves a change."""
    unmeasured = [run for run in (first, second) if run.unmeasured]
    if unmeasured:
        return f"nothing can be said of their outages: {unmeasured[0].run} measured none, {unmeasured[0].unmeasured}"
    order = "; ".join(_ordered(first, second)) or "their bounds overlap: which outage was longer isn't proven"
    changed = differences(first.conditions, second.conditions)
    return f"{order}; but they were measured differently: {'; '.join(changed)}" if changed else order


def _ordered(first: RunSummary, second: RunSummary) -> Iterator[str]:
    for shorter, longer, words in ((first, second, "longer"), (second, first, "shorter")):
        if shorter.at_most is not None and longer.at_least > shorter.at_most:
            by = durations.show(longer.at_least - shorter.at_most)
            yield f"the outage of the second run was surely {words}, by {by} at the least"


def runbook_change(cited: str, digest: str, proven: RunSummary) -> str:
    """Say how the runbook that is cited differs from the one that a run was proven with; empty where it is the same.

    Where nobody can read it now, and nobody could then, there is nothing that could differ.
    """
    if not cited or (cited, digest) == (proven.runbook, proven.runbook_digest):
        return ""
    if cited != proven.runbook:
        return f"its runbook is {cited} now, and was {proven.runbook or 'none'} when {proven.run} proved it"
    if not digest:
        return f"its runbook {cited} can't be read any more, as it could when {proven.run} proved it"
    if not proven.runbook_digest:
        return f"nobody wrote down which text its runbook {cited} had when {proven.run} proved it"
    return f"the text of its runbook {cited} changed since {proven.run} proved it on {proven.day}"
