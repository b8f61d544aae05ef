"""`faildrill run`: a drill, or a set of runs, from its file to its verdict."""

import sys
from pathlib import Path

import click

from faildrill import state
from faildrill.cli.following import drive, exit_code
from faildrill.cli.live import Mode, show
from faildrill.cli.places import environment
from faildrill.cli.sets import Choice, How, asked, see_through
from faildrill.cli.standard_output import unread
from faildrill.clock import SystemClock
from faildrill.drill import Drill
from faildrill.environment import Environment
from faildrill.errors import WrongUsage
from faildrill.judging import FILE
from faildrill.loading import load_drill
from faildrill.reports import terminal
from faildrill.running.sets import Wanted
from faildrill.running.starting import lay_out


@click.command()
@click.argument("drill", type=click.Path(path_type=Path))
@click.option("--env", "env", metavar="NAME|FILE", help="Where to drill; default: what the drill names.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="What to print at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict only.")
@click.option("--leave-applied", is_flag=True, help="Do NOT put anything back. The environment stays dirty.")
@click.option("--twins", is_flag=True, help="Run it and its twin, in an order that you are not told, as one set.")
@click.option("--times", type=click.IntRange(min=1), default=1, help="Run all of it so many times, as one set.")
@click.option("--way", metavar="NAME", help="Of a drill with several ways, take this one only.")
def run(
    drill: Path,
    env: str | None,
    reports: Path,
    output: str,
    *,
    quiet: bool,
    leave_applied: bool,
    twins: bool,
    times: int,
    way: str | None,
) -> None:
    """Run a drill, put everything back, judge it and report it.

    A drill with several ways is run once in each, as one set with one verdict; so is one with --twins or --times.
    Ctrl-C stops it and puts everything back; twice, without waiting to see it steady; three times leaves it as it is.
    """
    state.check()
    mode: Mode = "quiet" if quiet or output == "json" else "live" if sys.stdout.isatty() else "plain"
    how = How(mode, output, reports)
    named = env or load_drill(drill, None).drill.environment
    with environment(named, drill, start_lab=True, tell=mode != "quiet") as place:
        wanted = asked(drill, place, Choice(twins=twins, times=times, way=way))
        if isinstance(wanted, Wanted):
            if leave_applied:
                raise WrongUsage("--leave-applied is for one run: the next one of a set would find it dirty")
            code = see_through(wanted, place, how)
        else:
            code = _run(wanted, place, how, leave_applied=leave_applied)
    sys.exit(code)


def _run(drill: Drill, place: Environment, how: How, *, leave_applied: bool) -> int:
    try:
        folder = lay_out(drill, place, how.reports, SystemClock(), leave_applied=leave_applied)
    except OSError as error:
        raise WrongUsage(f"no folder for the run can be made in {how.reports}: {error.strerror}") from error
    result = drive(folder, place, lambda done: show(folder, done, mode=how.mode, out=sys.stdout))
    if result is not None:
        with unread():
            if how.output == "json":
                click.echo((folder / FILE).read_text(encoding="utf-8"))
            else:
                terminal.summary(result, folder, sys.stdout, quiet=how.mode == "quiet")
    return exit_code(result, folder, place)
