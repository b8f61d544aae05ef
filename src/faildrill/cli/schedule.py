"""`faildrill schedule`: when game days are due, who is told, what became of those before; and run what is due."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from faildrill.cli import chosen_drills, file_check, notices, schedule_text
from faildrill.cli.announcer import People
from faildrill.cli.environment_choice import lab_that_is_up, may_be_started
from faildrill.cli.options import NOTIFY, NOTIFY_AT, Moment
from faildrill.cli.past_runs import OUTPUT
from faildrill.cli.set_run import How
from faildrill.errors import FaildrillError, InvalidFile, JournalError, Objection, WrongUsage
from faildrill.kinds import did_you_mean
from faildrill.loading.game_day_file import FOLDER, game_days, valid_game_days
from faildrill.locking.dirty_marks import all_marks
from faildrill.model.game_day import GameDay
from faildrill.scheduling import blockers
from faildrill.scheduling.due import upcoming
from faildrill.scheduling.occurrence_record import AnyEvent, Died, Ended, Known, Missed, last_looked_at, lines_of
from faildrill.scheduling.tick import Outcome, Run, Ways, see_to
from faildrill.secrets import Reference
from faildrill.system import state_folder
from faildrill.system.exit_codes import ExitCode, unless_unsafe, worst

_FILES: Final = click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE|FOLDER]…")
_ONLY: Final = click.option("--only", metavar="NAME", help="Only the game day of this name.")


@click.group()
def schedule() -> None:
    """Say when game days are due, and run what is due.

    A game day is a file in drills/game-days/: which drills, when, with whom. Nothing of faildrill waits for it to be
    due: any scheduler calls `run-due` every minute, or every few.
    """


@schedule.command("list")
@_FILES
@_ONLY
@OUTPUT
@click.option("-n", "most", type=click.IntRange(min=0), default=5, show_default=True, help="How many of those past.")
def list_days(files: tuple[Path, ...], only: str | None, output: str, *, most: int) -> None:
    """List game days, when each is due next, and what became of the occurrences before."""
    now = datetime.now(UTC)
    days = _days(files, only)
    if output == "json":
        click.echo(json.dumps([_as_json(file, day, now, most) for file, day in days.items()], indent=2))
        return
    for file, day in days.items():
        for line in schedule_text.listed(file, day, lines_of(day.name), now, most):
            click.echo(line)


def _as_json(file: Path, day: GameDay, now: datetime, most: int) -> dict[str, object]:
    past = [line for line in lines_of(day.name) if not isinstance(line.what, Known)]
    return {
        "file": str(file),
        **day.model_dump(mode="json"),
        "next": [moment.isoformat() for moment in upcoming(day.times, now, 1)],
        "past": msgspec.to_builtins(past[-most:] if most else []),
    }


@schedule.command("next")
@_FILES
@_ONLY
@OUTPUT
@click.option("-n", "most", type=click.IntRange(min=1), default=3, show_default=True, help="How many of each.")
def next_days(files: tuple[Path, ...], only: str | None, output: str, *, most: int) -> None:
    """Say when game days are due next, who takes part, and who is told what when; the soonest first."""
    now = datetime.now(UTC)
    coming = [(at, day) for day in _days(files, only).values() for at in upcoming(day.times, now, most)]
    coming.sort(key=lambda one: (one[0], one[1].name))
    if output == "json":
        click.echo(json.dumps([schedule_text.occurrence(day, at) for at, day in coming], indent=2))
        return
    for at, day in coming:
        for line in schedule_text.coming(day, at, now):
            click.echo(line)
    if not coming:
        click.echo("no game day is due any more")


@schedule.command()
@_FILES
@_ONLY
def check(files: tuple[Path, ...], only: str | None) -> None:
    """Check game days: their drills, their environments, what blocks them now, and whether anything ticks.

    Exits with 1 where something would keep the next occurrence from being run. Nothing is touched.
    """
    now, wrong = datetime.now(UTC), False
    for file, day in _days(files, only).items():
        click.echo(f"{file}: {day.name}")
        for is_good, line in _looked_at(day, now):
            wrong = wrong or not is_good
            click.echo(f"  {'ok ' if is_good else 'NO '} {line}")
    sys.exit(ExitCode.FAILED if wrong else ExitCode.PASSED)


def _looked_at(day: GameDay, now: datetime) -> Iterator[tuple[bool, str]]:
    """Yield what was looked at of a game day, and whether it is well."""
    yield _checked("its drills can be loaded for their environments", lambda: _load(day))
    coming = upcoming(day.times, now, 1)
    if not coming:
        yield False, "due: never again; give it dates to come, or a cron"
    for at in coming:
        blocked = blockers.foreseen(day, at)
        yield blocked is None, f"due: {schedule_text.when(day, at)}{f'; blocked then: {blocked}' if blocked else ''}"
        for line in schedule_text.announced(day, at, now):
            yield True, line
    blocked = blockers.objection(day)
    yield True, f"now it would be blocked: {blocked}" if blocked else "nothing blocks it now"
    last = last_looked_at(day.name)
    if last is None:
        yield (
            False,
            "no tick has looked at it yet: have a scheduler call `faildrill schedule run-due` (docs/schedules.md)",
        )
    else:
        yield _is_ticking(last, now)
    yield _checked("its record can be trusted", lambda: lines_of(day.name))


_STALE: Final = 3600.0


def _is_ticking(last: datetime, now: datetime) -> tuple[bool, str]:
    age = (now - last).total_seconds()
    tick = f"the last tick looked at it {schedule_text.ago(age)}"
    return age <= _STALE, tick if age <= _STALE else f"{tick}: does the scheduler that calls `run-due` still run?"


def _checked(what: str, trying: Callable[[], object]) -> tuple[bool, str]:
    try:
        trying()
    except FaildrillError as error:
        return False, f"{what}: no: {error}"
    return True, what


def _load(day: GameDay) -> None:
    """Load the drills for their environments; InvalidFile or WrongUsage where one can't be run. No lab is started."""
    named = day.environment
    is_started = named is not None and lab_that_is_up(named) is None and may_be_started(named)
    for path in chosen_drills.drills_in(Path(drill) for drill in day.drills):
        for checked in file_check.check(path, None if is_started else named):
            if checked.mistakes:
                raise InvalidFile(checked.file, checked.mistakes)


