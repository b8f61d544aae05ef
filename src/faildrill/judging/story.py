"""The story of a run, in sentences for people, and its phases."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from faildrill import durations
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import count, lasted
from faildrill.judging.result import Moment
from faildrill.kinds import tells_writer
from faildrill.model.drill import ProbePlan
from faildrill.record.samples import LOAD
from faildrill.record.samples.columns import Mask, Numbers
from faildrill.record.timeline import (
    AbortAsked,
    Applied,
    ApplyFailed,
    Applying,
    Confirmed,
    EffectGone,
    EffectUntold,
    Entry,
    Fenced,
    GuardAnswered,
    Happened,
    Intended,
    LeftApplied,
    NotConfirmed,
    NotHealthy,
    NotSteady,
    PhaseStarted,
    PlaceAsked,
    ProberEnded,
    ProberStarted,
    RunEnded,
    RunnerBroke,
    RunnerDied,
    RunStarted,
    SteadyAgain,
    UndoFailed,
    Undoing,
    Undone,
    UndoNotVerified,
    UndoVerified,
    WaitEnded,
    WaitStarted,
    WarmedUp,
)

Level = Literal["info", "good", "bad"]
_MOST_OUTAGES: Final = 20
"""Outages of a probe that the story tells of."""


class _Told(NamedTuple):
    text: str
    level: Level = "info"


def moments(evidence: Evidence) -> list[Moment]:
    """Tell what happened, in order: each line with what it is taken from."""
    names = {step.id: step.name for step in evidence.steps}
    found = []
    for entry in evidence.entries:
        told = _tell(entry, names)
        if told is not None:
            at = entry.what.at if isinstance(entry.what, Happened) else entry.at
            found.append(_moment(evidence, at, told, entry, f"timeline:{entry.n}"))
    for plan in evidence.plans.values():
        found.extend(_outages(evidence, plan))
        found.extend(_changes(evidence, plan))
    return sorted(found, key=lambda one: one.at)


def phases(evidence: Evidence) -> dict[str, list[float]]:
    """Return each phase of the run with its start and its end, in seconds since the first event."""
    started = list(evidence.events(PhaseStarted))
    ends = [entry.at for entry, _ in started[1:]] + [evidence.entries[-1].at]
    found: dict[str, list[float]] = {}
    for (entry, event), end in zip(started, ends, strict=False):
        first = found.get(event.phase, [evidence.since_start(entry.at)])[0]
        found[event.phase] = [first, evidence.since_start(end)]
    return found


def _moment(evidence: Evidence, at: int, told: _Told, entry: Entry, cited: str) -> Moment:
    wall = entry.wall
    if at != entry.at:
        apart = timedelta(microseconds=(at - entry.at) // 1000)
        wall = (datetime.fromisoformat(entry.wall) + apart).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return Moment(
        at=evidence.since_start(at), wall=wall, text=told.text, entry=entry.n, level=told.level, evidence=cited
    )


def _outages(evidence: Evidence, plan: ProbePlan) -> Iterator[Moment]:
    for one in evidence.outages(plan.name, evidence.hold(plan.name))[:_MOST_OUTAGES]:
        why = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in one.outcomes.items())
        slow = set(one.outcomes) == {"slow"}
        dark = _Told(f"{plan.name} is {'too slow' if slow else 'dark'} ({why})", "bad")
        yield _seen(evidence, plan.name, one.first_dark, dark, one.first)
        if one.first_good is not None:
            yield _seen(
                evidence,
                plan.name,
                one.first_good,
                _Told(f"{plan.name} is good again: it was dark {lasted(one)}", "good"),
                one.last,
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
            yield _seen(evidence, plan.name, int(looks.answered[place]), _Told(text, "info" if who else "bad"), place)
        before = who


def _seen(evidence: Evidence, probe: str, at: int, told: _Told, place: int) -> Moment:
    """Tell what a sample showed; the timeline's entry before it gives it its wall time."""
    before = [entry for entry in evidence.entries if entry.at <= at]
    entry = before[-1] if before else evidence.entries[0]
    return _moment(evidence, at, told, entry, f"sample:{probe}:{evidence.number(probe, place)}")


def _edges(values: Numbers) -> Mask:
    """Mark the places at which a value differs from the one before; the first one is marked."""
    edges: Mask = np.concatenate(([True], values[1:] != values[:-1]))
    return edges[: len(values)]


def _tell(entry: Entry, names: dict[str, str]) -> _Told | None:
    """Say in a sentence what an entry of the timeline means; None for what people need not read."""
    event = entry.what
    step = names.get(getattr(event, "step", ""), getattr(event, "step", ""))
    teller: Callable[[Any, str], _Told | None] | None = _TELLERS.get(type(event))
    return teller(event, step) if teller else None


def _started(event: RunStarted, _: str) -> _Told:
    return _Told(f"{event.user} starts the drill {event.drill.get('name', '')} in {event.environment}")


