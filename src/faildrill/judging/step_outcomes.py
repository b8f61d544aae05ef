"""Each step as it went: what was done, whether it was seen, and how it was put back."""

from typing import Final, Literal, NamedTuple

import msgspec

from faildrill.judging.effect_span import in_effect
from faildrill.judging.evidence import Evidence
from faildrill.judging.noticed_steps import lacking, noticed
from faildrill.judging.noticed_undos import NoticedUndo, noticed_undos
from faildrill.judging.result import StepFigures
from faildrill.model.drill import Step, Wait
from faildrill.record.timeline import (
    AnyEvent,
    Applied,
    ApplyFailed,
    Applying,
    Confirmed,
    Entry,
    Intended,
    LeftApplied,
    NotConfirmed,
    SteadyAgain,
    UndoFailed,
    Undoing,
    UndoNotVerified,
    UndoVerified,
    WaitEnded,
    WaitStarted,
)

Outcome = Literal["done", "refused", "failed", "unknown", "not confirmed", "not reached", "met", "not met", "not asked"]
Undo = Literal["verified", "not witnessed", "not verified", "failed", "left", "not needed", ""]
_CURE: Final = (
    "let the effect last longer or look more often, by a probe whose answers name who gave them or that goes where "
    "users would notice"
)
UNDO_ENDS: Final = (UndoVerified, UndoNotVerified, UndoFailed, LeftApplied)


def figures(evidence: Evidence) -> list[StepFigures]:
    """Tell of every step and wait of the drill how it went."""
    by_step: dict[str, list[Entry]] = {step.id: [] for step in evidence.steps}
    for entry in evidence.entries:
        step = getattr(entry.what, "step", None)
        if step in by_step:
            by_step[step].append(entry)
    backs = {undo.step: undo for undo in noticed_undos(evidence)}
    outcomes = [
        _wait(evidence, step, by_step[step.id]) if isinstance(step, Wait) else _step(evidence, step, by_step[step.id])
        for step in evidence.steps
    ]
    return [
        _seen_back(evidence, outcome, backs[outcome.id]) if outcome.id in backs else outcome for outcome in outcomes
    ]


def _wait(evidence: Evidence, step: Wait, entries: list[Entry]) -> StepFigures:
    started = _last(entries, WaitStarted)
    ended = _last(entries, WaitEnded)
    outcome: Outcome = "not reached"
    because = "the run ended before it" if started is None else "cut short: the run ended while it waited"
    if ended is not None and isinstance(ended.what, WaitEnded):
        outcome = "met" if ended.what.met else "not met" if ended.what.asked else "not asked"
        because = ended.what.because
    return StepFigures(
        id=step.id,
        name=step.name,
        kind="wait",
        started=_at(evidence, started),
        ended=_at(evidence, ended),
        outcome=outcome,
        because=because,
    )


def _step(evidence: Evidence, step: Step, entries: list[Entry]) -> StepFigures:
    outcome, because, ended = _noticed_by_others(evidence, step.id, _outcome(entries))
    undo, undo_because, undo_ended = _undo(entries, outcome)
    left = _last(entries, LeftApplied)
    effect = in_effect(step.id, evidence.entries)
    return StepFigures(
        id=step.id,
        name=step.name,
        kind=step.use.kind,
        started=_at(evidence, _begun(evidence, entries)),
        ended=_at(evidence, ended),
        outcome=outcome,
        because=because,
        in_effect=effect.length,
        in_effect_how=effect.how,
        in_effect_because=effect.because,
        undo=undo,
        undo_because=undo_because,
        undo_started=_at(evidence, _last(entries, Undoing)),
        undo_ended=_at(evidence, undo_ended),
        left_by=left.what.by if left is not None and isinstance(left.what, LeftApplied) else "",
    )


def _seen_back(evidence: Evidence, step: StepFigures, back: NoticedUndo) -> StepFigures:
    """Ask the probes of the drill where only the one who was asked says that it was put back."""
    undo: Undo = "verified"
    because = back.seen_by
    if back.against:
        undo, because = "not verified", f"{back.word_of} says so, and probes say that it is not: {back.against}"
    elif not back.seen_by:
        why = back.why or "no probe that asks somebody else noticed its end, and none says that it is not so"
        undo, because = "not witnessed", f"only the one who was asked ({back.word_of}) says so: {why}"
    if undo == "not verified" and evidence.last(SteadyAgain) is None:
        undo = "not witnessed"  # nobody looked for as long as traffic takes to settle
    return msgspec.structs.replace(step, undo=undo, undo_because=f"{step.undo_because}; {because}")


