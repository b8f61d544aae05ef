"""`faildrill run`: a drill, a set of runs, or many drills, from their files to their verdict."""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from faildrill.cli import notices
from faildrill.cli.announcer import Announcer, People, Subject, foretold
from faildrill.cli.environment_choice import environment
from faildrill.cli.live_display import Mode, show
from faildrill.cli.one_run import Showing, drive, exit_code
from faildrill.cli.options import NOTIFY, NOTIFY_AT, Moment
from faildrill.cli.set_run import Choice, How, asked, see_through
from faildrill.cli.standard_output import unread
from faildrill.cli.time_options import seconds
from faildrill.clock import SystemClock
from faildrill.errors import WrongUsage, reason
from faildrill.judging import FILE
from faildrill.judging.result import Result
from faildrill.loading import load_drill
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.reports import terminal
from faildrill.running.layout import lay_out
from faildrill.running.set_layout import Wanted
from faildrill.secrets import Reference
from faildrill.system import state_folder


@click.command()
@click.argument("drills", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|FOLDER…")
@click.option("--env", "env", metavar="NAME|FILE", help="Where to drill; default: what each drill names.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "ndjson"]),
    default="text",
    help="What to print: words, the result at the end, or every event as it happens.",
)
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict only.")
@NOTIFY
@NOTIFY_AT
@click.option("--leave-applied", is_flag=True, help="Do NOT put anything back. The environment stays dirty.")
@click.option("--twins", is_flag=True, help="Run it and its twin in a secret random order, as one set.")
@click.option("--times", type=click.IntRange(min=1), default=1, help="Run it this many times, as one set.")
@click.option("--way", metavar="NAME", help="With several ways: take this one only.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="With many drills: only those with this name; * stands for anything."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="With many drills: only those with this tag.")
@click.option("--keep-going", is_flag=True, help="With many drills: go on whatever became of the last one.")
@click.option("--shuffle", is_flag=True, help="Run many drills in random order; its seed is printed.")
@click.option("--seed", metavar="SEED", help="Run them in the order of this seed.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="Run this many at once, where their places differ.")
@click.option("--budget", metavar="TIME", callback=seconds, help="Begin no drill that could end later than this.")
@click.option(
    "--retry", type=click.IntRange(min=0), default=0, help="Retry a drill that was an ERROR, up to this many times."
)
def run(
    drills: tuple[Path, ...],
    env: str | None,
    reports: Path,
    output: str,
    *,
    quiet: bool,
    notify: tuple[Reference, ...],
    notify_at: tuple[Moment, ...],
    leave_applied: bool,
    twins: bool,
    times: int,
    way: str | None,
    only: tuple[str, ...],
    tags: tuple[str, ...],
    keep_going: bool,
    shuffle: bool,
    seed: str | None,
    jobs: int,
    budget: float | None,
    retry: int,
) -> None:
    """Run a drill, or all drills of some files and folders; put everything back, judge and report.

    Many drills are a suite: one folder, one report and one verdict, the worst of theirs. It stops at the first that
    isn't PASSED, unless it is to keep going. A drill with several ways is run once in each, as one set; so is one with
    --twins or --times. Ctrl-C stops it and puts everything back; twice, without waiting to see it steady; three
    times leaves it as it is.
    """
    state_folder.check()
    notices.ready(notify)
    mode: Mode = "quiet" if quiet or output != "text" else "live" if sys.stdout.isatty() else "plain"
    how = How(mode, output, reports, People(notify, frozenset(notify_at)))
    of_many = any((only, tags, keep_going, shuffle, seed is not None, jobs > 1, budget is not None, retry))
    if len(drills) == 1 and not drills[0].is_dir() and not of_many:
        sys.exit(_one(drills[0], env, Choice(twins=twins, times=times, way=way), how, leave_applied=leave_applied))
    if leave_applied or twins or way is not None or times > 1:
        raise WrongUsage("--leave-applied, --twins, --times and --way are for one drill: name a single file")
    from faildrill.cli import chosen_drills, suite_run
    from faildrill.running.suite import Rules

    wanted = chosen_drills.Choice(only, tags)
    order = suite_run.Order(shuffle, seed).drawn()
    with chosen_drills.chosen(list(drills), wanted, env, tell=mode != "quiet") as chosen:
        rules = Rules(keep_going, jobs, retry, budget, order, chosen.left_out)
        code = suite_run.see_through(chosen, rules, how).code
    sys.exit(code)


def _one(drill: Path, env: str | None, choice: Choice, how: How, *, leave_applied: bool) -> int:
    """Run one drill, or the set of runs that it is; return the exit code of the verdict."""
    named = env or load_drill(drill, None).drill.environment
    with environment(named, drill, start_lab=True, tell=how.mode != "quiet") as place:
        wanted = asked(drill, place, choice)
        if not isinstance(wanted, Wanted):
            return _run(wanted, place, how, drill, leave_applied=leave_applied)
        if leave_applied:
            raise WrongUsage("--leave-applied is for one run: the next one of a set would find it dirty")
        if how.output == "ndjson":
            raise WrongUsage("-o ndjson is for one run, or for many drills; a set of runs is told at its end: -o json")
        return see_through(wanted, place, how)


def _run(drill: Drill, place: Environment, how: How, file: Path, *, leave_applied: bool) -> int:
    try:
        folder = lay_out(drill, place, how.reports, SystemClock(), leave_applied=leave_applied)
    except OSError as error:
        raise WrongUsage(f"no folder for the run can be made in {how.reports}: {reason(error)}") from error
    people = Announcer(how.people, Subject(f"{drill.name} in {place.name}", foretold([drill])))
    beside = functools.partial(people.beside, folder=folder)
    result = _streamed(folder, place, beside) if how.output == "ndjson" else _displayed(folder, place, how, beside)
    if result is not None and os.environ.get("GITHUB_ACTIONS") == "true":
        from faildrill.cli import github_job

        github_job.tell(result, folder, file)
    code = exit_code(result, folder, place)
    because = result.because if result is not None else "it was not judged"
    people.ended(code, because, folder)
    return code


def _displayed(folder: Path, place: Environment, how: How, beside: Callable[[Showing], Showing]) -> Result | None:
    result = drive(folder, place, beside(lambda done: show(folder, done, mode=how.mode, out=sys.stdout)))
    if result is not None:
        with unread():
            if how.output == "json":
                click.echo((folder / FILE).read_text(encoding="utf-8"))
            else:
                terminal.summary(result, folder, sys.stdout, quiet=how.mode == "quiet")
    return result


def _streamed(folder: Path, place: Environment, beside: Callable[[Showing], Showing]) -> Result | None:
    from faildrill.cli.event_stream import Stream

    stream = Stream(sys.stdout)
    result = drive(folder, place, beside(lambda done: stream.of_run(folder, done)))
    if result is not None:
        stream.judged(result, folder)
    return result
