"""`faildrill trend`: whether outages became longer, as far as their bounds prove it."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from faildrill.cli import notices
from faildrill.cli.options import NOTIFY
from faildrill.cli.past_runs import OUTPUT, REPORTS, indexed, tell_untold
from faildrill.errors import WrongUsage, reason
from faildrill.history import trend_page
from faildrill.history.index import Index
from faildrill.history.trend import Level, Trend, together, weigh
from faildrill.ports.notice import Notice
from faildrill.reports.wording import plain
from faildrill.secrets import Reference
from faildrill.system import atomic_file
from faildrill.system.exit_codes import ExitCode

_OF_EACH: Final = 365
"""Runs of each drill that are read where all drills are told of: a year of nights."""


@click.command()
@click.argument("drill", required=False)
@REPORTS
@OUTPUT
@click.option("--env", "env", metavar="NAME", help="Only in this environment.")
@click.option("--page", type=click.Path(path_type=Path), help="Write a page with a picture to this file.")
@click.option("--join", is_flag=True, help="Compare runs that were measured differently, too; what differs is printed.")
@click.option(
    "--fail-on-regression", is_flag=True, help="Exit with 1 if a regression is proven; a notice does not count."
)
@NOTIFY
def trend(
    drill: str | None,
    among: Path,
    output: str,
    env: str | None,
    page: Path | None,
    *,
    notify: tuple[Reference, ...],
    join: bool,
    fail_on_regression: bool,
) -> None:
    """Say whether outages became longer over time, of one DRILL or of all, as far as their bounds prove it.

    Only runs that were measured alike are compared. `notice`: chance alone makes that in one of 500 looks at it;
    `regression`: in one of 2,000, and outages are surely longer by more than 2 %. Fewer than ten comparable runs are
    too few. Without DRILL the last 365 runs of each are looked at.
    """
    notices.ready(notify)
    with indexed(among) as index:
        tell_untold(index)
        trends = _trends(index, drill, env, join=join)
    if page is not None:
        _write(page, trends)
    if output == "json":
        click.echo(json.dumps([_as_json(weighed) for weighed in trends], indent=2))
    else:
        for weighed in trends:
            _print_trend(weighed)
    notices.tell(notify, notice(trends))
    regressed = any(weighed.level is Level.REGRESSION for weighed in trends)
    sys.exit(ExitCode.FAILED if regressed and fail_on_regression else 0)


def notice(trends: Sequence[Trend]) -> Notice | None:
    """Tell of the regressions among trends; None where there is none."""
    regressed = [weighed for weighed in trends if weighed.level is Level.REGRESSION]
    if not regressed:
        return None
    lines = [f"{weighed.name}: {weighed.because}" for weighed in regressed]
    title = f"drill REGRESSION: {', '.join(weighed.name for weighed in regressed)}"
    return notices.composed(
        title, [*lines, "When it is explained: faildrill rebaseline RUN --because WHY"], is_well=False
    )


def _trends(index: Index, drill: str | None, env: str | None, *, join: bool) -> list[Trend]:
    known = index.series()
    wanted = [series for series in known if drill in (None, series[0]) and env in (None, series[1])]
    if not wanted:
        there = ", ".join(dict.fromkeys(f"{plain(series[0])} in {plain(series[1])}" for series in known)) or "none"
        raise WrongUsage(f"no run of that drill there; recorded are: {there}")
    most = _OF_EACH if drill is None else -1
    return together([weigh(index.runs_of(wish, most), join=join) for wish in wanted])


def _write(page: Path, trends: list[Trend]) -> None:
    try:
        with atomic_file.draft(page, atomic_file.SHARED) as beside:
            beside.write_text(trend_page.render(trends), encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{page} can't be written: {reason(error)}") from error


def _print_trend(one: Trend) -> None:
    click.echo(f"{plain(one.name)}: {one.level.value.upper() if one.level is Level.REGRESSION else one.level.value}")
    for line in (one.because, one.advice):
        if line:
            click.echo(f"  {plain(line, 600)}")
    for seam in one.seams:
        click.echo(f"  seam at {plain(seam.run.run)}: {plain(seam.because, 300)}")
    if one.level in (Level.REGRESSION, Level.NOTICE) and one.since is not None:
        click.echo(f"  when it is explained: faildrill rebaseline {plain(one.since.run)} --because WHY")


def _as_json(one: Trend) -> dict[str, Any]:
    last = one.runs[-1]
    return {
        "drill": last.drill,
        "way": last.way,
        "environment": last.environment,
        "level": one.level.value,
        "p": one.chance,
        "since": one.since.run if one.since else None,
        "surely_longer": one.surely if abs(one.surely) < float("inf") else None,
        "because": one.because,
        "advice": one.advice,
        "runs": len(one.runs),
        "comparable": len(one.comparable),
        "unmeasured": {run.run: run.unmeasured for run in one.runs if run.unmeasured},
        "seams": [{"run": seam.run.run, "because": seam.because} for seam in one.seams],
    }
