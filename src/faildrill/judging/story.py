"""The story of a run, in sentences for people, and its phases."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from faildrill.judging.event_sentences import Sentence, sentence
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import lasted
from faildrill.judging.result import Moment
from faildrill.kinds import tells_writer
from faildrill.model.drill import ProbePlan
from faildrill.record.samples.columns import Mask, Numbers
from faildrill.record.timeline import Entry, Happened, PhaseStarted

_MOST_OUTAGES: Final = 20
"""Outages of a probe that the story tells of."""


def moments(evidence: Evidence) -> list[Moment]:
    """Tell what happened, in order: each line with what it is taken from."""
    names = {step.id: step.name for step in evidence.steps}
    story = []
    for entry in evidence.entries:
        sentence_of = sentence(entry.what, names.get(getattr(entry.what, "step", ""), ""))
        # The phases have a list of their own, which says when each of them ended, too.
        if sentence_of is not None and not isinstance(entry.what, PhaseStarted):
            at = entry.what.at if isinstance(entry.what, Happened) else entry.at
            story.append(_moment(evidence, at, sentence_of, entry, f"timeline:{entry.n}"))
    for plan in evidence.plans.values():
        story.extend(_outages(evidence, plan))
        story.extend(_changes(evidence, plan))
    return sorted(story, key=lambda one: one.at)


def phases(evidence: Evidence) -> dict[str, list[float]]:
    """Return each phase of the run with its start and its end, in seconds since the first event."""
    started = list(evidence.events(PhaseStarted))
    ends = [entry.at for entry, _ in started[1:]] + [evidence.entries[-1].at]
    by_phase: dict[str, list[float]] = {}
    for (entry, event), end in zip(started, ends, strict=False):
        first = by_phase.get(event.phase, [evidence.since_start(entry.at)])[0]
        by_phase[event.phase] = [first, evidence.since_start(end)]
    return by_phase


def _moment(evidence: Evidence, at: int, told: Sentence, entry: Entry, cited: str) -> Moment:
    wall = entry.wall
    if at != entry.at:
        apart = timedelta(microseconds=(at - entry.at) // 1000)
        wall = (datetime.fromisoformat(entry.wall) + apart).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Moment(
        at=evidence.since_start(at), wall=wall, text=told.text, entry=entry.n, level=told.level, evidence=cited
    )


def _outages(evidence: Evidence, plan: ProbePlan) -> Iterator[Moment]:
    for outage in evidence.outages(plan.name, evidence.hold(plan.name))[:_MOST_OUTAGES]:
        why = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in outage.outcomes.items())
        slow = set(outage.outcomes) == {"slow"}
        dark = Sentence(f"{plan.name} is {'too slow' if slow else 'dark'} ({why})", "bad")
        yield _seen(evidence, plan.name, outage.first_dark, dark, outage.first)
        if outage.first_good is not None:
            yield _seen(
                evidence,
                plan.name,
                outage.first_good,
                Sentence(f"{plan.name} is good again: it was dark {lasted(outage)}", "good"),
                outage.last,
            )


def _changes(evidence: Evidence, plan: ProbePlan) -> Iterator[Moment]:
    """Tell of every change of who writes, where the probe is one that asks for it."""
    if tells_writer(plan.use.kind) != "nodes":
        return
    looks = evidence.looks(plan.name)
    before = None
    for place in (looks.is_look.nonzero()[0][_edges(looks.who[looks.is_look])]).tolist():
        who = looks.names[looks.who[place]]
        if before is not None:
            text = f"{plan.name} sees {who or 'no writer'}, {before or 'no writer'} before"
            yield _seen(
                evidence, plan.name, int(looks.answered[place]), Sentence(text, "info" if who else "bad"), place
            )
        before = who


def _seen(evidence: Evidence, probe: str, at: int, told: Sentence, place: int) -> Moment:
    """Tell what a sample showed; the timeline's entry before it gives it its wall time."""
    before = [entry for entry in evidence.entries if entry.at <= at]
    entry = before[-1] if before else evidence.entries[0]
    return _moment(evidence, at, told, entry, f"sample:{probe}:{evidence.number(probe, place)}")


def _edges(values: Numbers) -> Mask:
    """Mark the places at which a value differs from the one before; the first one is marked."""
    edges: Mask = np.concatenate(([True], values[1:] != values[:-1]))
    return edges[: len(values)]
