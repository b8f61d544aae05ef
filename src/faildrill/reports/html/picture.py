"""The picture of a run: phases, steps and every probe over one axis of time, with the outages marked on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup

from faildrill import durations
from faildrill.judging.result import Outage, ProbeFigures, Result, StepFigures
from faildrill.reports import wording
from faildrill.reports.html import lanes, svg
from faildrill.reports.html.axes import AnswerTimes, Time
from faildrill.reports.html.look_times import Looks

WIDTH: Final = 1120.0
"""Of the picture, in its own units: pixels at full size."""
LEFT: Final = 150.0
"""Where the axis of time begins; names stand before it …"""
RIGHT: Final = 1066.0
"""… and where it ends."""
_LANE: Final = 86.0
"""The height of a probe's answers."""
_ROW: Final = 13.0
"""The height of a row of those who answered."""
_BAND: Final = 20.0
"""The height of a phase or a step."""
MOST_LANES: Final = 20
"""Probes that are drawn."""
_MOST_STEPS: Final = 12
"""Steps that are drawn; all are listed below."""
_MOST_LABELS: Final = 3
"""Outages of a probe that have a label."""
_APART: Final = 8.0
"""Pixels on either side of a label that are its own."""
_SOLVED: Final = ("done", "met")
"""Outcomes of a step, and of a wait, that are good."""


@dataclass(frozen=True)
class Block:
    """A piece of the picture, as wide as all, and how high it is."""

    drawn: Markup
    height: float


@dataclass(frozen=True)
class Frame:
    """What pictures that are looked at beside each other share: both axes, so that as long and as high is as much."""

    before: float
    """Seconds before the first step."""
    after: float
    shortest: float
    """The shortest and the longest answer, in seconds."""
    longest: float

    def over(self, zero: float) -> Time:
        """Return the axis of time of a run whose first step began at that second."""
        return Time(zero - self.before, zero + self.after, LEFT, RIGHT, zero)


def fault(result: Result) -> float | None:
    """Return the second of the run at which the first step that changes something began; None: none did."""
    return min(
        (step.started for step in result.steps if step.started is not None and step.kind != "wait"), default=None
    )


def axis(result: Result) -> Time:
    """Return the axis of time of the whole run, from the start of its looks; zero is the fault."""
    start = result.phases.get("warming up", [0.0])[0]
    end = max(result.duration, start + 0.001)
    return Time(start, end, LEFT, RIGHT, fault(result) or 0.0)


def draw(result: Result, looks: Mapping[str, Looks], bins: int = lanes.BINS, frame: Frame | None = None) -> Markup:
    """Draw the run; probes beyond `MOST_LANES` are left out, those with an outage come first then."""
    time = axis(result) if frame is None else frame.over(fault(result) or 0.0)
    shown = _probes_with_room(result.probes)
    blocks = [_phases(result, time), _steps(result, time)]
    reduced = [_reduced(probe, looks.get(probe.probe), time, bins) for probe in shown]
    colours = _colours(reduced)
    for probe, drawn in zip(shown, reduced, strict=True):
        blocks.append(_lane(probe, drawn, time, frame, colours))
    top, pieces = 4.0, []
    for block in blocks:
        pieces.append(svg.group(block.drawn, transform=f"translate(0 {svg.number(top)})"))
        top += block.height
    grid, scale = _time_axis(time, 4.0 + blocks[0].height, top)
    fault_line = _fault(result, time, top)
    name = f"The probes of {result.drill} over time"
    return svg.picture((WIDTH, top + 34), name, _described(result), _HATCHES, grid, *pieces, fault_line, scale)


def _described(result: Result) -> str:
    """Say in words what the picture shows, for those who can't see it."""
    sentences = [f"{result.verdict.value}: {result.because}."]
    sentences += [f"{outage.probe} was dark: {wording.bounds(outage.length)}." for outage in _outages(result)[:5]]
    return " ".join(sentences)


def _outages(result: Result) -> list[Outage]:
    outages = [outage for figures in result.probes for outage in figures.outages]
    return sorted(outages, key=lambda one: -one.length.at_least)


def _probes_with_room(probes: list[ProbeFigures]) -> list[ProbeFigures]:
    if len(probes) <= MOST_LANES:
        return probes
    return sorted(probes, key=lambda one: not one.outages)[:MOST_LANES]


