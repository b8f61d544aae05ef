"""`faildrill history` and `prune`: all the runs that were recorded, from their index."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click
import msgspec

from faildrill.cli.named_runs import FOLDER
from faildrill.cli.time_options import seconds
from faildrill.clock import SystemClock
from faildrill.errors import WrongUsage, reason
from faildrill.history import run_comparison
from faildrill.history.index import FILE, Index, opened
from faildrill.history.run_summary import RunSummary
from faildrill.record import chain
from faildrill.reports.wording import count, plain
from faildrill.system import who
from faildrill.system.lazy_imports import without_collecting

REPORTS: Final = click.option(
    "--reports", "among", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="Where runs are."
)
OUTPUT: Final = click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
_MOST_TOLD: Final = 5
ALL: Final = 1 << 40


@contextlib.contextmanager
def indexed(among: Path, *, anew: bool = False) -> Iterator[Index]:
    """Give the index of the runs in a folder; WrongUsage where there is no such folder, or the index breaks."""
    try:
        with without_collecting(), opened(among, anew=anew) as index:  # the runs that are read are all kept
            yield index
    except OSError as error:
        raise WrongUsage(f"{among} can't be read: {reason(error)}; name the folder of runs with --reports") from error
    except sqlite3.DatabaseError as error:
        raise WrongUsage(f"{among / FILE} is broken ({error}): faildrill history --rebuild makes it anew") from error


def tell_untold(index: Index) -> None:
    """Say on standard error of which folders nothing could be told, and why."""
    untold = index.untold()
    for run in untold[:_MOST_TOLD]:
        click.echo(f"not counted: {plain(run.folder, 120)}: {plain(run.because, 300)}", err=True)
    if len(untold) > _MOST_TOLD:
        click.echo(f"not counted: {len(untold) - _MOST_TOLD} more folders; -o json lists all", err=True)


@click.command()
@click.argument("drill", required=False)
@REPORTS
@OUTPUT
@click.option("-n", "most", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs.")
@click.option("--rebuild", is_flag=True, help="Read every folder again first.")
def history(drill: str | None, among: Path, output: str, *, most: int, rebuild: bool) -> None:
    """List the runs that were recorded, of one DRILL or of all, the latest last.

    What is told comes from an index that is brought up to date with the folders first. A folder that can't be read is
    told on standard error, and never passed over.
    """
    with indexed(among, anew=rebuild) as index:
        runs = index.latest(most, drill)
        if output == "json":
            click.echo(_json(index, runs))
            return
        if drill is not None and not runs:
            raise WrongUsage(f"no run of a drill {drill!r} in {among}; there are: {_drills(index)}")
        for run in runs:
            click.echo(_line(run, index.before(run)))
        click.echo(f"{count(len(runs), 'run')} of {index.number():,} in {plain(str(among))}")
        tell_untold(index)


def _json(index: Index, runs: list[RunSummary]) -> str:
    untold = [{"folder": run.folder, "because": run.because} for run in index.untold()]
    fields = {"number": index.number(), "runs": msgspec.to_builtins(runs), "not_counted": untold}
    return json.dumps(fields, indent=2)


def _line(one: RunSummary, before: RunSummary | None) -> str:
    way = f" ({plain(one.way)})" if one.way else ""
    marked = f"  baseline: {plain(one.baseline.because, 80)}" if one.baseline else ""
    if before is not None and run_comparison.runbook_change(one.runbook, one.runbook_digest, before):
        marked += "  another runbook than before"
    what = f"{plain(one.drill)}{way} in {plain(one.environment)}"
    return (
        f"{one.started[:19]}  {one.verdict.value:<12}  {what}  {run_comparison.length(one)}  {plain(one.run)}{marked}"
    )


def _drills(index: Index) -> str:
    return ", ".join(dict.fromkeys(plain(drill) for drill, _, _ in index.series())) or "none"


@click.command()
@click.option("--older-than", callback=seconds, required=True, metavar="TIME", help="e.g. 90d")
@REPORTS
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
def prune(older_than: float, among: Path, *, yes: bool) -> None:
    """Remove the folders of old runs; without --yes only list them.

    Kept are, of each drill in each environment, the last 60 runs, the last that PASSED, and every baseline; runs that
    were UNSAFE, those with notes, those of sets and suites, and what can't be read.
    """
    before = (datetime.now(UTC) - timedelta(seconds=older_than)).isoformat()
    with indexed(among) as index:
        old = index.removable(before)
        tell_untold(index)
    if not yes:
        click.echo("".join(f"would remove {plain(run.folder)}\n" for run in old), nl=False)
    for run in old if yes else ():
        _remove(among / run.folder)
        _note_removal(among, run.folder)
        click.echo(f"removed {plain(run.folder)}")
    click.echo(f"{count(len(old), 'run')} {'removed' if yes else 'could go; --yes removes them'}")


def _note_removal(among: Path, run: str) -> None:
    """Write into the chain of the history that a run was removed on purpose, where there is one."""
    if (among / chain.FILE).exists():
        try:
            chain.append(among, chain.Removed(run=run, by=who.user()), SystemClock())
        except OSError as error:
            click.echo(f"{among / chain.FILE} can't be written: {reason(error)}", err=True)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise WrongUsage(f"{folder} can't be removed: {reason(error)}") from error
