"""`faildrill evidence`: what was proven when, by which run and with which verdict, by the labels that drills carry."""

import json
from pathlib import Path
from typing import Any

import click

from faildrill.cli.past_runs import ALL, OUTPUT, REPORTS, indexed, tell_untold
from faildrill.cli.time_options import day
from faildrill.errors import WrongUsage
from faildrill.history import run_comparison
from faildrill.history.requirements import Row, rows
from faildrill.reports.wording import plain


@click.command()
@click.argument("labels", nargs=-1, metavar="[LABEL]…")
@click.option("--since", callback=day, metavar="DATE", help="Only runs begun from this day on (UTC).")
@click.option("--until", callback=day, metavar="DATE", help="Only runs begun before this day.")
@REPORTS
@OUTPUT
def evidence(labels: tuple[str, ...], since: str, until: str, among: Path, output: str) -> None:
    """Say what was proven when and by which run, by the LABELs that drills carry in `satisfies`, or by all of them.

    It tells what there is, and judges nothing: whether that is enough is for whoever knows what the labels stand for.
    """
    with indexed(among) as index:
        runs = [run for run in index.latest(ALL) if since <= run.started and (not until or run.started < until)]
        tell_untold(index)
    proofs = rows(runs, labels)
    if missing := sorted({*labels} - {proof.label for proof in proofs}):
        raise WrongUsage(f"no run in {among} carries {', '.join(map(plain, missing))}; there are: {_labels(runs)}")
    if output == "json":
        click.echo(json.dumps([_as_json(proof) for proof in proofs], indent=2))
        return
    for proof in proofs:
        _print_row(proof)
    if not proofs:
        click.echo("no run carries a label: write `satisfies: [LABEL]` into a drill, and run it")


def _print_row(row: Row) -> None:
    counts = ", ".join(f"{number} {verdict}" for verdict, number in row.counted().items())
    click.echo(f"{plain(row.label)}  {plain(row.name)}: {counts}")
    if row.proven is None:
        click.echo("  never proven: no run PASSED")
    else:
        length = run_comparison.length(row.proven)
        click.echo(f"  last proven  {row.proven.started[:19]}Z  {plain(row.proven.run)}  PASSED, outage {length}")
    if row.last is not row.proven:
        because = plain(row.last.because, 200)
        click.echo(
            f"  last run     {row.last.started[:19]}Z  {plain(row.last.run)}  {row.last.verdict.value}: {because}"
        )


def _as_json(row: Row) -> dict[str, Any]:
    runs = [
        {"run": run.run, "started": run.started, "verdict": run.verdict.value, "because": run.because}
        for run in row.runs
    ]
    proven = row.proven.run if row.proven else None
    return {"label": row.label, "what": row.name, "last_proven_by": proven, "verdicts": row.counted(), "runs": runs}


def _labels(runs: list[Any]) -> str:
    return ", ".join(sorted({plain(label) for run in runs for label in run.satisfies})) or "none"
