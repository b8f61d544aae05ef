"""`faildrill judge` and `faildrill report`: a recorded run, judged and reported again from its files."""

import sys
from pathlib import Path
from typing import Final

import click

from faildrill import judging
from faildrill.cli.latest_run import is_set
from faildrill.cli.named_runs import FOLDER, find
from faildrill.cli.standard_output import unread
from faildrill.errors import reason
from faildrill.judging.result import Result
from faildrill.reports import terminal
from faildrill.reports.run_files import conclude as conclude

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


def _print(result: Result, folder: Path, output: str) -> None:
    with unread():
        if output == "json":
            click.echo(judging.encode(result), nl=False)
        else:
            terminal.summary(result, folder, sys.stdout)
