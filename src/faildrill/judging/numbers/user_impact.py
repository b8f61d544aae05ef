"""What a run did to those who used the service meanwhile: the same figures of every run, so that runs can be compared.

All of it counts looks that were due from the first step on. A look *hurts* when it fails, or is answered later than the
limit of its probe.
"""

import math
from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from faildrill.clock import NANOSECONDS, nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.latency import FOREVER, percentile
from faildrill.judging.numbers.headline_figures import writes
from faildrill.judging.outages.bounds import Stretch, weight
from faildrill.judging.outages.spans import PUTTING_BACK, follows
from faildrill.judging.result import Bounds, Record
from faildrill.model.drill import singly
from faildrill.record.samples.columns import Columns, Mask
from faildrill.record.timeline import Applying, Undoing

_USERS: Final = ("outage", "errors", "latency", "error_budget")
"""Expectations that say what users are promised: what they are of stands for the users."""
_QUIET: Final = 1.0
"""Seconds without a look that hurts, at the end of the looking, after which users are no longer hurt."""


class UserImpact(Record, frozen=True, kw_only=True):
    """What one probe, or one part of the load, went through in one run."""

    probe: str
    late_after: float
    """Seconds from when a look was due to its answer, beyond which it counts as late; the same in every run."""
    looks: int
    failed: int
    late: int
    outage: Bounds | None = None
    """The longest that followed the fault, before anything was put back; None: none was seen."""
    failback: Bounds | None = None
    """The longest from when something was first put back; None: none was seen."""
    outages: int = 0
    p50: list[float | None]
    """What is proven of it, in seconds: at least, and at most (null: nobody knows); empty without looks."""
    p99: list[float | None]
    p99_good: list[float | None] = msgspec.field(default_factory=list)
    """Of the looks that were good, so that runs can be told apart in which more than one in a hundred failed."""
    hurt: int = 0
    """Seconds, counted from the first step, in which at least one look hurt."""
    tail: float | None = None
    """Seconds from the answer (the first step of the way; without one, the first undo) until the last look that hurt
    was over; null where nothing answers, or where it was not over when the looking ended."""
    is_over: bool = True
    """False: looks still hurt in the last second of the looking."""


class LedgerTotals(Record, frozen=True, kw_only=True):
    """What became of the writes of one ledger."""

    probe: str
    acknowledged: int
    lost: int
    duplicated: int


def users(evidences: Iterable[Evidence]) -> list[str]:
    """Name the probes that stand for the users in all runs: those of the load, and those that something is promised of.

    Where nothing is promised of any, all that the drills themselves look at.
    """
    some = list(evidences)
    promised = {str(use.params.get("of")) for evidence in some for use in evidence.drill.expect if use.kind in _USERS}
    plans = {plan.name: plan for evidence in some for plan in (*evidence.drill.load, *evidence.drill.probes)}
    kept = [name for name, plan in plans.items() if name in promised or plan.by == "load"]
    return kept or list(plans)


def limits(evidences: Iterable[Evidence], probes: list[str]) -> dict[str, float]:
    """Give each probe the time from which its answers are late: the same for all runs, the most generous of them."""
    by_probe: dict[str, float] = {}
    for evidence in evidences:
        for name in probes:
            if name in evidence.plans:
                by_probe[name] = max(by_probe.get(name, 0.0), seconds(evidence.late_after(name)))
    return by_probe


def impact(evidence: Evidence, probe: str, late_after: float) -> UserImpact:
    """Measure what one probe went through."""
    fault = evidence.faults[0].at if evidence.faults else evidence.since
    looks = evidence.looks(probe).between(fault, FOREVER)
    late = looks.is_good & (looks.answered - looks.due > nanoseconds(late_after)) & ~looks.is_seen_late
    failed = looks.is_look & ~looks.is_good
    hurt = late | failed
    dark = [outage for outage in evidence.outages(probe, evidence.hold(probe)) if outage.last_dark >= fault]
    failbacks = [outage for outage in dark if follows(evidence, outage) == PUTTING_BACK]
    over = _is_over(looks, hurt)
    return UserImpact(
        probe=probe,
        late_after=late_after,
        looks=int(np.count_nonzero(looks.is_look)),
        failed=int(np.count_nonzero(failed)),
        late=int(np.count_nonzero(late)),
        outage=_longest([outage for outage in dark if outage not in failbacks]),
        failback=_longest(failbacks),
        outages=len(dark),
        # Of all looks, failed ones as the slowest: a service that refuses half of its requests is not made quicker by
        # that.
        p50=_at(looks, 0.5),
        p99=_at(looks, 0.99),
        p99_good=_at(looks.where(looks.is_good), 0.99),
        # Whole seconds from the first step on, each once: the same in runs with different rates.
        hurt=len(np.unique((looks.due[hurt] - fault) // NANOSECONDS)),
        tail=_tail(evidence, looks, hurt) if over else None,
        is_over=over,
    )


def ledger_totals(evidence: Evidence) -> list[LedgerTotals]:
    """Tell of every ledger that was read back what became of its writes."""
    return [
        LedgerTotals(probe=write.probe, acknowledged=write.acknowledged, lost=write.lost, duplicated=write.duplicated)
        for write in writes(evidence)
        if write.was_read
    ]


def _longest(some: list[Stretch]) -> Bounds | None:
    outage = max(some, key=weight, default=None)
    if outage is None:
        return None
    return Bounds(
        at_least=seconds(outage.at_least), at_most=None if outage.at_most is None else seconds(outage.at_most)
    )


def _at(looks: Columns, share: float) -> list[float | None]:
    """Bound a percentile; a failed look counts as slower than any other."""
    if not len(looks):
        return []
    durations_there = percentile(looks, max(math.ceil(round(share * len(looks), 6)), 1) - 1)
    return [None if duration == FOREVER else seconds(duration) for duration in durations_there]


def _is_over(looks: Columns, hurt: Mask) -> bool:
    if not len(looks) or not hurt.any():
        return True
    return bool(looks.answered[hurt].max() + nanoseconds(_QUIET) <= looks.answered.max())


def _tail(evidence: Evidence, looks: Columns, hurt: Mask) -> float | None:
    answer = _answer(evidence)
    if answer is None:
        return None
    return max(0.0, seconds(int(looks.answered[hurt].max()) - answer)) if hurt.any() else 0.0


def _answer(evidence: Evidence) -> int | None:
    """Return when what the drill did was first answered: by a step of the way, else by putting it back."""
    way = evidence.drill.way
    own = {step.id for step in singly(way.steps if way else ())}
    taken = [entry.at for entry, event in evidence.events(Applying) if event.step in own]
    return min([*taken[:1], *[entry.at for entry, _ in evidence.events(Undoing)][:1]], default=None)
