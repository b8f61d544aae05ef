"""The one figure that a run is remembered by: how long users were without service, against what is allowed."""

from dataclasses import dataclass
from typing import Final

from faildrill import durations
from faildrill.judging.result import Outage, ProbeFigures, Result
from faildrill.reports import wording
from faildrill.timeline import Json

_PROMISES: Final = ("errors", "latency", "error_budget", "flaps")
"""Expectations, besides `outage`, of what users notice."""


@dataclass(frozen=True)
class Headline:
    """The measured outage that matters most."""

    probe: str
    figure: str
    bounds: str
    limit: str
    least: float
    """Where on the gauge the proven part ends, in percent of its width."""
    most: float
    allowed: float | None
    """Where on the gauge the limit is, in percent."""


def headline(result: Result, drill: dict[str, Json]) -> Headline | None:
    """Return the longest outage of what stands for the users; None where nobody looked at that.

    That is what the drill promises an outage of at most, else what it promises anything else of that users notice,
    else its load; where it says nothing of users, what it looks at itself first.
    """
    limits = _limits(drill)
    named = _users(result, drill, limits)
    looked = [one for one in named if one.looks > one.skipped + one.broken]
    if not looked:
        return None
    outages = [one for figures in looked for one in figures.outages]
    if not outages:
        unproven = max(one.unproven for one in looked)
        seen = f"none longer than {durations.show(unproven)} could have been missed" if unproven else "none seen"
        return Headline(looked[0].probe, "no outage", seen, _limit(limits.get(looked[0].probe)), 0, 0, None)
    return _of(max(outages, key=_weight), limits)


def _users(result: Result, drill: dict[str, Json], limits: dict[str, float]) -> list[ProbeFigures]:
    own = [str(one.get("name")) for one in _list(drill.get("probes")) if one.get("by") != "environment"]
    load = [str(one.get("name")) for one in _list(drill.get("load"))]
    promised = [_of_whom(use) for use in _list(drill.get("expect")) if use.get("kind") in _PROMISES]
    choices: list[list[str]] = [list(limits), promised, load, own[:1]]
    for names in choices:
        found = [one for one in result.probes if one.probe in names]
        if found:
            return found
    return result.probes


def _of_whom(use: dict[str, Json]) -> str:
    params = use.get("params")
    return str(params.get("of")) if isinstance(params, dict) else ""


def _weight(outage: Outage) -> tuple[bool, float]:
    return outage.length.at_most is None, outage.length.at_least


def _of(outage: Outage, limits: dict[str, float]) -> Headline:
    allowed = limits.get(outage.probe)
    least = outage.length.at_least
    most = outage.length.at_most if outage.length.at_most is not None else max(least * 1.25, allowed or 0.0)
    scale = 100.0 / max(most * 1.02, (allowed or 0.0) * 1.1, 1e-6)
    return Headline(
        probe=outage.probe,
        figure=wording.headline(outage.length),
        bounds=wording.bounds(outage.length),
        limit=_limit(allowed),
        least=min(100.0, least * scale),
        most=min(100.0, most * scale),
        allowed=None if allowed is None else min(100.0, allowed * scale),
    )


def _limit(allowed: float | None) -> str:
    return "" if allowed is None else f"allowed: {durations.show(allowed)}"


def by_weight(result: Result, drill: dict[str, Json]) -> list[ProbeFigures]:
    """Return the probes in the order in which they matter: those with a limit, the drill's, the environment's."""
    limits = _limits(drill)
    own = {one.get("name") for one in _list(drill.get("probes")) if one.get("by") != "environment"}
    return sorted(result.probes, key=lambda one: (one.probe not in limits, one.probe not in own))


def _limits(drill: dict[str, Json]) -> dict[str, float]:
    """Read what the drill allows from its `outage` expectations; what can't be read allows nothing and says nothing."""
    found: dict[str, float] = {}
    for use in _list(drill.get("expect")):
        params = use.get("params")
        if use.get("kind") == "outage" and isinstance(params, dict):
            limit = _seconds(params.get("at_most"))
            if limit is not None:
                found[str(params.get("of"))] = limit
    return found


def _list(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _seconds(value: Json) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    try:
        return durations.parse(str(value))
    except ValueError:
        return None