def _begun(evidence: Evidence, entries: list[Entry]) -> Entry | None:
    applying = _last(entries, Applying)
    return evidence.dated(applying) if applying is not None else _last(entries, Intended)


class _Ended(NamedTuple):
    """How an action ended, why, and with which entry."""

    outcome: Outcome
    because: str
    entry: Entry | None


def _outcome(entries: list[Entry]) -> _Ended:
    """How the action went: only an effect that was seen counts as done, and no failure does."""
    failed = _last(entries, ApplyFailed)
    if failed is not None and isinstance(failed.what, ApplyFailed):
        return _failed(entries, failed, failed.what)
    if (unseen := _last(entries, NotConfirmed)) is not None:
        return _Ended("not confirmed", _because(unseen), unseen)
    if (confirmed := _last(entries, Confirmed)) is not None:
        return _Ended("done", _because(confirmed), confirmed)
    if (applied := _last(entries, Applied)) is not None:
        return _Ended("not confirmed", "the run ended before its effect was seen", applied)
    if (begun := _last(entries, Applying) or _last(entries, Intended)) is not None:
        return _Ended("unknown", "the run ended before its call returned", begun)
    return _Ended("not reached", "the run ended before it", None)


def _noticed_by_others(evidence: Evidence, step: str, ended: _Ended) -> _Ended:
    """Ask the probes of the drill where only the one who was asked says that it was done."""
    word_of = next((confirmed.word_of for _, confirmed in evidence.events(Confirmed) if confirmed.step == step), "")
    if ended.outcome != "done" or not word_of:
        return ended
    noticed_how = noticed(evidence, step)
    if noticed_how:
        return ended._replace(because=f"{ended.because}; {noticed_how}")
    alone = f"only the one who was asked ({word_of}) says so, and no probe that asks somebody else noticed it"
    short = f"; {lack}" if (lack := lacking(evidence, step)) else ""
    return ended._replace(outcome="not confirmed", because=f"{ended.because}; {alone}{short}; {_CURE}")


def _failed(entries: list[Entry], failed: Entry, what: ApplyFailed) -> _Ended:
    """How an action went whose call did not return well: an open outcome is settled by what was seen."""
    if what.how in ("refused", "failed"):
        return _Ended("refused" if what.how == "refused" else "failed", what.because, failed)
    if (confirmed := _last(entries, Confirmed)) is not None:
        return _Ended("done", f"{_because(confirmed)} (the call left it open: {what.because})", confirmed)
    if (unseen := _last(entries, NotConfirmed)) is not None:
        return _Ended("unknown", f"{what.because}; {_because(unseen)}", unseen)
    return _Ended("unknown", what.because, failed)


class _UndoState(NamedTuple):
    """How a step was put back, why, and with which entry."""

    undo: Undo
    because: str
    entry: Entry | None


def _undo(entries: list[Entry], outcome: Outcome) -> _UndoState:
    """How it was put back: what was not seen put back is not put back."""
    if _last(entries, Intended) is None:
        return _UndoState("", "", None)
    end = next((entry for entry in reversed(entries) if isinstance(entry.what, UNDO_ENDS)), None)
    begun = _last(entries, Undoing)
    if begun is not None and (end is None or begun.n > end.n):
        return _UndoState("not verified", "its undo began and nobody saw how it ended", None)
    if end is None:
        if outcome == "refused":
            return _UndoState("not needed", "it was refused before it changed anything", None)
        return _UndoState("not verified", "nothing was put back", None)
    if isinstance(end.what, UndoNotVerified):
        return _UndoState("not verified", _undo_trouble(entries, end), end)
    ends: dict[type[AnyEvent], Undo] = {UndoVerified: "verified", LeftApplied: "left", UndoFailed: "failed"}
    return _UndoState(ends[type(end.what)], _because(end), end)


def _undo_trouble(entries: list[Entry], end: Entry) -> str:
    failed = _last(entries, UndoFailed)
    because = _because(end)
    return f"{because} (the undo failed: {_because(failed)})" if failed is not None else because


def _last(entries: list[Entry], kind: type[AnyEvent]) -> Entry | None:
    return next((entry for entry in reversed(entries) if isinstance(entry.what, kind)), None)


def _because(entry: Entry) -> str:
    return str(getattr(entry.what, "because", ""))


def _at(evidence: Evidence, entry: Entry | None) -> float | None:
    return None if entry is None else evidence.since_start(entry.at)
