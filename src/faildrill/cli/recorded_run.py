"""`faildrill show`, `compare` and `rebaseline`: single runs that were recorded, from their folders."""

import json
from pathlib import Path

import click
import msgspec

from faildrill import judging
from faildrill.cli.named_runs import find_one
from faildrill.cli.past_runs import OUTPUT, REPORTS
from faildrill.clock import SystemClock
from faildrill.errors import WrongUsage, reason
from faildrill.history import run_comparison
from faildrill.history.run_summary import BASELINE, Baseline, RunSummary, Unread
from faildrill.history.summarized_folder import summarize
from faildrill.reports.wording import plain
from faildrill.system import atomic_file, who


def summary_of(run: str, among: Path) -> RunSummary:
    """Return the summary of a run, named as other commands name it; WrongUsage where it can't be told of."""
    folder = find_one(run, among)
    try:
        return summarize(folder, folder.name)
    except Unread as error:
        raise WrongUsage(f"{folder}: {error}") from error


@click.command()
@click.argument("run")
@REPORTS
@OUTPUT
def show(run: str, among: Path, output: str) -> None:
    """Tell of one recorded RUN: its verdict, its outage, and how it was measured.

    It is judged again from its files; where that gives another result than the one that is in its folder, this is said.
    Nothing is written.
    """
    summary, folder = summary_of(run, among), find_one(run, among)
    same = judging.encode(judging.judge(folder)) == (folder / judging.FILE).read_bytes()
    if output == "json":
        click.echo(json.dumps({**msgspec.to_builtins(summary), "replays": same}, indent=2))
        return
    rows = {
        "run": summary.run,
        "drill": f"{summary.drill}{f', {summary.way}' if summary.way else ''}",
        "environment": summary.environment,
        "started": summary.started,
        "verdict": f"{summary.verdict.value}: {summary.because}",
        "outage": f"{summary.probe}: {run_comparison.length(summary)}"
        if summary.probe
        else run_comparison.length(summary),
        "runbook": (summary.runbook or "none")
        + (f", text {summary.runbook_digest[:12]}" if summary.runbook_digest else ""),
        **summary.conditions,
        "version": summary.version,
        "judged again": "the same, byte by byte" if same else f"NOT the same as {judging.FILE}: faildrill judge {run}",
    }
    if summary.baseline is not None:
        rows["baseline"] = f"{summary.baseline.because}, says {summary.baseline.by} at {summary.baseline.at}"
    width = max(map(len, rows))
    for name, value in rows.items():
        click.echo(f"{name:<{width}}  {plain(value, 400)}")


@click.command()
@click.argument("first")
@click.argument("second")
@REPORTS
@OUTPUT
def compare(first: str, second: str, among: Path, output: str) -> None:
    """Say what differs between two recorded runs, and what their bounds prove of their outages.

    Two runs never prove a change: that is for `faildrill trend`.
    """
    one, other = summary_of(first, among), summary_of(second, among)
    rows, conclusion = run_comparison.differing(one, other), run_comparison.conclusion(one, other)
    if output == "json":
        differences = {row.what: [row.first, row.second] for row in rows}
        click.echo(
            json.dumps({"runs": [one.run, other.run], "differences": differences, "conclusion": conclusion}, indent=2)
        )
        return
    width = max((len(row.what) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row.what:<{width}}  {plain(row.first, 200)}\n{'':<{width}}  {plain(row.second, 200)}")
    click.echo(conclusion)


@click.command()
@click.argument("run")
@click.option("--because", required=True, help="What explains that outages are longer, or shorter, since this run.")
@REPORTS
def rebaseline(run: str, because: str, among: Path) -> None:
    """Say that what changed by a RUN is explained: from it on, its length is the usual, and trends start there.

    The word is kept in the run's folder with who gave it and when. It changes no verdict.
    """
    folder, summary = find_one(run, among), summary_of(run, among)
    if summary.unmeasured:
        raise WrongUsage(f"{summary.run} is no start of a baseline: {summary.unmeasured}")
    if not because.strip():
        raise WrongUsage("--because says nothing: write what explains the change")
    word = Baseline(by=who.user(), at=SystemClock().wall(), because=because.strip())
    try:
        atomic_file.write(folder / BASELINE, msgspec.json.encode(word) + b"\n")
    except OSError as error:
        raise WrongUsage(f"{folder / BASELINE} can't be written: {reason(error)}") from error
    click.echo(
        f"the baseline of {plain(summary.drill)} in {plain(summary.environment)} starts with {plain(summary.run)}"
    )