@schedule.command("run-due")
@_FILES
@_ONLY
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="Print what was run or missed only, not how the runs go.")
@NOTIFY
@NOTIFY_AT
def run_due(
    files: tuple[Path, ...],
    only: str | None,
    reports: Path,
    notify: tuple[Reference, ...],
    notify_at: tuple[Moment, ...],
    *,
    quiet: bool,
) -> None:
    """Run what is due, write down what was missed and why, and end: to be called every few minutes, by anything.

    However many call it, on however many hosts that share the state folder, an occurrence is run once. Exits with 0
    where nothing was due or all that was due PASSED, else with the worst of their exit codes: 3 where one was blocked,
    4 where one was missed, 5 where one was cut short.
    """
    state_folder.check()
    notices.ready(notify)
    days, mistakes = valid_game_days(_given_paths(files))
    for mistake in mistakes:  # it keeps no other game day from being seen to
        click.echo(mistake, err=True)
    people = People(notify, frozenset(notify_at))
    codes = [_see_to(day, reports, people, quiet=quiet) for day in _chosen(days, only).values()] if days else []
    codes += [ExitCode.WRONG_USAGE] if mistakes else []
    sys.exit(worst(codes))


def _see_to(day: GameDay, reports: Path, people: People, *, quiet: bool) -> ExitCode:
    """See to one game day; what is wrong with it is said, and keeps no other one from being seen to."""

    def told(event: AnyEvent) -> None:
        for line in schedule_text.written(day, event):
            click.echo(line)

    ways = Ways(blockers.objection, lambda one: _ready(one, reports, people, quiet=quiet), told=told)
    try:
        written = see_to(day, ways)
    except Objection as error:
        if not quiet:
            click.echo(str(error))
        return ExitCode.PASSED
    except (JournalError, OSError) as error:
        click.echo(f"{day.name}: nothing of it is run: {error}", err=True)
        return ExitCode.ERROR
    if "end" in people.at:
        notices.tell(people.to, schedule_text.notice(day, written))
    return worst(_code(line) for line in written)


def _code(event: AnyEvent) -> ExitCode:
    if isinstance(event, Ended):
        return ExitCode(event.code)
    if isinstance(event, Died):
        return unless_unsafe(ExitCode.ABORTED, all_marks)
    if isinstance(event, Missed):
        return ExitCode.REFUSED if event.sort == "blocked" else ExitCode.INCONCLUSIVE
    return ExitCode.PASSED


@contextlib.contextmanager
def _ready(day: GameDay, reports: Path, people: People, *, quiet: bool) -> Iterator[Run]:
    """Load the drills of a game day for their environments, and give what runs them."""
    from faildrill.cli import suite_run
    from faildrill.running.suite import Rules

    paths = [Path(drill) for drill in day.drills]
    meanwhile = replace(people, at=people.at - {"end"})  # that is told once, with what was missed
    how = How("quiet" if quiet else "plain", "text", reports, meanwhile)
    with chosen_drills.chosen(paths, chosen_drills.Choice(), day.environment, tell=not quiet) as members:

        def run() -> Outcome:
            rules = Rules(keep_going=day.keep_going)
            through = suite_run.see_through(replace(members, name=day.name), rules, how)
            return Outcome(through.code, through.result.because, str(through.folder))

        yield run


def _days(files: tuple[Path, ...], only: str | None) -> dict[Path, GameDay]:
    """Load the game days that are asked for; WrongUsage where there is none, or a mistake in one."""
    asked = _given_paths(files)
    days = game_days(asked)
    if not days:
        raise WrongUsage(f"no *.yaml in {', '.join(str(path) for path in asked)}")
    return _chosen(days, only)


def _given_paths(files: tuple[Path, ...]) -> list[Path]:
    if not files and not FOLDER.is_dir():
        raise WrongUsage(f"there is no {FOLDER}/ here: name the files or folders of game days (docs/schedules.md)")
    return [*files] or [FOLDER]


def _chosen(found: dict[Path, GameDay], only: str | None) -> dict[Path, GameDay]:
    """Return the game day of that name, or all; WrongUsage where there is none of that name."""
    chosen = {file: day for file, day in found.items() if only in (None, day.name)}
    if not chosen:
        raise WrongUsage(
            f"no game day is called {only!r}{did_you_mean(str(only), [day.name for day in found.values()])}"
        )
    return chosen
