"""What an outage was made of, as bars below each other: from the fault until it was stable again."""

from typing import Final

from markupsafe import Markup

from faildrill import durations
from faildrill.judging.result import Outage
from faildrill.reports import wording
from faildrill.reports.html import svg

_NAMES: Final = {
    "first_dark": ("fault reaches users", "until the first look that is proven dark"),
    "detected": ("detected", "until the loss was noticed"),
    "new_writer": ("new writer", "until another node accepts writes"),
    "first_good": ("users are served", "until the first good answer"),
    "stable": ("stable", "until it stayed good for its hold time"),
}
WIDTH: Final = 1120.0
_LEFT: Final = 150.0
_RIGHT: Final = 1000.0
_ROW: Final = 26.0


def draw(outage: Outage) -> Markup:
    """Draw the phases of an outage that are known; nothing where there are none."""
    known = sorted(((at, name) for name, at in outage.phases.items() if at >= 0), key=lambda one: one[0])
    if not known:
        return Markup("")
    longest = max(known[-1][0], 1e-6)
    rows, before = [], 0.0
    for number, (at, name) in enumerate(known):
        rows.append(_row(name, (before, at, longest), number * _ROW))
        before = at
    moments = ", ".join(f"{_NAMES.get(name, (name, ''))[0]} at {wording.moment(at)}" for at, name in known)
    title = f"Phases of the outage of {outage.probe}"
    return svg.picture((WIDTH, len(known) * _ROW + 4), title, f"Since the fault: {moments}.", *rows)


def _row(name: str, times: tuple[float, float, float], top: float) -> Markup:
    start, end, longest = times
    word, what = _NAMES.get(name, (name, ""))
    scale = (_RIGHT - _LEFT) / longest
    left, right = _LEFT + start * scale, _LEFT + end * scale
    tip = f"{what}: {durations.show(end - start)}, to {wording.moment(end)} since the fault"
    return (
        svg.label(word, _LEFT - 12, top + 16, "row-name", "end")
        + svg.along(top + 12, _LEFT, _RIGHT, "base")
        + svg.box(left, top + 4, max(right, left + 2), top + 20, "part", rx=2, tip=tip)
        + svg.label(durations.show(end - start), max(right, left + 2) + 6, top + 16, "step-name")
    )
