"""Each event of the timeline as a sentence for people: the report tells them, and so does a run while it goes on."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from faildrill import durations
from faildrill.judging.expectations.answers_to_findings import count
from faildrill.judging.result import Level
from faildrill.record import timeline as tl
from faildrill.record.samples import LOAD


class Sentence(NamedTuple):
    """What an event means, on one line, and whether that is good news."""

    text: str
    level: Level = "info"


def sentence(event: tl.AnyEvent, step: str = "") -> Sentence | None:
    """Say what an event means, its step called `step`; None for events that people need not read."""
    wording = _SENTENCES.get(type(event))
    return wording(event, step or getattr(event, "step", "")) if wording else None


def _started(event: tl.RunStarted, _: str) -> Sentence:
    way = event.drill.get("way")
    taken = f" ({way.get('name', '?')})" if isinstance(way, dict) else ""
    return Sentence(f"{event.user} starts the drill {event.drill.get('name', '?')}{taken} in {event.environment}")


def _guard(event: tl.GuardAnswered, _: str) -> Sentence:
    if event.objection is not None:
        return Sentence(f"{event.guard} refuses: {event.objection}", "bad")
    if event.unproven:
        return Sentence(f"Nothing proves what this is, says the environment: {event.unproven}")
    return Sentence(f"{event.guard} has no objection")


def _prober(event: tl.ProberStarted, _: str) -> Sentence:
    probes = ", ".join(event.probes)
    # A later prober of the load is called `load-2`.
    is_load = event.samples.partition("-")[0] == LOAD
    return Sentence(f"The load {probes} begins" if is_load else f"Looking at {probes} begins")


def _prober_ended(event: tl.ProberEnded, _: str) -> Sentence | None:
    return None if event.asked else Sentence(f"A prober ended by itself: {event.because or 'no reason known'}", "bad")


def _by_probe(probes: dict[str, str]) -> str:
    return "; ".join(f"{probe}: {trouble}" for probe, trouble in probes.items())


def _apply_failed(event: tl.ApplyFailed, step: str) -> Sentence:
    how = {"refused": "is refused", "failed": "fails", "unknown": "may or may not be done", "late": "takes too long"}
    return Sentence(f"{step} {how[event.how]}: {event.because}", "bad")


def _effect_gone(event: tl.EffectGone, step: str) -> Sentence:
    suspect = f"; {event.suspect}" if event.suspect else ""
    return Sentence(f"{step}: its effect was gone before it was put back: {event.because}{suspect}", "bad")


def _place(event: tl.PlaceAsked, _: str) -> Sentence | None:
    """Tell only what somebody must know before trusting what was put back."""
    if event.differs:
        return Sentence(event.because or f"Nothing is touched: {'; '.join(event.differs)}", "bad")
    if event.because:
        return Sentence(f"Nobody here answers what this place is ({'; '.join(event.silent)}); {event.because}")
    return None


def _left(event: tl.LeftApplied, step: str) -> Sentence:
    # A drill that declares it has nothing to hide; a person who typed it has left a fault on.
    return Sentence(f"{step} stays applied: {event.because}", "info" if event.by == "drill" else "bad")


def _steady(event: tl.SteadyAgain, _: str) -> Sentence:
    after = f", {durations.show(event.after)} after the last undo" if event.after else ""
    return Sentence(f"Every probe is good again and stays so{after}", "good")


def _not_steady(event: tl.NotSteady, _: str) -> Sentence:
    # It is 0 where the probes could not be watched at all.
    after = f" after {durations.show(event.waited)}" if event.waited else ""
    return Sentence(f"Not steady again{after}: {_by_probe(event.probes)}", "bad")


def _fenced(event: tl.Fenced, _: str) -> Sentence:
    ended = f"Processes of the run were ended: {', '.join(event.processes)}" if event.processes else ""
    if event.left:
        still = f"Processes of the run could not be ended and may still act: {', '.join(event.left)}"
        return Sentence(f"{still}. {ended}".removesuffix(". "), "bad")
    return Sentence(ended or "Nothing of the run was running any more")


def _by(event: tl.Undoing | tl.RunEnded, prefix: str) -> str:
    """Say who did it, where it was not the runner, as it should be."""
    return "" if event.by == "runner" else f", {prefix}by {event.by}"


_SENTENCES: Final[dict[type, Callable[[Any, str], Sentence | None]]] = {
    tl.RunStarted: _started,
    tl.PhaseStarted: lambda event, _: Sentence(event.phase),
    tl.GuardAnswered: _guard,
    tl.ProberStarted: _prober,
    tl.ProberEnded: _prober_ended,
    tl.WarmedUp: lambda event, _: Sentence(f"{count(len(event.slow), 'probe')} good for the whole warm-up", "good"),
    tl.NotHealthy: lambda event, _: Sentence(f"Not healthy, nothing was touched: {_by_probe(event.probes)}", "bad"),
    tl.Intended: lambda event, step: Sentence(f"How to put back {step} ({event.kind}) is on disk"),
    tl.Applying: lambda _, step: Sentence(f"{step}: applying"),
    tl.Applied: lambda _, step: Sentence(f"{step}: the call returned"),
    tl.Happened: lambda event, step: Sentence(f"{step}: {event.told}"),
    tl.ApplyFailed: _apply_failed,
    tl.Confirmed: lambda event, step: Sentence(f"{step} took effect: {event.because}", "good"),
    tl.NotConfirmed: lambda event, step: Sentence(f"{step} had no effect that could be seen: {event.because}", "bad"),
    tl.EffectGone: _effect_gone,
    tl.EffectUntold: lambda event, step: Sentence(
        f"{step}: nobody can tell whether its effect lasted: {event.because}", "bad"
    ),
    tl.WaitStarted: lambda event, step: Sentence(
        f"{step}: waiting until {event.until}, {durations.show(event.within)} at most"
    ),
    tl.WaitEnded: lambda event, step: Sentence(f"{step}: {event.because}", "good" if event.met else "bad"),
    tl.PlaceAsked: _place,
    tl.Undoing: lambda event, step: Sentence(f"Putting back: {step}{_by(event, '')}"),
    tl.Undone: lambda _, step: Sentence(f"{step}: its undo returned, now looking whether it holds"),
    tl.UndoFailed: lambda event, step: Sentence(f"{step} could not be put back: {event.because}", "bad"),
    tl.UndoVerified: lambda event, step: Sentence(f"{step} is put back: {event.because}", "good"),
    tl.UndoNotVerified: lambda event, step: Sentence(f"{step} was not seen put back: {event.because}", "bad"),
    tl.LeftApplied: _left,
    tl.SteadyAgain: _steady,
    tl.NotSteady: _not_steady,
    tl.AbortAsked: lambda event, _: Sentence(f"Ended early: {event.because}", "bad"),
    tl.RunnerDied: lambda event, _: Sentence(f"The runner {event.how}", "bad"),
    tl.Fenced: _fenced,
    tl.RunnerBroke: lambda event, _: Sentence(f"The runner broke: {event.error}", "bad"),
    tl.Settled: lambda event, _: Sentence(f"Settled by {event.by}, not seen put back: {event.because}"),
    tl.RunEnded: lambda event, _: Sentence(f"The run is over{_by(event, 'ended ')}"),
}
