"""What the probes of a recorded run said about the primary, at a moment of it: the warrant, offline."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.errors import WrongUsage
from faildrill.judging.evidence import Evidence, gather
from faildrill.kinds import names, trait
from faildrill.ports.witness import HANDS_OVER, HEARD_AS, Says, Testimony, View
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns
from faildrill.record.timeline import Applying, Undoing

WINDOW: Final = 5.0
"""Seconds of looks before the moment that are heard."""
SLOW: Final = 0.5
"""Seconds from which an answer of the database is a slow one."""
_STANDBYS: Final = ("streaming", "in recovery")
"""What is said of a node that answers, and is no primary."""
_WRITERS: Final[tuple[View, ...]] = ("primary", "manager")
"""Views that tell who takes writes."""


class _Looks(NamedTuple):
    """The looks of one probe in the window: the last one, and how long the good ones took."""

    outcome: Outcome
    who: str
    detail: str
    took: float


def recorded(run: Path, at: float | None = None) -> tuple[float, list[Testimony]]:
    """Return the moment, in seconds since the run's start, and what was said in the seconds before it.

    Without `at`: just before the first step that gave the database another primary, or before the first look that saw
    another one than before, or else before anything was put back. Raises WrongUsage when the folder holds no run, or
    when there are no looks then.
    """
    evidence = gather(run)
    moment = evidence.entries[0].at + nanoseconds(at) if at is not None else _moment(evidence)
    testimonies = [
        _SAID[view](_signal(view, plan.use.kind), name, looks)
        for name, plan in evidence.plans.items()
        if (view := trait(plan.use.kind, "probe", HEARD_AS)) in _SAID
        and (looks := _looks(evidence.looks(name), moment)) is not None
    ]
    if not testimonies:
        what = ", ".join(name for name in names("probe") if trait(name, "probe", HEARD_AS))
        raise WrongUsage(
            f"{run}: no probe that could tell looked in the {WINDOW:g} s before then; what can tell is {what}"
        )
    return evidence.since_start(moment), testimonies


def _signal(view: View, kind: str) -> str:
    """Return as whom people hear a view: nodes have managers of several sorts, whose worlds have their names."""
    return kind.partition(".")[0] if view == "manager" else view


def _moment(evidence: Evidence) -> int:
    steps = {step.id for step in evidence.actions if trait(step.use.kind, "action", HANDS_OVER)}
    handovers = [entry.at for entry, event in evidence.events(Applying) if event.step in steps]
    moved = [at for name, plan in evidence.plans.items() for at in _moved(evidence, name, plan.use.kind)]
    undone = [entry.at for entry, _ in evidence.events(Undoing)]
    return min([*handovers, *moved] or undone or [evidence.until])


def _moved(evidence: Evidence, name: str, kind: str) -> list[int]:
    """Return when the first look was sent that saw another primary than those before it."""
    if trait(kind, "probe", HEARD_AS) not in _WRITERS:
        return []
    looks = evidence.looks(name)
    looks = looks.where(looks.is_good)
    if not len(looks):
        return []
    return [int(at) for at in looks.sent[looks.who != looks.who[0]][:1]]


def _looks(columns: Columns, moment: int) -> _Looks | None:
    """Return the last look that was answered by the moment; None where there is none in the window."""
    here = columns.between(moment - nanoseconds(WINDOW), moment)
    here = here.where(here.is_look & (here.answered <= moment))
    if not len(here):
        return None
    good = here.where(here.is_good)
    took = seconds(int(np.median(good.answered - good.sent))) if len(good) else 0.0
    last = len(here) - 1
    return _Looks(Outcome(int(here.outcome[last])), here.names[here.who[last]], here.names[here.detail[last]], took)


def _writer(signal: str, name: str, looks: _Looks) -> Testimony:
    """Return what a probe says that asks the nodes themselves who takes writes."""
    if looks.who:
        return Testimony(signal, Says.ALIVE, f"{name}: {looks.who} takes writes {looks.detail}".strip())
    is_proof = looks.outcome is Outcome.WRONG and _proves(looks.detail)
    return Testimony(signal, Says.DEAD if is_proof else Says.NOTHING, f"{name}: {_seen(looks)}")


def _proves(detail: str) -> bool:
    """Tell whether what nodes said is a death: the lead is free, or whoever could be the primary refuses."""
    possible = [node for node in detail.split("; ") if node != "no writer" and not node.endswith(_STANDBYS)]
    return "unlocked" in detail or (bool(possible) and all(node.endswith("refused") for node in possible))


def _standbys(signal: str, name: str, looks: _Looks) -> Testimony:
    if looks.outcome is Outcome.OK:
        return Testimony(signal, Says.ALIVE, f"{name}: every standby streams from {looks.who}")
    lost = "not streaming" in looks.detail
    return Testimony(signal, Says.DEAD if lost else Says.NOTHING, f"{name}: {_seen(looks)}")


def _front(signal: str, name: str, looks: _Looks) -> Testimony:
    says = {Outcome.OK: Says.CLEAR, Outcome.WRONG: Says.ELSEWHERE}.get(looks.outcome, Says.NOTHING)
    return Testimony(signal, says, f"{name}: {_seen(looks)}")


def _users(signal: str, name: str, looks: _Looks) -> Testimony:
    if looks.outcome is not Outcome.OK:
        return Testimony(signal, Says.NOTHING, f"{name}: {_seen(looks)}, by the path that users take")
    speed = f"{name}: statements take {durations.show(looks.took)} by the path that users take"
    return Testimony(signal, Says.SLOW if looks.took > SLOW else Says.ALIVE, speed)


def _seen(looks: _Looks) -> str:
    outcome = looks.outcome.in_words()
    return looks.detail or (f"{looks.who} {outcome}" if looks.who else outcome)


_SAID: Final[dict[View, Callable[[str, str, _Looks], Testimony]]] = {
    "primary": _writer,
    "manager": _writer,
    "standby": _standbys,
    "load balancer": _front,
    "application": _users,
}
"""How what probes of each view saw is to be understood."""
