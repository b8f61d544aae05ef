"""What the runs of one drill say over time: whether its outages are longer than they were, as far as that is proven."""

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np

from faildrill import durations
from faildrill.history.comparability import CADENCE, WINDOW, differences
from faildrill.history.run_summary import RunSummary
from faildrill.judging.numbers.interval_test import Floats, adjusted, best_split

FEWEST: Final = 10
"""Comparable runs below which nothing is said of a trend."""
NOTICE: Final = 0.002
REGRESSION: Final = 0.0005
MATTERS: Final = 0.02
"""By how much of its length an outage must surely be longer to be a regression."""
_WORTH_PROVING: Final = 0.2
"""A slowdown that somebody would want to see: where the bounds are too wide for it, that is said."""
_ROUND: Final = (1.0, 2.0, 5.0)


class Level(enum.StrEnum):
    """What is said of a drill; `longer` alone gates a CI."""

    TOO_FEW = "too few"
    STEADY = "steady"
    SHORTER = "shorter"
    NOTICE = "notice"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Seam:
    """Where a series ends and another one begins."""

    run: RunSummary
    """The first run of the new one."""
    because: str


@dataclass(frozen=True)
class Trend:
    """What is said of one drill in one environment."""

    runs: list[RunSummary]
    """All of its runs, the oldest first."""
    comparable: list[RunSummary]
    """Those that were measured as the last one was, since the baseline."""
    level: Level
    chance: float = 1.0
    """How often chance alone makes outages as much longer."""
    since: RunSummary | None = None
    """The first run of those that are longer, or shorter."""
    surely: float = 0.0
    """By how much of its length an outage is longer at the least, as far as bounds prove it."""
    seams: list[Seam] = field(default_factory=list)
    because: str = ""
    advice: str = ""

    @property
    def name(self) -> str:
        """The drill, its way where it has one, and where it was run."""
        last = self.runs[-1]
        return f"{last.drill}{f' ({last.way})' if last.way else ''} in {last.environment}"


def weigh(runs: Sequence[RunSummary], *, join: bool = False) -> Trend:
    """Say what the runs of one drill in one environment prove, the oldest first; one run at the least.

    Only runs that were measured under the conditions of the last one are compared, from the last baseline on; with
    `join` all are, and what they differ in is told.
    """
    measured = [run for run in runs if not run.unmeasured]
    seams = _seams(measured)
    comparable = _comparable(measured, join=join)
    too_few = Trend(list(runs), comparable, Level.TOO_FEW, seams=seams, advice=_resolution(comparable))
    if len(comparable) < FEWEST:
        return replace(too_few, because=_too_few(too_few))
    return _said(too_few, *_found(comparable))


def together(trends: Sequence[Trend]) -> list[Trend]:
    """Weigh what was said of several drills of one night again: the more are looked at, the rarer chance must be."""
    tested = [trend for trend in trends if trend.level is not Level.TOO_FEW]
    chances = dict(zip(map(id, tested), adjusted([change.chance for change in tested]), strict=True))
    return [
        _said(trend, trend.since, chances[id(trend)]) if trend.level in (Level.NOTICE, Level.REGRESSION) else trend
        for trend in trends
    ]


def _comparable(measured: list[RunSummary], *, join: bool) -> list[RunSummary]:
    starts = [number for number, run in enumerate(measured) if run.baseline is not None]
    since = measured[starts[-1] :] if starts else measured
    return since if join else [run for run in since if run.conditions == since[-1].conditions]


def _seams(measured: list[RunSummary]) -> list[Seam]:
    seams = []
    for former, later in pairwise(measured):
        changed = differences(former.conditions, later.conditions)
        if later.baseline is not None:
            changed.append(f"a new baseline, says {later.baseline.by}: {later.baseline.because}")
        if changed:
            seams.append(Seam(later, "; ".join(changed)))
    return seams


def bounds(runs: Sequence[RunSummary]) -> tuple[Floats, Floats]:
    """Return at least and at most of each outage: (n,) float seconds, infinite where no end was seen."""
    at_most = [math.inf if run.at_most is None else run.at_most for run in runs]
    return np.array([run.at_least for run in runs], float), np.array(at_most, float)


