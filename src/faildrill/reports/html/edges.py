"""The two ends of an outage, magnified: every look around them as a bar from sent to answered.

These looks are the evidence for the bounds: the outage began between the last good look and the first moment
proven dark, and was over between the last moment proven dark and the first good answer.
"""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from faildrill import durations
from faildrill.judging.result import Outage
from faildrill.record.samples import Outcome
from faildrill.reports import wording
from faildrill.reports.html import svg
from faildrill.reports.html.axes import Time
from faildrill.reports.html.lanes import FAILURES
from faildrill.reports.html.look_times import Look, Looks

WIDTH: Final = 540.0
_LEFT: Final = 8.0
_RIGHT: Final = WIDTH - 8.0
_TOP: Final = 34.0
_ROW: Final = 8.0
_EDGE: Final = 24.0
"""A label nearer to the rim than this would be cut."""
_MOST: Final = 22
"""Looks in one panel."""


@dataclass(frozen=True)
class Edge:
    """One end of an outage: between the two moments it is unknown whether the service was dark."""

    name: str
    start: float
    end: float
    dark_first: bool
    """True at the end of an outage: dark before it, alive after it."""
    zero: float
    """The second of the run that is written as 0."""


def ends(outage: Outage, zero: float) -> list[Edge]:
    """Return the ends of an outage that were seen."""
    edges = []
    if outage.last_good is not None:
        edges.append(Edge("How it began", outage.last_good, outage.first_dark, dark_first=False, zero=zero))
    if outage.first_good is not None:
        edges.append(Edge("How it ended", outage.last_dark, outage.first_good, dark_first=True, zero=zero))
    return edges


def draw(edge: Edge, looks: Looks, every: float) -> Markup:
    """Draw the looks around one end of an outage."""
    reach = max(6 * every, 0.6 * (edge.end - edge.start))
    near = looks.nearest(edge.start - reach, edge.end + reach, _MOST)
    time = Time(edge.start - reach, edge.end + reach, _LEFT, _RIGHT, edge.zero)
    bottom = _TOP + max(len(near), 4) * _ROW + 6
    drawn = [_ground(edge, time, bottom), *(_bar(look, number, time) for number, look in enumerate(near))]
    drawn += [_named(edge, time, bottom), _scale(time, bottom)]
    unknown = durations.show(edge.end - edge.start)
    about = f"{len(near)} looks of {looks.probe}; the moment lies within {unknown}, the hatched part."
    return svg.picture((WIDTH, bottom + 34), f"{edge.name}: {looks.probe}", about, *drawn)


def _ground(edge: Edge, time: Time, bottom: float) -> Markup:
    """Fill the time that is proven dark and hatch the time that is not known."""
    left, right = time.x(edge.start), time.x(edge.end)
    dark = (_LEFT, left) if edge.dark_first else (right, _RIGHT)
    return svg.box(dark[0], _TOP, dark[1], bottom, "proven") + svg.box(left, _TOP, right, bottom, "possible")


def _bar(look: Look, number: int, time: Time) -> Markup:
    y = _TOP + 4 + number * _ROW
    if not look.outcome.is_look:
        return _unsent(look, number, time)
    good = look.outcome == Outcome.OK
    word = "ok" if good else FAILURES[look.outcome]
    who = wording.plain(look.who, 60)
    tip = f"{word} {who}: sent {_fine(look.sent - time.zero)}, took {durations.show(look.answered - look.sent)}"
    class_ = "look-ok" if good else "look-bad"
    left, right = time.x(look.sent), time.x(look.answered)
    bar = svg.box(left, y, max(right, left + 2), y + _ROW - 3, class_, rx=1.5, tip=tip)
    if look.answered > time.end:
        return bar
    return bar + _mark(right, y + (_ROW - 3) / 2, good=good)


def _unsent(look: Look, number: int, time: Time) -> Markup:
    """Draw a look that was due and never sent as an empty box: it proves nothing."""
    x, y = time.x(look.due), _TOP + 4 + number * _ROW
    tip = f"{FAILURES[look.outcome]}: due {_fine(look.due - time.zero)}"
    return svg.box(x - 2.5, y, x + 2.5, y + _ROW - 3, "unproven", tip=tip)


def _mark(x: float, y: float, *, good: bool) -> Markup:
    """End a bar with a dot where the answer was good, with a cross where it was not."""
    if good:
        return svg.element("circle", cx=x, cy=y, r=2.8, class_="end-ok")
    return svg.element("path", d=f"M{x - 2.6:.1f} {y - 2.6:.1f}l5.2 5.2m0 -5.2l-5.2 5.2", class_="end-bad")


def _named(edge: Edge, time: Time, bottom: float) -> Markup:
    """Name the two moments, the one at the left towards the left and the other towards the right."""
    early, late = "last good look", "proven dark"
    if edge.dark_first:
        early, late = "last moment proven dark", "first good answer"
    left, right = time.x(edge.start), time.x(edge.end)
    return (
        svg.across(left, _TOP - 6, bottom, "edge")
        + svg.across(right, _TOP - 6, bottom, "edge")
        + svg.label(early, left + 2, _TOP - 22, "step-name", "end")
        + svg.label(_fine(edge.start - edge.zero), left + 2, _TOP - 10, "small", "end")
        + svg.label(late, right - 2, _TOP - 22, "step-name")
        + svg.label(_fine(edge.end - edge.zero), right - 2, _TOP - 10, "small")
    )


def _fine(seconds: float) -> str:
    """Write a moment to the millisecond, or to a tenth of one within a second of zero."""
    if not round(abs(seconds), 4):  # it would be written as +0.0 ms
        return "0"
    if abs(seconds) < 1:
        return f"{seconds * 1000:+.1f} ms".replace("-", "−")
    return f"{seconds:+.3f} s".replace("-", "−")


def _scale(time: Time, bottom: float) -> Markup:
    marks = [svg.along(bottom, _LEFT, _RIGHT, "axis")]
    for at, _text in time.ticks():
        x = time.x(at)
        marks.append(svg.across(x, bottom, bottom + 4, "axis"))
        if _LEFT + _EDGE < x < _RIGHT - _EDGE:
            marks.append(svg.label(_fine(at - time.zero), x, bottom + 16, "tick", "middle"))
    return Markup("").join(marks)
