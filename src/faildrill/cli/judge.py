"""`faildrill judge` and `faildrill report`: a recorded run, judged and reported again from its files."""

import os
import sys
from pathlib import Path
from typing import Final

import click

from faildrill import judging
from faildrill.cli.latest_run import folders_in, is_recorded, latest
from faildrill.cli.latest_run import is_set as is_set
from faildrill.cli.standard_output import unread
from faildrill.errors import WrongUsage, reason
from faildrill.judging.result import Result
from faildrill.record import run_set, timeline
from faildrill.reports import terminal
from faildrill.reports.run_files import conclude as conclude

FOLDER: Final = Path("reports")
LAST: Final = "last"
_LISTED: Final = 5
_RUN = click.argument("run")
_REPORTS = click.option(
    "--reports", "among", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="Where runs are."
)
_OUTPUT = click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.command()
@_RUN
@_REPORTS
@_OUTPUT
def judge(run: str, among: Path, output: str) -> None:
    """Judge a recorded run, or a set of runs, again: the same files give the same verdict.

    RUN is its folder, its id, or `last`. Writes result.json (of a set set.json) into the folder where it can, and exits
    as the verdict says.
    """
    folder = find(run, among)
    if is_set(folder):
        sys.exit(_judge_set(folder, output))
    result = judging.judge(folder)
    try:
        judging.write(folder, result)
    except OSError as error:
        click.echo(f"result.json is not written: {reason(error)}", err=True)
    _print(result, folder, output)
    sys.exit(result.exit_code)


@click.command()
@_RUN
@_REPORTS
@_OUTPUT
def report(run: str, among: Path, output: str) -> None:
    """Judge a recorded run, or a set of runs, and write its reports anew, with what is in notes.md by now.

    RUN is its folder, its id, or `last`. Exits 0 when they are written, whatever the verdict. The runs of
    a set have reports of their own: name one by its folder.
    """
    folder = find(run, among)
    if is_set(folder):
        from faildrill.cli import set_end

        set_end.tell(set_end.conclude(folder), folder, output)
        return
    _print(conclude(folder), folder, output)


COMMANDS: Final = [judge, report]


def _judge_set(folder: Path, output: str) -> int:
    from faildrill.cli import set_end
    from faildrill.judging import set_result

    result = set_result.judge(folder)
    try:
        set_result.write(folder, result)
    except OSError as error:
        click.echo(f"set.json is not written: {reason(error)}", err=True)
    set_end.tell(result, folder, output)
    return result.exit_code


def find(run: str, among: Path) -> Path:
    """Return the folder of a run or a set: named by its path, by `last`, or by its id or folder's name among them.

    A name is only ever compared with those that are there, never joined to a path. Raises WrongUsage with what can
    be named instead.
    """
    given = Path(run)
    if is_recorded(given):
        return given
    last = latest(among) if run == LAST else None
    matching = [last] if last else _named(run, among)
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise WrongUsage(f"{run!r} could be any of these: {_names(matching)}")
    runs = runs_in(among)
    known = f"the latest there: {_names(runs)}" if runs else "there are none"
    raise WrongUsage(f"no run {run!r}: no folder with a {timeline.FILE}, and none of the runs in {among}; {known}")


def _named(run: str, among: Path) -> list[Path]:
    """Return those of this name, or whose id begins so; of a hundred thousand only those are looked into, and sets."""
    folders = folders_in(among) if run else []
    if run in folders and is_recorded(among / run):
        return [among / run]  # no other one has the time, the drill and the id
    outer = [among / folder for folder in folders if _is_called(folder, run)]
    sets = (folder for folder in folders if os.access(f"{among}/{folder}/{run_set.FILE}", os.F_OK))
    inner = [among / folder / name for folder in sets for name in folders_in(among / folder) if _is_called(name, run)]
    return [folder for folder in (*outer, *inner) if is_recorded(folder)]


def _is_called(name: str, run: str) -> bool:
    return name == run or name.rpartition("-")[2].startswith(run)


def find_one(run: str, among: Path) -> Path:
    """Return the folder of one run, as `find` does; WrongUsage for a set, with the runs in it that can be named."""
    folder = find(run, among)
    if is_set(folder):
        raise WrongUsage(f"{folder} is a set of runs: name one of them, e.g. {_names(runs_in(folder))}")
    return folder


def runs_in(among: Path) -> list[Path]:
    """Return the folders of runs and sets in a folder, by name; none where it can't be read."""
    return [among / name for name in folders_in(among) if is_recorded(among / name)]


def _names(folders: list[Path]) -> str:
    return ", ".join(folder.name for folder in folders[-_LISTED:])


def _print(result: Result, folder: Path, output: str) -> None:
    with unread():
        if output == "json":
            click.echo(judging.encode(result), nl=False)
        else:
            terminal.summary(result, folder, sys.stdout)
