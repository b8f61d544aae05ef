"""Each probe in figures: outages with their phases, answer times, and how punctual the looks were."""

from typing import Final

import numpy as np
from pydantic import JsonValue

from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.numbers.tallies import where
from faildrill.judging.outages.bounds import Stretch, weight
from faildrill.judging.outages.estimate import likely
from faildrill.judging.outages.spans import cause, follows
from faildrill.judging.result import Bounds, Outage, ProbeFigures
from faildrill.kinds import tells_writer, trait
from faildrill.model.drill import ProbePlan
from faildrill.ports import TELLS_LEAD
from faildrill.ports.target import KindUse
from faildrill.record.samples import ASKED_AGAIN, Outcome
from faildrill.record.samples.columns import Columns, Mask
from faildrill.record.timeline import Entry

MOST_OUTAGES: Final = 200
"""Outages of a probe that are listed; where there are more, the longest."""
UNLOCKED: Final = "unlocked"
"""What a probe that tells who leads says in its detail when nobody does."""


def figures(evidence: Evidence) -> list[ProbeFigures]:
    """Put every probe into figures, in the order in which they are declared."""
    writers = _Writers(evidence)
    return [_probe(evidence, plan, writers) for plan in evidence.plans.values()]


def _probe(evidence: Evidence, plan: ProbePlan, writers: "_Writers") -> ProbeFigures:
    tallied = evidence.tally(plan.name)
    outages = evidence.outages(plan.name, evidence.hold(plan.name))
    longest = sorted(outages, key=weight, reverse=True)[:MOST_OUTAGES]
    listed = sorted(longest, key=lambda one: one.first_dark)
    return ProbeFigures(
        probe=plan.name,
        kind=plan.use.kind,
        every=plan.every,
        slow=seconds(evidence.slow(plan.name)),
        looks=tallied.sent,
        outcomes={outcome.name.lower(): tallied.ended[outcome] for outcome in Outcome if tallied.ended[outcome]},
        skipped=tallied.ended[Outcome.SKIPPED],
        broken=tallied.ended[Outcome.BROKEN],
        open=tallied.ended[Outcome.OPEN] + _asked_again(evidence.looks(plan.name)),
        throttled=tallied.ended[Outcome.THROTTLED],
        late_after=seconds(evidence.late_after(plan.name)),
        late=_late(evidence, plan.name),
        damaged=evidence.looks(plan.name).damaged,
        outages=[_outage(evidence, plan.name, outage, writers) for outage in listed],
        outages_left_out=len(outages) - len(listed),
        hold=evidence.hold(plan.name),
        unproven=seconds(evidence.unproven(evidence.darkness(plan.name))),
        answer_times={name: seconds(took) for name, took in evidence.seen(plan.name).answer_times.items()},
        lateness={name: seconds(late) for name, late in evidence.seen(plan.name).lateness.items()},
    )


def _asked_again(looks: Columns) -> int:
    """Count the looks that met a kept connection which the server was ending, and asked anew on another one."""
    says = np.array([ASKED_AGAIN in name for name in looks.names])
    return where(looks, lambda part: says[part.detail]).number if says.any() else 0


def _late(evidence: Evidence, probe: str) -> int:
    """Count the good answers that came late, and not so late that it counts as dark."""
    after, slow = evidence.late_after(probe), evidence.slow(probe)
    if evidence.seen(probe).answer_times.get("max", 0) <= after:
        return 0

    def is_late(part: Columns) -> Mask:
        took = part.answered - part.sent
        late: Mask = part.is_good & (took > after) & (took <= slow) & ~part.is_seen_late
        return late

    return where(evidence.looks(probe), is_late, most=0).number


def _outage(evidence: Evidence, probe: str, one: Stretch, writers: "_Writers") -> Outage:
    def at(moment: int | None) -> float | None:
        return None if moment is None else evidence.since_start(moment)

    estimate, followed = likely(evidence.looks(probe), one), cause(evidence, one)
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
        cause=getattr(followed.what, "step", "") if followed is not None else "",
        followed=follows(evidence, one),
        stretches=one.stretches,
    )


def _phases(evidence: Evidence, probe: str, one: Stretch, writers: "_Writers") -> dict[str, float]:
    """Split an outage: seconds from what it followed, done or put back; empty where nothing was."""
    followed = cause(evidence, one)
    if followed is None:
        return {}
    fault, hold = followed.at, nanoseconds(evidence.hold(probe))
    after = writers.after(followed, one.first_good).items()
    moments = {"first_dark": one.first_dark, **{name: at for name, at in after if at >= (one.last_good or fault)}}
    if one.first_answer is not None and one.first_good is not None:
        moments["first_good"] = one.first_answer
        if (evidence.darkness(probe).good_until or 0) - one.first_good >= hold:
            moments["stable"] = one.first_good + hold
    return {name: seconds(at - fault) for name, at in moments.items()}


class _Writers:
    """Who wrote when, and when who manages that was seen to act: by the probes that look at what a step was done to."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._looks = {
            plan.name: _sent(evidence, plan) for plan in evidence.plans.values() if tells_writer(plan.use.kind)
        }
        self._uses = {step.id: step.use for step in evidence.actions}

    def after(self, followed: Entry, until: int | None) -> dict[str, int]:
        """Return when the loss of the writer of before was noticed, and when another one was first seen to be it.

        Each by whichever of the right probes saw it first: all of them prove it.
        """
        end = until or int(np.iinfo(np.int64).max)
        plans = self._right(getattr(followed.what, "step", ""))
        managers = [self._looks[plan.name] for plan in plans if trait(plan.use.kind, "probe", TELLS_LEAD)]
        noticed = [_first(looks, followed.at, end, unlocked=True) for looks in managers]
        named = [_first(self._looks[plan.name], followed.at, end, unlocked=False) for plan in plans]
        moments = {"detected": noticed, "new_writer": named}
        return {name: min(known) for name, some in moments.items() if (known := [at for at in some if at is not None])}

    def _right(self, step: str) -> list[ProbePlan]:
        """Return the probes that tell the writer of the target of a step; all that tell one, where none is of that."""
        plans = [self._evidence.plans[name] for name in self._looks]
        use = self._uses.get(step)
        targets = _targets(use) if use is not None else []
        return [plan for plan in plans if any(target in targets for target in _targets(plan.use))] or plans


def _targets(use: KindUse) -> list[JsonValue]:
    """Return the targets among the parameters of a kind: they are kept whole, as mappings."""
    return [value for value in use.params.values() if isinstance(value, dict)]


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
    tells = (later.who != named.who[-1]) & (later.who > 0) & later.is_good
    if unlocked:
        says = np.array([UNLOCKED in name.split("; ") for name in later.names])
        tells |= says[later.detail]
    places = np.flatnonzero(tells)
    return int(later.answered[places[0]]) if len(places) else None
