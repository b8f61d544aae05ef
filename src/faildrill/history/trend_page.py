"""The page of a trend: one offline file, with a picture of what is proven of each outage and where series begin."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from markupsafe import Markup

from faildrill import __version__, durations
from faildrill.history.run_comparison import length
from faildrill.history.run_summary import RunSummary
from faildrill.history.trend import Level, Trend
from faildrill.reports import wording
from faildrill.reports.html import svg
from faildrill.reports.html.page import STYLE, templates

_WIDTH: Final = 1120.0
_LEFT: Final = 74.0
_RIGHT: Final = 1100.0
_TOP: Final = 26.0
_BOTTOM: Final = 286.0
_HEIGHT: Final = 320.0
_MOST_DRAWN: Final = 1_000
_MOST_TRENDS: Final = 40
_TEXT: Final = 600
_TICKS: Final = 5
_USUAL_FROM: Final = 95
"""The percentile of what was at most that the axis must reach; single ones above it are cut, with an arrow."""


def render(trends: Sequence[Trend]) -> str:
    """Return the page of some trends; what is worth looking at comes first, and the same trends give the same page."""
    order = list(Level)[::-1]
    shown = sorted(trends, key=lambda one: order.index(one.level))[:_MOST_TRENDS]
    drawn = [(trend, draw(trend)) for trend in shown]
    return templates(_TEXT).get_template("trend.html.j2").render(trends=drawn, style=STYLE, version=__version__)


def draw(trend: Trend) -> Markup:
    """Draw the outages of a trend over time, the last thousand."""
    runs = [run for run in trend.runs if not run.unmeasured][-_MOST_DRAWN:]
    name = f"The outages of {trend.name} over time"
    if not runs:
        return svg.picture((_WIDTH, 40.0), name, trend.because, svg.label("no outage was measured", _LEFT, 24))
    axes = _Axes(runs)
    since = trend.since.started if trend.since and trend.level in (Level.NOTICE, Level.REGRESSION) else None
    compared = {run.folder for run in trend.comparable}
    bars = [_bar(run, axes, _style(run, since, is_compared=run.folder in compared)) for run in runs]
    seams = [_seam(seam.run, seam.because, axes) for seam in trend.seams if seam.run in runs]
    words = f"{trend.level.value}: {trend.because}"
    return svg.picture((_WIDTH, _HEIGHT), name, words, *axes.grid(), *seams, *bars)


class _Axes:
    """From moments and lengths to pixels."""

    def __init__(self, runs: Sequence[RunSummary]) -> None:
        self._start, self._end = _second(runs[0]), _second(runs[-1])
        ends = [run.at_least if run.at_most is None else run.at_most for run in runs]
        self.longest = max(float(np.percentile(ends, _USUAL_FROM)) * 1.25, 1e-3)
        self._one_day = self._end - self._start < 1.0

    def x(self, run: RunSummary) -> float:
        """Place a run by when it was started."""
        share = 0.5 if self._one_day else (_second(run) - self._start) / (self._end - self._start)
        return _LEFT + 6 + share * (_RIGHT - _LEFT - 12)

    def y(self, seconds: float) -> float:
        """Place a length, within the axis."""
        return _BOTTOM - min(1.0, seconds / self.longest) * (_BOTTOM - _TOP)

    def grid(self) -> list[Markup]:
        """Draw the axis of lengths, and the first and the last day."""
        step = _round(self.longest / _TICKS)
        drawn = []
        for number in range(int(self.longest / step) + 1):
            y = self.y(number * step)
            drawn.append(svg.along(y, _LEFT, _RIGHT, "grid"))
            drawn.append(svg.label(durations.show(number * step), _LEFT - 8, y + 4, "tick", "end"))
        days = [datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d") for moment in (self._start, self._end)]
        drawn.append(svg.label(days[0], _LEFT, _BOTTOM + 20, "tick"))
        if days[1] != days[0]:
            drawn.append(svg.label(days[1], _RIGHT, _BOTTOM + 20, "tick", "end"))
        return drawn


def _second(run: RunSummary) -> float:
    return datetime.fromisoformat(run.started).timestamp()


def _round(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= least * 0.999)


def _style(run: RunSummary, since: str | None, *, is_compared: bool) -> str:
    if not is_compared:
        return "ghost unproven"
    return "bad" if since is not None and run.started >= since else "part"


def _bar(run: RunSummary, axes: _Axes, style: str) -> Markup:
    """Draw what is proven of one outage; one without an end goes on to the top, fading into an arrow."""
    x, bottom = axes.x(run), axes.y(run.at_least)
    top = _TOP if run.at_most is None else axes.y(run.at_most)
    tip = wording.plain(f"{run.day} {run.run}: {run.verdict.value}, {length(run)}")
    bar = svg.box(x - 1.2, top - 0.6, x + 1.2, bottom + 0.6, style, tip=tip)
    if run.at_most is not None and run.at_most <= axes.longest:
        return bar
    arrow = f"M{svg.number(x - 3)} {svg.number(_TOP)}h6l-3 -5z"
    return bar + svg.element("path", d=arrow, class_=style)


def _seam(run: RunSummary, because: str, axes: _Axes) -> Markup:
    x = axes.x(run) - 2
    words = wording.plain(because, 60)
    fits = x + svg.width_of(words) + 8 < _RIGHT
    label = svg.label(words, x + 4 if fits else x - 4, _TOP - 12, "small", None if fits else "end")
    return svg.across(x, _TOP - 20, _BOTTOM, "fault") + label
