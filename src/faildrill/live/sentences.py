"""Events as sentences, for those who watch a run."""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from faildrill import durations
from faildrill.record import timeline as tl

Level = Literal["info", "good", "bad"]


class Told(NamedTuple):
    """A sentence about an event."""

    level: Level
    text: str


def _pairs(seen: dict[str, str]) -> str:
    return "; ".join(f"{name}: {what}" for name, what in seen.items())


def _named(drill: dict[str, Any]) -> str:
    """Return the name of a drill, and of the way that is taken."""
    way = drill.get("way")
    taken = f" ({way.get('name', '?')})" if isinstance(way, dict) else ""
    return f"{drill.get('name', '?')}{taken}"


_INFO: Final[dict[type, Callable[[Any], str]]] = {
    tl.RunStarted: lambda one: f"run {one.run}: {_named(one.drill)} in {one.environment}",
    tl.PhaseStarted: lambda one: one.phase,
    tl.Applying: lambda one: f"{one.step}: applying",
    tl.WaitStarted: lambda one: f"{one.step}: waiting until {one.until}, {durations.show(one.within)} at most",
    tl.Undoing: lambda one: f"{one.step}: putting back, by the {one.by}",
    tl.Undone: lambda one: f"{one.step}: undo returned, looking whether it holds",
    tl.Fenced: lambda one: f"fenced: {len(one.processes)} processes of the dead run ended",
    tl.Settled: lambda one: f"settled by {one.by}, not seen put back: {one.because}",
    tl.RunEnded: lambda one: f"the run ended, by the {one.by}",
}
_GOOD: Final[dict[type, Callable[[Any], str]]] = {
    tl.WarmedUp: lambda one: f"all {len(one.slow)} probes are healthy",
    tl.Confirmed: lambda one: f"{one.step}: took effect: {one.because}",
    tl.UndoVerified: lambda one: f"{one.step}: put back: {one.because}",
    tl.SteadyAgain: lambda one: f"steady again, {durations.show(one.after)} after the last undo",
}
_BAD: Final[dict[type, Callable[[Any], str]]] = {
    tl.NotHealthy: lambda one: f"not healthy, nothing was touched: {_pairs(one.probes)}",
    tl.ApplyFailed: lambda one: f"{one.step}: {one.how}: {one.because}",
    tl.NotConfirmed: lambda one: f"{one.step}: no effect seen: {one.because}",
    tl.EffectGone: lambda one: f"{one.step}: gone before it was put back: {one.because}; {one.suspect}".removesuffix(
        "; "
    ),
    tl.EffectUntold: lambda one: f"{one.step}: nobody can tell whether it lasted: {one.because}",
    tl.UndoFailed: lambda one: f"{one.step}: the undo failed: {one.because}",
    tl.UndoNotVerified: lambda one: f"{one.step}: NOT seen put back: {one.because}",
    tl.LeftApplied: lambda one: f"{one.step}: left as it is, as the {one.by} said: {one.because}",
    tl.NotSteady: lambda one: f"not steady after {durations.show(one.waited)}: {_pairs(one.probes)}",
    tl.AbortAsked: lambda one: f"aborting, asked by a {one.by}: {one.because}",
    tl.RunnerDied: lambda one: f"the runner died: {one.how}",
    tl.RunnerBroke: lambda one: f"the runner broke: {one.error}",
}


def told(event: tl.AnyEvent) -> Told | None:
    """Say what an event means, on one line; None for those that a watcher need not read."""
    for level, sentences in _LEVELS:
        if type(event) in sentences:
            return Told(level, sentences[type(event)](event))
    return _depends(event)


_LEVELS: Final[tuple[tuple[Level, dict[type, Callable[[Any], str]]], ...]] = (
    ("info", _INFO),
    ("good", _GOOD),
    ("bad", _BAD),
)


def _depends(event: tl.AnyEvent) -> Told | None:
    """Say what is good or bad by what it holds."""
    if isinstance(event, tl.GuardAnswered) and event.objection is not None:
        return Told("bad", f"{event.guard} objects: {event.objection}")
    if isinstance(event, tl.GuardAnswered) and event.unproven:
        return Told("info", f"nothing proves what this is, says the environment: {event.unproven}")
    if isinstance(event, tl.PlaceAsked) and event.because:
        return Told("bad" if event.differs else "info", event.because)
    if isinstance(event, tl.WaitEnded):
        level: Level = "good" if event.met else "bad"
        return Told(level, f"{event.step}: {'met' if event.met else 'ran out'}: {event.because}")
    if isinstance(event, tl.ProberEnded) and not event.asked:
        return Told("bad", f"a prober ended by itself: {event.because or 'no reason known'}")
    return None