def _found(comparable: list[RunSummary]) -> tuple[RunSummary | None, float]:
    """Return since when outages are longer, and by what chance; None where an earlier window does not tell so either.

    What became longer before the window, and is so still, is no new usual: nobody has explained it.
    """
    window = comparable[-WINDOW:]
    since, chance = _split(window)
    if chance <= NOTICE:
        return since, chance
    half = WINDOW // 2
    for end in range(len(comparable) - half, half, -half):
        earlier, then = _split(comparable[max(0, end - WINDOW) : end])
        if earlier is None or then > REGRESSION:
            continue
        start = comparable.index(earlier)
        still, now = _split([*comparable[max(0, start - half) : start], *comparable[-half:]])
        if still is not None and now <= NOTICE:
            return earlier, then
    return None, chance


def _split(window: list[RunSummary]) -> tuple[RunSummary | None, float]:
    split = best_split(*bounds(window), [measured.run for measured in window])
    return (window[split.before] if split.before < len(window) else None), split.p


def surely_longer(before: Sequence[RunSummary], after: Sequence[RunSummary]) -> float:
    """Return by how much of its length the middle outage is longer at the least; below 0 where nothing proves it."""
    most = float(np.median(bounds(before)[1]))
    least = float(np.median(bounds(after)[0]))
    return least / most - 1.0 if 0 < most < math.inf else -1.0 if most else math.inf if least > 0 else 0.0


def _said(told: Trend, since: RunSummary | None, chance: float) -> Trend:
    if since is None or chance > NOTICE:
        return _steady(replace(told, level=Level.STEADY, chance=chance, since=None))
    start = told.comparable.index(since)
    before, after = told.comparable[max(0, start - WINDOW) : start], told.comparable[start:]
    surely = surely_longer(before, after[-WINDOW:])
    level = Level.REGRESSION if chance <= REGRESSION and surely > MATTERS else Level.NOTICE
    because = (
        f"outages are longer since {since.run} of {since.day}: {_usual(before)} before, {_usual(after)} since, "
        f"{_proven(surely)} (p {chance:.2g}, {len(before)} runs and {len(after)})"
    )
    return replace(told, level=level, chance=chance, since=since, surely=surely, because=because)


def _proven(surely: float) -> str:
    if surely <= 0:
        return "by how much the bounds don't prove"
    return f"surely by {surely:.1%} or more" if surely < math.inf else "where none was seen before"


def _steady(told: Trend) -> Trend:
    """Tell of runs that did not become longer; whether they became shorter is asked only then."""
    window = told.comparable[-WINDOW:]
    at_least, at_most = bounds(window)
    split = best_split(-at_most, -at_least, [measured.run for measured in window])
    if split.p <= NOTICE and split.before < len(window):
        before, after = window[: split.before], window[split.before :]
        because = f"outages are shorter since {after[0].run}: {_usual(before)} before, {_usual(after)} since"
        return replace(told, level=Level.SHORTER, since=after[0], because=f"{because} (p {split.p:.2g})")
    because = f"nothing proves that outages became longer: {_usual(window)} over {len(window)} runs"
    return replace(told, because=f"{because} (p {told.chance:.2g})")


def _usual(runs: Sequence[RunSummary]) -> str:
    """Say what is proven of the middle outage."""
    at_least, at_most = bounds(runs)
    least, most = float(np.median(at_least)), float(np.median(at_most))
    return f"[{durations.show(least)}, {durations.show(most) if most < math.inf else 'no end seen'}]"


def _too_few(told: Trend) -> str:
    number = len(told.comparable)
    because = f"too few: {number} comparable run{'' if number == 1 else 's'}, {FEWEST} are needed"
    if told.seams and told.comparable:
        because += f"; since {told.seams[-1].run.run} {told.seams[-1].because}"
    unmeasured = len([run for run in told.runs if run.unmeasured])
    return because + (f"; {unmeasured} more measured no outage" if unmeasured else "")


def _resolution(comparable: list[RunSummary]) -> str:
    """Say what slowdown the bounds are too wide to prove, and how often to look to prove it; empty where none is."""
    at_least, at_most = bounds([run for run in comparable if run.at_most is not None])
    if not len(at_least):
        return ""
    matters = _WORTH_PROVING * float(np.median((at_least + at_most) / 2))
    if not matters or float(np.median(at_most - at_least)) <= matters:
        return ""
    every = comparable[-1].conditions.get(CADENCE, "so seldom")
    often = durations.show(_round(matters / 4))
    return f"a slowdown of {durations.show(matters)} can't be proven with a probe every {every}; look every {often}"


def _round(duration: float) -> float:
    """Return the next round length below: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(duration))
    return max(power * factor for factor in _ROUND if power * factor <= duration * (1 + 1e-9))
