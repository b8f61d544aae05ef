"""report.html of a set: the verdict, the impact on users side by side, and a picture of each run on the same axes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from markupsafe import Markup

from faildrill.judging.result import Result, Verdict
from faildrill.judging.set_result import RunOfSet, SetResult
from faildrill.reports import suite_rows, wording
from faildrill.reports.html import picture
from faildrill.reports.html.look_times import Looks
from faildrill.reports.html.page import MOST_BYTES, STYLE, templates
from faildrill.reports.impact_table import COLUMNS, Figure, figures

_MOST_RUNS: Final = (60, 30, 12, 4)
"""Runs of which a page tells, from all that fit to the least."""
_MOST_PICTURES: Final = 12
_MOST_ROWS: Final = 500
_BINS: Final = (220, 110, 60)
_TEXT: Final = 1_000


@dataclass(frozen=True)
class Shown:
    """One run of a set, with what its picture is drawn from; the result is None where it can't be judged."""

    run: RunOfSet
    result: Result | None
    looks: Mapping[str, Looks]


@dataclass(frozen=True)
class Cell:
    """A figure of the table, and how far its bar reaches, in percent of the worst; None: no bar."""

    text: str
    bar: float | None
    worst: bool = False


def render(result: SetResult, shown: list[Shown], folder: str) -> str:
    """Return the page, a megabyte at the most; the same set gives the same page."""
    page = ""
    for runs, bins in zip(_MOST_RUNS, (*_BINS, _BINS[-1]), strict=True):
        page = _rendered(result, shown[:runs], folder, bins)
        if len(page.encode()) <= MOST_BYTES:
            break
    return page


def _rendered(result: SetResult, shown: list[Shown], folder: str, bins: int) -> str:
    probes = list(dict.fromkeys(impact.probe for shown_run in shown for impact in shown_run.run.impacts))
    return (
        templates(_TEXT)
        .get_template("set.html.j2")
        .render(
            result=result,
            meaning=wording.MEANINGS[result.verdict],
            columns=COLUMNS,
            tables=[(probe, *_table(probe, shown)) for probe in probes],
            pictures=_of_drills(shown, bins) if result.sort == "suite" else _pictures(shown, probes, bins),
            rows=suite_rows.rows(result)[:_MOST_ROWS] if result.sort == "suite" else [],
            shown=shown,
            left_out=len(result.runs) - len(shown),
            folder=wording.shell(folder),
            style=STYLE,
        )
    )


def _table(probe: str, shown: list[Shown]) -> tuple[float, list[tuple[RunOfSet, list[Cell]]]]:
    """Return after which time a probe's answers are late, and a row of figures for each run that has it."""
    of_runs = [
        (shown_run.run, impact) for shown_run in shown for impact in shown_run.run.impacts if impact.probe == probe
    ]
    rows = [figures(impact, run.ledgers) for run, impact in of_runs]
    longest = [max((row[column].size or 0.0 for row in rows), default=0.0) for column in range(len(COLUMNS))]
    cells = [[_cell(figure, most) for figure, most in zip(row, longest, strict=True)] for row in rows]
    late_after = max((impact.late_after for _, impact in of_runs), default=0.0)
    return late_after, [(run, row) for (run, _), row in zip(of_runs, cells, strict=True)]


def _cell(figure: Figure, most: float) -> Cell:
    if figure.size is None or not most:
        return Cell(figure.text, None)
    return Cell(figure.text, 100.0 * figure.size / most, worst=figure.size == most)


def _pictures(shown: list[Shown], probes: list[str], bins: int) -> list[tuple[RunOfSet, Markup]]:
    """Draw of each run the first probe of the users that it has, all on the same axes."""
    drawable = []
    for shown_run in shown[:_MOST_PICTURES]:
        probe = next((name for name in probes if name in shown_run.looks and len(shown_run.looks[name])), None)
        if shown_run.result is not None and probe is not None:
            kept = [figures for figures in shown_run.result.probes if figures.probe == probe]
            drawable.append(
                (shown_run.run, msgspec.structs.replace(shown_run.result, probes=kept), shown_run.looks[probe])
            )
    frame = _frame([(result, looks) for _, result, looks in drawable])
    return [(run, picture.draw(result, {looks.probe: looks}, bins, frame)) for run, result, looks in drawable if frame]


def _of_drills(shown: list[Shown], bins: int) -> list[tuple[RunOfSet, Markup]]:
    """Draw of each drill of a suite what it is remembered by, on its own axes; those first that did not pass."""
    pictures = []
    for shown_run in sorted(shown, key=lambda one: one.run.verdict is Verdict.PASSED):
        probe = shown_run.run.headline.probe if shown_run.run.headline is not None else ""
        if shown_run.result is not None and probe in shown_run.looks and len(shown_run.looks[probe]):
            kept = [figures for figures in shown_run.result.probes if figures.probe == probe]
            result = msgspec.structs.replace(shown_run.result, probes=kept)
            pictures.append((shown_run.run, picture.draw(result, {probe: shown_run.looks[probe]}, bins)))
    return pictures[:_MOST_PICTURES]


def _frame(drawable: list[tuple[Result, Looks]]) -> picture.Frame | None:
    """Span all runs, each counted from its first step, and all their good answers."""
    if not drawable:
        return None
    before, after, shortest, longest = 0.0, 0.0, math.inf, 0.0
    for result, looks in drawable:
        time = picture.axis(result)
        before, after = max(before, time.zero - time.start), max(after, time.end - time.zero)
        times = looks.answer_times()
        if times is not None:
            shortest, longest = min(shortest, times[0]), max(longest, times[1])
    shortest = shortest if math.isfinite(shortest) else 1e-3
    return picture.Frame(before, after, shortest, max(longest, shortest))