def _answered(event: GuardAnswered, _: str) -> _Told:
    if event.objection is not None:
        return _Told(f"{event.guard} refuses: {event.objection}", "bad")
    if event.unproven:
        return _Told(f"Nothing proves what this is, says the environment: {event.unproven}")
    return _Told(f"{event.guard} has no objection")


def _looking(event: ProberStarted, _: str) -> _Told:
    if event.samples.partition("-")[0] == LOAD:
        return _Told(f"The load {', '.join(event.probes)} begins")
    return _Told(f"Looking at {', '.join(event.probes)} begins")


def _warmed(event: WarmedUp, _: str) -> _Told:
    return _Told(f"{count(len(event.slow), 'probe')} good for the whole warm-up", "good")


def _unwell(event: NotHealthy | NotSteady, _: str) -> _Told:
    told = "; ".join(f"{probe}: {trouble}" for probe, trouble in event.probes.items())
    return _Told(f"{'Not healthy' if isinstance(event, NotHealthy) else 'Not steady again'}: {told}", "bad")


def _failed(event: ApplyFailed, step: str) -> _Told:
    words = {"refused": "is refused", "failed": "fails", "unknown": "may or may not be done", "late": "takes too long"}
    return _Told(f"{step} {words[event.how]}: {event.because}", "bad")


def _waited(event: WaitEnded, step: str) -> _Told:
    return _Told(f"{step}: {event.because}", "good" if event.met else "bad")


def _steady(event: SteadyAgain, _: str) -> _Told:
    after = f", {durations.show(event.after)} after the last undo" if event.after else ""
    return _Told(f"Every probe is good again and stays so{after}", "good")


def _fenced(event: Fenced, _: str) -> _Told:
    ended = ", ".join(event.processes) or "nothing was left of it"
    return _Told(f"The dead run is fenced: {ended}")


def _prober_ended(event: ProberEnded, _: str) -> _Told | None:
    return None if event.asked else _Told(f"A prober ended by itself: {event.because or 'it says not why'}", "bad")


def _asked_again(event: PlaceAsked, _: str) -> _Told | None:
    """Tell of a place only what somebody must know before trusting what was put back."""
    if event.differs:
        return _Told(f"Nothing is touched: {event.because}", "bad")
    if event.because:
        return _Told(f"Nobody here answers what this place is ({'; '.join(event.silent)}); {event.because}")
    return None


def _undoing(event: Undoing, step: str) -> _Told:
    by = "" if event.by == "runner" else f" by {event.by}"
    return _Told(f"Putting back: {step}{by}")


_TELLERS: Final[dict[type[Any], Callable[[Any, str], _Told | None]]] = {
    RunStarted: _started,
    GuardAnswered: _answered,
    ProberStarted: _looking,
    ProberEnded: _prober_ended,
    WarmedUp: _warmed,
    NotHealthy: _unwell,
    NotSteady: _unwell,
    Intended: lambda event, step: _Told(f"How to put back {step} ({event.kind}) is on disk"),
    Applying: lambda _, step: _Told(f"{step}: now"),
    Applied: lambda _, step: _Told(f"{step}: the call returned"),
    Happened: lambda event, step: _Told(f"{step}: {event.told}"),
    ApplyFailed: _failed,
    Confirmed: lambda event, step: _Told(f"{step} took effect: {event.because}", "good"),
    NotConfirmed: lambda event, step: _Told(f"{step} had no effect that could be seen: {event.because}", "bad"),
    EffectGone: lambda event, step: _Told(
        f"{step} is gone before it was put back: {event.because}" + (f"; {event.suspect}" if event.suspect else ""),
        "bad",
    ),
    EffectUntold: lambda event, step: _Told(f"{step}: nobody can tell whether it lasted: {event.because}", "bad"),
    WaitStarted: lambda event, step: _Told(f"{step}: waiting until {event.until}"),
    WaitEnded: _waited,
    PlaceAsked: _asked_again,
    Undoing: _undoing,
    Undone: lambda _, step: _Told(f"{step}: its undo returned"),
    UndoFailed: lambda event, step: _Told(f"{step} could not be put back: {event.because}", "bad"),
    UndoVerified: lambda event, step: _Told(f"{step} is put back: {event.because}", "good"),
    UndoNotVerified: lambda event, step: _Told(f"{step} was not seen put back: {event.because}", "bad"),
    LeftApplied: lambda event, step: _Told(f"{step} stays applied: {event.because}"),
    SteadyAgain: _steady,
    AbortAsked: lambda event, _: _Told(f"Ended early: {event.because}", "bad"),
    RunnerDied: lambda event, _: _Told(f"The runner {event.how}", "bad"),
    Fenced: _fenced,
    RunnerBroke: lambda event, _: _Told(f"The runner broke: {event.error}", "bad"),
    RunEnded: lambda event, _: _Told("The run is over" + ("" if event.by == "runner" else f", ended by {event.by}")),
}
