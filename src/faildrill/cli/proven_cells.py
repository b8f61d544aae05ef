"""`faildrill coverage` and `next`: what was last proven of the drills that there are, and what to drill next."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from faildrill.cli.chosen_drills import drills_in
from faildrill.cli.past_runs import OUTPUT, REPORTS, indexed, tell_untold
from faildrill.cli.time_options import seconds
from faildrill.history.last_proven import Cell, State, Wanted, cells, most_urgent, wanted
from faildrill.loading import load_drill
from faildrill.reports.wording import count, plain, shell
from faildrill.system.exit_codes import ExitCode

_DRILLS: Final = click.argument("drills", nargs=-1, required=True, type=click.Path(path_type=Path))
_ENV: Final = click.option(
    "--env", "env", metavar="NAME", help="Where it is to be proven; default: where each file says."
)
_WITHIN: Final = click.option(
    "--within", callback=seconds, default="90d", show_default=True, metavar="TIME", help="How long a proof counts."
)


@click.command()
@_DRILLS
@_ENV
@_WITHIN
@REPORTS
@OUTPUT
def coverage(drills: tuple[Path, ...], env: str | None, within: float, among: Path, output: str) -> None:
    """Say of each drill, in files and folders, when it was last proven, by which run, and until when that counts.

    Each drill, in each of its ways, is required in its environment. Only a run that PASSED proves anything. Exits with
    1 where one is broken, was never proven, does something else than when it was, or is stale.
    """
    wanted_cells = _cells(drills, env, within, among)
    if output == "json":
        click.echo(json.dumps([_as_json(cell) for cell in wanted_cells], indent=2))
    else:
        for cell in wanted_cells:
            click.echo(_line(cell))
        proven = sum(cell.state is State.PROVEN for cell in wanted_cells)
        click.echo(f"{proven} of {count(len(wanted_cells), 'cell')} proven")
    sys.exit(0 if all(cell.state is State.PROVEN for cell in wanted_cells) else ExitCode.FAILED)


@click.command("next")
@_DRILLS
@_ENV
@_WITHIN
@REPORTS
@OUTPUT
@click.option("-n", "most", type=click.IntRange(min=1), default=3, show_default=True, help="How many drills.")
def next_drills(
    drills: tuple[Path, ...], env: str | None, within: float, among: Path, output: str, *, most: int
) -> None:
    """Say what to drill next, and why: what is broken, never proven, changed since, or proven longest ago."""
    urgent = most_urgent(_cells(drills, env, within, among))[:most]
    if output == "json":
        click.echo(json.dumps([_as_json(cell) for cell in urgent], indent=2))
        return
    for cell in urgent:
        click.echo(f"{plain(cell.wanted.name)}: {cell.state.value}: {plain(cell.because, 300)}")
        click.echo(f"  {_command(cell.wanted)}")


def _cells(drills: tuple[Path, ...], env: str | None, within: float, among: Path) -> list[Cell]:
    asked: list[Wanted] = []
    for path in drills_in(drills):
        drill = load_drill(path, None).drill
        asked += wanted(str(path), drill, env or drill.environment)
    with indexed(among) as index:
        tell_untold(index)
        return cells(asked, index.last_of, timedelta(seconds=within), datetime.now(UTC))


def _line(one: Cell) -> str:
    what = f"{plain(one.wanted.name)}: {', '.join(one.wanted.components) or 'no target'}; {one.wanted.sort}"
    back = f"; {one.back}" if one.back else ""
    return f"{one.state.value:<13}  {plain(what, 200)}{back}; {plain(one.because, 300)}"


def _command(one: Wanted) -> str:
    way = f" --way {shell(one.way)}" if one.way else ""
    return f"faildrill run {shell(one.file)} --env {shell(one.environment)}{way}"


def _as_json(one: Cell) -> dict[str, Any]:
    state = {"state": one.state.value, "because": one.because, "expires": one.expires, "back": one.back}
    return {**asdict(one.wanted), **state, "proven_by": one.proven.run if one.proven else None}
