"""What a run is remembered by, for every page: the failover, the failback, and what became of writes."""

from dataclasses import dataclass
from typing import Final

from faildrill import durations
from faildrill.judging.result import Headline, Outage, ProbeFigures, Result, Writes
from faildrill.record.timeline import Json
from faildrill.reports import wording


@dataclass(frozen=True)
class Figure:
    """One measured outage, as it stands large on a page."""

    what: str
    """Of what: `failover`, `failback`, or what it is where nothing was done."""
    probe: str
    figure: str
    bounds: str
    limit: str
    least: float
    """Where on the gauge the proven part ends, in percent of its width."""
    most: float
    allowed: float | None
    """Where on the gauge the limit is, in percent."""


def failover(told: Headline, *, done: bool) -> Figure:
    """Return the outage that followed the fault; where nothing was done, the longest of the run."""
    return _figure("failover" if done else "outage", told.probe, told.outage, told)


def failback(told: Headline) -> Figure | None:
    """Return the outage of putting back; None where nothing was put back."""
    return _figure("failback", told.failback_probe, told.failback, told) if told.was_put_back else None


def lines(result: Result) -> list[tuple[str, str]]:
    """Return what the headline says as words beside their names: for a terminal, a review, a CI."""
    figures_of_run = result.headline
    if figures_of_run is None:
        return []
    done = any(step.started is not None and step.kind != "wait" for step in result.steps)
    figures = [
        figure for figure in (failover(figures_of_run, done=done), failback(figures_of_run)) if figure is not None
    ]
    rows = [(figure.what, _in_words(figure)) for figure in figures]
    return rows + [("writes", writes(write)) for write in figures_of_run.writes]


def sentence(told: Headline) -> str:
    """Say in one sentence what users went through when something was done."""
    return _in_words(failover(told, done=True))


def _in_words(one: Figure) -> str:
    limit = f" ({one.limit})" if one.limit else ""
    if one.figure in (_NONE, _UNKNOWN):
        return f"{one.probe}: no outage seen; {one.bounds}{limit}"
    return f"{one.probe} was dark {one.bounds}{limit}"


def writes(one: Writes) -> str:
    """Say what became of the writes of a ledger."""
    if not one.was_read:
        return f"{one.probe}: not known, as no node that takes writes was read back"
    text = f"{one.probe}: {one.lost:,} of {one.acknowledged:,} acknowledged writes lost, {one.duplicated:,} there twice"
    return f"{text}, {one.phantom:,} rejected and there" if one.phantom else text


_NONE: Final = "no outage"
_UNKNOWN: Final = "not known"
_SMALL: Final = 1.0
"""Seconds: where the drill sets no limit, an outage that could have hidden for longer is worth the large word."""


def _figure(what: str, probe: str, outage: Outage | None, told: Headline) -> Figure:
    allowed = told.failback_allowed if what == "failback" else told.allowed
    limit = "" if allowed is None else f"allowed: {durations.show(allowed)}"
    if outage is None:
        unproven = told.failback_unproven if what == "failback" else told.unproven
        if unproven > (_SMALL if allowed is None else allowed):  # then "no outage", said large, would be a claim
            hidden = f"one of up to {durations.show(unproven)} could have been missed"
            return Figure(what, probe, _UNKNOWN, hidden, limit, 0, 0, None)
        hidden = f"none longer than {durations.show(unproven)} could have been missed"
        return Figure(what, probe, _NONE, hidden if unproven else "none seen", limit, 0, 0, None)
    least = outage.length.at_least
    most = outage.length.at_most if outage.length.at_most is not None else max(least * 1.25, allowed or 0.0)
    scale = 100.0 / max(most * 1.02, (allowed or 0.0) * 1.1, 1e-6)
    return Figure(
        what=what,
        probe=probe,
        figure=wording.headline(outage.length),
        bounds=wording.bounds(outage.length),
        limit=limit,
        least=min(100.0, least * scale),
        most=min(100.0, most * scale),
        allowed=None if allowed is None else min(100.0, allowed * scale),
    )


def by_weight(result: Result, drill: dict[str, Json]) -> list[ProbeFigures]:
    """Return the probes in the order in which they matter: those with a limit, the drill's, the environment's."""
    limits = _limits(drill)
    own = {probe.get("name") for probe in _list(drill.get("probes")) if probe.get("by") != "environment"}
    return sorted(result.probes, key=lambda one: (one.probe not in limits, one.probe not in own))


def _limits(drill: dict[str, Json]) -> dict[str, float]:
    """Read what the drill allows from its `outage` expectations; what can't be read allows nothing and says nothing."""
    by_probe: dict[str, float] = {}
    for use in _list(drill.get("expect")):
        params = use.get("params")
        if use.get("kind") == "outage" and isinstance(params, dict):
            limit = durations.of_data(params.get("at_most"))
            if limit is not None:
                by_probe[str(params.get("of"))] = limit
    return by_probe


def _list(value: Json) -> list[dict[str, Json]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
