"""`faildrill run`: start a run, show it, pass signals on, and exit as the verdict says."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import click
import msgspec

from faildrill.cli.live import Mode, show
from faildrill.cli.places import environment
from faildrill.clock import SystemClock
from faildrill.drill import Drill
from faildrill.environment import Environment
from faildrill.errors import WrongUsage
from faildrill.guarding.holding import await_release, marks
from faildrill.judging.result import Result
from faildrill.loading import load_drill
from faildrill.reports import terminal
from faildrill.running.starting import Started, lay_out, start

RESULT = "result.json"
_LEAVES = 3


@click.command()
@click.argument("drill", type=click.Path(path_type=Path))
@click.option("--env", "env", metavar="NAME|FILE", help="Where to drill; default: what the drill names.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="What to print at the end.")
@click.option("-q", "--quiet", is_flag=True, help="Print the verdict only.")
@click.option("--leave-applied", is_flag=True, help="Do NOT put anything back. The environment stays dirty.")
def run(  # noqa: PLR0913 - one parameter an option
    drill: Path, env: str | None, reports: Path, output: str, *, quiet: bool, leave_applied: bool
) -> None:
    """Run a drill, put everything back, judge it and report it.

    Ctrl-C stops it and puts everything back; twice, without waiting to see it steady; three times leaves it as it is.
    """
    named = env or load_drill(drill, None).drill.environment
    with environment(named, drill, start_lab=True) as place:
        loaded = load_drill(drill, place)
        for warning in loaded.warnings:
            click.echo(f"{drill}:{warning.line}:{warning.column}: warning: {warning.message}", err=True)
        mode: Mode = "quiet" if quiet or output == "json" else "live" if sys.stdout.isatty() else "plain"
        code = _run(loaded.drill, place, reports, (mode, output), leave_applied=leave_applied)
    sys.exit(code)


def _run(drill: Drill, place: Environment, reports: Path, how: tuple[Mode, str], *, leave_applied: bool) -> int:
    mode, output = how
    try:
        folder = lay_out(drill, place, reports, SystemClock(), leave_applied=leave_applied)
    except OSError as error:
        raise WrongUsage(f"no folder for the run can be made in {reports}: {error.strerror}") from error
    started = start(folder)
    asyncio.run(_follow(started, mode))
    code = started.sentinel.wait()
    if code < 0:
        click.echo("the sentinel died; the runner puts everything back by itself", err=True)
        await_release(place.proven_identity)
    path = folder / RESULT
    if not path.exists():
        click.echo(
            f"the run was not judged (sentinel: {code}); see {folder}/sentinel.log, then run: "
            f"faildrill recover {folder}",
            err=True,
        )
        return 7
    result = msgspec.json.decode(path.read_bytes(), type=Result)
    try:
        if output == "json":
            click.echo(path.read_text(encoding="utf-8"))
        else:
            terminal.summary(result, folder, sys.stdout, quiet=mode == "quiet")
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads any more: that says nothing about the drill
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if any(one.run == folder.name for one in marks(place.proven_identity)):
        click.echo(f"the environment is DIRTY; put it back with: faildrill recover {folder}", err=True)
    return result.exit_code


async def _follow(started: Started, mode: Mode) -> None:
    """Show the run until its sentinel is done; signals go to the sentinel, and never end the showing."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    got = 0

    def pass_on(number: signal.Signals) -> None:
        nonlocal got
        got += number == signal.SIGINT
        if started.sentinel.poll() is None:
            started.sentinel.send_signal(number)
        if got == _LEAVES and number == signal.SIGINT:
            click.echo(f"left as it is; put it back with: faildrill recover {started.folder}", err=True)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, pass_on, number)
    showing = asyncio.create_task(show(started.folder, done, mode=mode, out=sys.stdout))
    while started.sentinel.poll() is None:  # noqa: ASYNC110 - a process of `subprocess` has no event to await
        await asyncio.sleep(0.05)
    done.set()
    await asyncio.gather(showing, return_exceptions=True)
