"""`faildrill bundle`: recorded runs in one file, for somebody who was not there; and what such a file is worth."""

import sys
from pathlib import Path
from typing import Final

import click

from faildrill.cli.latest_run import is_set
from faildrill.cli.named_runs import find, runs_in
from faildrill.cli.past_runs import REPORTS
from faildrill.cli.time_options import day
from faildrill.errors import WrongUsage, reason
from faildrill.reports.wording import plain

_FILE: Final = click.Path(path_type=Path, dir_okay=False)
_EXISTING: Final = click.Path(path_type=Path, dir_okay=False, exists=True)


class _Bundle(click.Group):
    """`bundle RUN…` makes one; `bundle verify FILE` checks one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, "-h", "--help"}:
            args = ["of", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Bundle)
def bundle() -> None:
    """Put recorded runs into one file (`bundle RUN…`), or check such a file (`bundle verify FILE`).

    RUN is a folder, an id, or `last`; of a set all its runs are taken. `bundle of --help` tells the options.
    """


@bundle.command("of")
@click.argument("runs", nargs=-1, metavar="RUN…")
@click.option("--since", callback=day, metavar="DATE", help="All runs begun from this day on (UTC), in place of RUN….")
@click.option("--until", callback=day, metavar="DATE", help="With --since: and before this day.")
@click.option("--drill", metavar="NAME", help="With --since: only of this drill.")
@click.option("-o", "--output", type=_FILE, default="bundle.tar", show_default=True, help="The file to write.")
@click.option("--sign", "key", type=_EXISTING, metavar="KEY", help="Sign it with this SSH key, by ssh-keygen.")
@REPORTS
def make(
    runs: tuple[str, ...],
    *,
    since: str,
    until: str,
    drill: str | None,
    output: Path,
    key: Path | None,
    among: Path,
) -> None:
    """Write a bundle of recorded runs, check it, and say what was found.

    It holds what verdicts rest on and the chain of the history, no logs and no reports. An existing file is never
    replaced.
    """
    from faildrill.bundling import contents
    from faildrill.clock import SystemClock

    if bool(runs) == bool(since) or (not since and (until or drill)):
        raise WrongUsage("name runs, or all of a time with --since (and --until, --drill)")
    if output.exists():
        raise WrongUsage(f"{output} is there already: name another file with -o")
    span = contents.Span(since=since, until=until, drill=drill or "") if since else None
    folders = contents.begun_in(span, among) if span else _run_folders(runs, among)
    if not folders:
        raise WrongUsage(f"no run in {among} was begun then")
    contents.write(output, folders, span, key, SystemClock())
    click.echo(f"{output}: {output.stat().st_size:,} bytes")
    _print_check(output, None, None)


@bundle.command()
@click.argument("file", type=_FILE)
@click.option(
    "--allowed-signers",
    type=_EXISTING,
    metavar="FILE",
    help="Whose signature counts, as in ssh-keygen(1) under ALLOWED SIGNERS.",
)
@click.option("--after", type=_EXISTING, metavar="OLDER", help="An older bundle: the history must go on from there.")
def verify(file: Path, allowed_signers: Path | None, after: Path | None) -> None:
    """Say what of a bundle is right, wrong and missing.

    Exits with 0 where nothing is wrong, 1 where something is wrong or missing, 4 where something can't be told.
    """
    _print_check(file, allowed_signers, after)


def _print_check(file: Path, allowed_signers: Path | None, after: Path | None) -> None:
    from faildrill.bundling.check import Trust, check

    try:
        report = check(file, Trust(allowed_signers, after))
    except OSError as error:
        raise WrongUsage(f"{error.filename or file} can't be read: {reason(error)}") from error
    for statement in report.said:
        click.echo(f"{statement.level.value:<10}  {plain(statement.text, 400)}")
    sys.exit(report.exit_code)


def _run_folders(runs: tuple[str, ...], among: Path) -> list[Path]:
    folders: dict[Path, None] = {}
    for run in runs:
        folder = find(run, among)
        folders |= dict.fromkeys(runs_in(folder) if is_set(folder) else [folder])
    return [*folders]