def _hatch(name: str, class_: str) -> Markup:
    line = svg.element("path", d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5", class_=class_)
    return svg.element("pattern", line, id=name, width=6, height=6, patternUnits="userSpaceOnUse")


_HATCHES: Final = svg.element("defs", _hatch("hatch-bad", "stripe-bad"), _hatch("hatch-undo", "stripe-undo"))


def _phases(result: Result, time: Time) -> Block:
    drawn = [svg.label("phases", LEFT - 12, 14, "side", "end")]
    for number, (name, (start, end)) in enumerate(sorted(result.phases.items(), key=lambda one: one[1][0])):
        left, right = time.x(start), time.x(end)
        if right - left > 0:
            tip = f"{name}: {wording.moment(start - time.zero)} to {wording.moment(end - time.zero)}"
            drawn.append(svg.box(left, 0, right, _BAND, f"phase phase{number % 2}", tip=tip))
            if right - left > svg.width_of(name) + 8:
                drawn.append(svg.label(name, (left + right) / 2, 14, "phase-name", "middle"))
    return Block(Markup("").join(drawn), _BAND + 10)


def _steps(result: Result, time: Time) -> Block:
    taken = [step for step in result.steps if step.started is not None]
    rows = [_step(step, time, number * (_BAND + 2)) for number, step in enumerate(taken[:_MOST_STEPS])]
    if len(taken) > _MOST_STEPS:
        more = f"and {len(taken) - _MOST_STEPS} more steps, listed below"
        rows.append(svg.label(more, LEFT, len(rows) * (_BAND + 2) + 14, "small"))
    side = svg.label("steps", LEFT - 12, 14, "side", "end") if rows else Markup("")
    return Block(side + Markup("").join(rows), len(rows) * (_BAND + 2) + 12)


def _step(step: StepFigures, time: Time, top: float) -> Markup:
    start = step.started or 0.0
    end = step.ended if step.ended is not None else time.end
    left, right = time.x(start), max(time.x(end), time.x(start) + 3)
    good = step.outcome in _SOLVED
    state = "step" if good else "step step-bad"
    tip = f"{step.name} ({step.kind}): {step.outcome}, {durations.show(max(0.0, end - start))}; {step.because}"
    drawn = [svg.box(left, top + 4, right, top + _BAND - 4, state, rx=2, tip=tip), *_effect(step, time, top)]
    undo_end = right
    if step.undo_started is not None:
        undo_left, undo_end = time.x(step.undo_started), time.x(step.undo_ended or time.end)
        drawn += _undo_bar(step, (undo_left, undo_end, top))
    name = wording.plain(step.name, 60) + ("" if good else f": {step.outcome}")
    room = RIGHT if step.undo_started is None else time.x(step.undo_started)
    drawn.append(_beside(name, (left, right, undo_end), room, top + 14.5))
    return Markup("").join(drawn)


def _effect(step: StepFigures, time: Time, top: float) -> list[Markup]:
    """Draw for how long its effect was seen: solid for as long as that at least, faint up to the most it can be."""
    if step.in_effect is None or step.started is None or step.ended is None:
        return []
    until = step.ended + step.in_effect.at_least
    over = time.end if step.in_effect.at_most is None else max(until, step.started + step.in_effect.at_most)
    tip = f"{step.name}: {step.in_effect_because}"
    high, low = top + _BAND - 4, top + _BAND - 1
    return [
        svg.box(time.x(step.ended), high, time.x(over), low, "effect effect-maybe", tip=tip),
        svg.box(time.x(step.ended), high, time.x(until), low, "effect", tip=tip),
    ]


def _undo_bar(step: StepFigures, place: tuple[float, float, float]) -> list[Markup]:
    left, right, top = place
    tip = f"{step.name} put back: {step.undo}; {step.undo_because}"
    state = "undo" if step.undo == "verified" else "undo undo-bad"
    text = "put back" if step.undo == "verified" else f"put back: {step.undo}"
    bar = svg.box(left, top + 4, max(right, left + 3), top + _BAND - 4, state, rx=2, tip=tip)
    fits = right + svg.width_of(text) + 8 < RIGHT
    return [bar, svg.label(text, right + 6 if fits else left - 6, top + 14.5, "small", None if fits else "end")]


def _beside(name: str, bar: tuple[float, float, float], room: float, y: float) -> Markup:
    """Write a step's name where there is room: behind its bar up to `room`, inside it, or before it."""
    left, right, undo_end = bar
    width = svg.width_of(name)
    if right + width + 10 < room:
        return svg.label(name, right + 6, y, "step-name")
    if right - left > width + 10:
        return svg.label(name, left + 6, y, "step-name in-bar")
    if left - width - 10 > LEFT:
        return svg.label(name, left - 6, y, "step-name", "end")
    return svg.label(name, undo_end + 70, y, "step-name")


def _reduced(figures: ProbeFigures, looks: Looks | None, time: Time, bins: int) -> lanes.Lane | None:
    if looks is None or not len(looks):
        return None
    fitting = int((time.end - time.start) / (1.2 * figures.every)) if figures.every > 0 else bins
    return lanes.lane(looks, (time.start, time.end), figures.every, max(1, min(bins, fitting)))


def _colours(all_lanes: Iterable[lanes.Lane | None]) -> dict[str, int]:
    """Give each name that answered a colour of its own, the same in every lane while there are enough."""
    names = {row.name for lane in all_lanes if lane is not None for row in lane.names}
    return {name: number for number, name in enumerate(sorted(names))}


def _lane(
    figures: ProbeFigures, reduced: lanes.Lane | None, time: Time, frame: Frame | None, colours: Mapping[str, int]
) -> Block:
    heading = _heading(figures)
    if reduced is None:
        return Block(heading + svg.label("no looks", LEFT + 8, 34, "small"), 76)
    rows, height = _rows(reduced, time, colours)
    plot = _answers(reduced.answers, figures, time, frame)
    outages = _marked(figures.outages, time, _LANE + height)
    return Block(heading + outages + plot + rows, _LANE + height + 26)


def _heading(figures: ProbeFigures) -> Markup:
    detail = f"{figures.looks:,} looks, one every {durations.show(figures.every)}"
    return (
        svg.label(wording.plain(figures.probe, 20), LEFT - 12, 30, "probe", "end")
        + svg.label(wording.plain(figures.kind, 24), LEFT - 12, 45, "small", "end")
        + svg.label(f"every {durations.show(figures.every)}", LEFT - 12, 59, "small", "end")
        + svg.element("rect", svg.title(detail), x=0, y=12, width=LEFT - 14, height=52, class_="ghost")
    )


def _answers(answers: lanes.Answers, figures: ProbeFigures, time: Time, frame: Frame | None) -> Markup:
    """Draw the good looks: a band from the fastest to the slowest of each bin, and their median."""
    if not len(answers.at):
        return svg.label("no good look", LEFT + 8, _LANE / 2 + 12, "small")
    shortest, longest = float(answers.low.min()), float(answers.high.max())
    if frame is not None:
        shortest, longest = frame.shortest, frame.longest
    scale = AnswerTimes.over(shortest, longest, 26.0, _LANE)
    drawn = []
    for seconds, text in scale.ticks():
        drawn.append(svg.along(scale.y(seconds), LEFT, RIGHT, "grid"))
        drawn.append(svg.label(text, RIGHT + 8, scale.y(seconds) + 3.5, "tick"))
    holes = np.flatnonzero(np.diff(answers.at) > answers.width) + 1
    for piece in np.split(np.arange(len(answers.at)), holes):
        xs = [time.x(at) for at in answers.at[piece].tolist()]
        low = [scale.y(value) for value in answers.low[piece].tolist()]
        high = [scale.y(value) for value in answers.high[piece].tolist()]
        middle = [scale.y(value) for value in answers.median[piece].tolist()]
        drawn.append(_band(xs, low, high))
        drawn.append(_line(xs, middle))
    if figures.slow is not None and 10.0**scale.low < figures.slow < 10.0**scale.high:
        slow = svg.title(f"slow: silence longer than {durations.show(figures.slow)} is dark time")
        y = scale.y(figures.slow)
        drawn.append(svg.element("line", slow, x1=LEFT, y1=y, x2=RIGHT, y2=y, class_="slow"))
    if figures.late and figures.late_after is not None and 10.0**scale.low < figures.late_after < 10.0**scale.high:
        late = svg.title(f"late: {figures.late:,} good answers took longer than {durations.show(figures.late_after)}")
        y = scale.y(figures.late_after)
        drawn.append(svg.element("line", late, x1=LEFT, y1=y, x2=RIGHT, y2=y, class_="late"))
    return Markup("").join(drawn)


def _band(xs: list[float], low: list[float], high: list[float]) -> Markup:
    if len(xs) == 1:
        return svg.box(xs[0] - 1, high[0] - 0.5, xs[0] + 1, low[0] + 0.5, "band")
    there = _points(xs, high)
    back = _points(xs[::-1], low[::-1])
    return svg.element("polygon", points=f"{there} {back}", class_="band")


def _line(xs: list[float], ys: list[float]) -> Markup:
    if len(xs) == 1:
        return svg.element("circle", cx=xs[0], cy=ys[0], r=1.4, class_="dot")
    return svg.element("polyline", points=_points(xs, ys), class_="median")


def _points(xs: list[float], ys: list[float]) -> str:
    return " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in zip(xs, ys, strict=True))


def _rows(reduced: lanes.Lane, time: Time, colours: Mapping[str, int]) -> tuple[Markup, float]:
    """Draw below a lane how its bad looks ended and who answered the good ones, a row each, named at the side."""
    drawn = []
    y = _LANE + 6
    for row in reduced.failures:
        harmless = row.name in lanes.HARMLESS
        drawn += _row(row, time, y, "unproven" if harmless else f"bad bad-{row.name.replace(' ', '-')}")
        y += _ROW
    for row in reduced.names:
        drawn += _row(row, time, y, f"who who{colours.get(row.name, 0) % 6}")
        y += _ROW
    return Markup("").join(drawn), y - _LANE


def _row(row: lanes.Row, time: Time, y: float, class_: str) -> list[Markup]:
    bottom = y + _ROW - 3
    side = f"{wording.plain(row.name, 16)}"
    drawn = [svg.label(side, LEFT - 12, bottom - 0.5, "row-name", "end")]
    drawn.append(svg.along(bottom, LEFT, RIGHT, "base"))
    for stretch in row.stretches:
        left, right = time.x(stretch.start), time.x(stretch.end)
        top = bottom - (_ROW - 4) * stretch.level / 3
        first, last = wording.moment(stretch.start - time.zero), wording.moment(stretch.end - time.zero)
        tip = f"{row.name}: {wording.count(stretch.looks, 'look')} from {first} to {last}"
        drawn.append(svg.box(left, top, max(right, left + 1.2), bottom, class_, tip=tip))
    return drawn


def _marked(outages: list[Outage], time: Time, bottom: float) -> Markup:
    """Mark the outages on a lane: proven dark is filled, possible is hatched, and the bounds are written over it."""
    drawn = []
    written: list[tuple[float, float]] = []
    longest = sorted(outages, key=lambda one: -one.length.at_least)
    for number, outage in enumerate(longest[:200]):
        first, last = time.x(outage.first_dark), time.x(outage.last_dark)
        before = time.x(outage.last_good if outage.last_good is not None else time.start)
        after = time.x(outage.first_good if outage.first_good is not None else time.end)
        tip = f"{outage.probe} dark: {wording.bounds(outage.length)}"
        drawn.append(svg.box(before, 14, max(first, before + 1), bottom, "possible", tip=tip))
        drawn.append(svg.box(first, 14, max(last, first + 1), bottom, "proven", tip=tip))
        drawn.append(svg.box(last, 14, max(after, last + 1), bottom, "possible", tip=tip))
        if number < _MOST_LABELS:
            drawn.append(_bracket(wording.bounds(outage.length), (before, after), written))
    return Markup("").join(drawn)


def _bracket(text: str, over: tuple[float, float], written: list[tuple[float, float]]) -> Markup:
    """Draw a bracket over an outage, and its bounds where no label of a longer one is in the way."""
    left, right = over
    arms = f"M{svg.number(left)} 18V14H{svg.number(right)}V18"
    bracket = svg.element("path", d=arms, class_="bracket")
    width = svg.width_of(text) / 2 + _APART
    middle = min(max((left + right) / 2, LEFT + width), RIGHT - width)
    if any(middle - width < end and start < middle + width for start, end in written):
        return bracket
    written.append((middle - width, middle + width))
    return bracket + svg.label(text, middle, 9, "outage", "middle")


def _time_axis(time: Time, top: float, bottom: float) -> tuple[Markup, Markup]:
    """Draw the lines behind everything, and the scale below it."""
    ticks = [(time.x(at), text) for at, text in time.ticks()]
    grid = Markup("").join(svg.across(x, top, bottom, "grid") for x, _ in ticks)
    marks = [svg.label(text, x, bottom + 14, "tick", "middle") for x, text in ticks]
    since = "since the first step began" if time.zero else "since the run began"
    marks.append(svg.label(since, RIGHT, bottom + 29, "small", "end"))
    return grid, svg.along(bottom, LEFT, RIGHT, "axis") + Markup("").join(marks)


def _fault(result: Result, time: Time, bottom: float) -> Markup:
    at = fault(result)
    if at is None:
        return Markup("")
    x = time.x(at)
    return svg.across(x, 26, bottom, "fault") + svg.element("path", d=f"M{x - 4:.1f} 25h8l-4 6z", class_="mark")
