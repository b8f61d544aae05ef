"""Each probe in figures: outages with their phases, answer times, and how punctual the looks were."""

from typing import Final

import numpy as np

from faildrill.clock import nanoseconds, seconds
from faildrill.drill import ProbePlan
from faildrill.judging.bounds import Stretch
from faildrill.judging.estimating import likely
from faildrill.judging.evidence import HOLD, Evidence
from faildrill.judging.result import Bounds, Outage, ProbeFigures
from faildrill.samples import Outcome
from faildrill.samples.columns import Columns

MOST_OUTAGES: Final = 200
"""Outages of a probe that are listed; where there are more, the longest."""
_MANAGERS: Final = ("patroni.writer",)
"""Kinds that ask who manages the writer, and say in their detail when nobody holds the lead any more."""
UNLOCKED: Final = "unlocked"


def figures(evidence: Evidence) -> list[ProbeFigures]:
    """Put every probe into figures, in the order in which they are declared."""
    writers = _Writers(evidence)
    return [_probe(evidence, plan, writers) for plan in evidence.plans.values()]


def _probe(evidence: Evidence, plan: ProbePlan, writers: "_Writers") -> ProbeFigures:
    seen = evidence.tally(plan.name)
    found = evidence.outages(plan.name)
    longest = sorted(found, key=lambda one: -(one.at_most if one.at_most is not None else 2**62))[:MOST_OUTAGES]
    listed = sorted(longest, key=lambda one: one.first_dark)
    return ProbeFigures(
        probe=plan.name,
        kind=plan.use.kind,
        every=plan.every,
        slow=seconds(evidence.silence(plan.name).slow),
        looks=seen.sent,
        outcomes={one.name.lower(): seen.ended[one] for one in Outcome if seen.ended[one]},
        skipped=seen.ended[Outcome.SKIPPED],
        broken=seen.ended[Outcome.BROKEN],
        open=seen.ended[Outcome.OPEN],
        throttled=seen.ended[Outcome.THROTTLED],
        damaged=evidence.looks(plan.name).damaged,
        outages=[_outage(evidence, plan.name, one, writers) for one in listed],
        outages_left_out=len(found) - len(listed),
        hold=HOLD,
        unproven=evidence.unproven(plan.name),
        answer_times={name: seconds(took) for name, took in evidence.seen(plan.name).answer_times.items()},
        lateness={name: seconds(late) for name, late in evidence.seen(plan.name).lateness.items()},
    )


def _outage(evidence: Evidence, probe: str, one: Stretch, writers: "_Writers") -> Outage:
    def at(moment: int | None) -> float | None:
        return None if moment is None else evidence.since_start(moment)

    estimate = likely(evidence.looks(probe), one)
    return Outage(
        probe=probe,
        length=Bounds(
            at_least=seconds(one.at_least),
            at_most=None if one.at_most is None else seconds(one.at_most),
            likely=None if estimate is None else seconds(estimate),
        ),
        last_good=at(one.last_good),
        first_dark=evidence.since_start(one.first_dark),
        last_dark=evidence.since_start(one.last_dark),
        first_good=at(one.first_good),
        looks=one.outcomes,
        phases=_phases(evidence, probe, one, writers),
        stretches=one.stretches,
    )


def _phases(evidence: Evidence, probe: str, one: Stretch, writers: "_Writers") -> dict[str, float]:
    """Split an outage: seconds from what was last done or put back before it; empty where nothing was."""
    faults = [entry.at for entry in evidence.deeds if entry.at <= one.first_dark]
    if not faults:
        return {}
    fault = faults[-1]
    seen = writers.after(fault, one.first_good).items()
    moments = {"first_dark": one.first_dark, **{name: at for name, at in seen if at >= (one.last_good or fault)}}
    if one.first_answer is not None and one.first_good is not None:
        moments["first_good"] = one.first_answer
        if (evidence.good_until(probe) or 0) - one.first_good >= nanoseconds(HOLD):
            moments["stable"] = one.first_good + nanoseconds(HOLD)
    return {name: seconds(at - fault) for name, at in moments.items()}


class _Writers:
    """Who wrote when, and when who manages that was seen to act: each from the probe that tells it best."""

    def __init__(self, evidence: Evidence) -> None:
        def tells(plan: ProbePlan) -> int:
            kind = plan.use.kind
            return 2 if kind.endswith(("writer", "writers")) else 1 if kind == "postgres.write" else 0

        best = max(evidence.plans.values(), key=tells, default=None)
        self._looks = _sent(evidence, best) if best is not None and tells(best) else None
        asked = next((plan for plan in evidence.plans.values() if plan.use.kind in _MANAGERS), None)
        self._managed = _sent(evidence, asked) if asked is not None else None

    def after(self, fault: int, until: int | None) -> dict[str, int]:
        """Return when the loss of the writer of before the fault was noticed, and when another one first was named."""
        end = until or int(np.iinfo(np.int64).max)
        moments: dict[str, int] = {}
        if self._managed is not None and (noticed := _first(self._managed, fault, end, unlocked=True)) is not None:
            moments["detected"] = noticed
        if self._looks is not None and (named := _first(self._looks, fault, end, unlocked=False)) is not None:
            moments["new_writer"] = named
        return moments


def _sent(evidence: Evidence, plan: ProbePlan) -> Columns:
    looks = evidence.looks(plan.name)
    return looks.where(looks.is_look)


def _first(looks: Columns, fault: int, until: int, *, unlocked: bool) -> int | None:
    """Return when another writer than that of before the fault was first named, or with `unlocked` nobody's lead told.

    That nobody is named is no notice: a probe sees a dead writer at once, and who manages it much later.
    """
    named = looks.where((looks.who > 0) & (looks.answered <= fault))
    if not len(named):
        return None
    later = looks.where((looks.sent >= fault) & (looks.answered <= until))
    told = (later.who != named.who[-1]) & (later.who > 0) & later.is_good
    if unlocked:
        says = np.array([UNLOCKED in name.split("; ") for name in later.names])
        told |= says[later.detail]
    places = np.flatnonzero(told)
    return int(later.answered[places[0]]) if len(places) else None
