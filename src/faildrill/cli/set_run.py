"""`faildrill run` of a set: which runs it is made of, and one after the other seen through to one verdict."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import click

from faildrill.cli.announcer import Announcer, People, Subject, foretold
from faildrill.cli.live_display import Mode, show
from faildrill.cli.one_run import Showing, drive, exit_code
from faildrill.cli.standard_output import unread
from faildrill.clock import SystemClock
from faildrill.errors import WrongUsage, reason
from faildrill.kinds import did_you_mean
from faildrill.live.run_view import Veil
from faildrill.loading import load_drill
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.reports import terminal, wording
from faildrill.running.set_layout import LaidOut, RunningSet, Wanted
from faildrill.system.exit_codes import ExitCode, unless_unsafe


@dataclass(frozen=True)
class Choice:
    """Which of the runs that a drill offers are wanted."""

    twins: bool = False
    times: int = 1
    way: str | None = None


@dataclass(frozen=True)
class How:
    """How a run is shown, and where it is kept."""

    mode: Mode
    output: str
    reports: Path
    people: People = field(default_factory=People)
    """Who is told of it."""


def asked(path: Path, place: Environment, choice: Choice) -> Drill | Wanted:
    """Return the drill that is to be run, or the set; WrongUsage where the drill does not offer what is asked for."""
    drill = _loaded(path, place)
    if choice.way is not None:
        drill = _one_way(drill, choice)
    if choice.twins:
        if not drill.twin:
            raise WrongUsage(f"the drill {drill.name} declares no twin; give it one with `twin: FILE`")
        twin = _loaded(path.parent / drill.twin, place)
        if twin.name == drill.name:
            raise WrongUsage(f"both twins are called {drill.name}: nobody could tell them apart")
        return Wanted(drill.name, "twins", {variant.name: variant for variant in (drill, twin)}, choice.times)
    if drill.ways and drill.way is None:
        return Wanted(drill.name, "ways", {way.name: drill.taking(way) for way in drill.ways}, choice.times)
    if choice.times == 1:
        return drill
    return Wanted(drill.name, "times", {drill.way.name if drill.way else drill.name: drill}, choice.times)


def _one_way(drill: Drill, choice: Choice) -> Drill:
    names = [way.name for way in drill.ways]
    if choice.way not in names:
        there = did_you_mean(choice.way or "", names) if names else "; it has none"
        raise WrongUsage(f"the drill {drill.name} has no way {choice.way!r}{there}")
    return drill.taking(drill.ways[names.index(choice.way)])


def _loaded(path: Path, place: Environment) -> Drill:
    loaded = load_drill(path, place)
    for warning in loaded.warnings:
        click.echo(f"{path}:{warning.line}:{warning.column}: warning: {warning.message}", err=True)
    return loaded.drill


def see_through(wanted: Wanted, place: Environment, how: How) -> int:
    """Run a set to its end, judge and report it, and return the exit code of its verdict."""
    try:
        running = RunningSet(wanted, place, how.reports, SystemClock())
    except OSError as error:
        raise WrongUsage(f"no folder for the set can be made in {how.reports}: {reason(error)}") from error
    if how.mode != "quiet":
        click.echo(f"{_opening_words(wanted, running)}; its folder is {running.folder}")
    codes: list[int] = []
    people = Announcer(how.people, _subject(wanted, place))
    try:
        running.see_through(lambda one: _noted(_one_run(one, wanted, place, how, people), codes))
    except KeyboardInterrupt:
        click.echo("interrupted between two runs: the rest is not started", err=True)
    from faildrill.cli.set_end import conclude, tell

    result = conclude(running.folder)
    tell(result, running.folder, how.output, quiet=how.mode == "quiet")
    code = unless_unsafe(ExitCode(result.exit_code), lambda: ExitCode.UNSAFE in codes)
    people.ended(code, result.because, running.folder)
    return code


def _noted(code: int, codes: list[int]) -> int:
    codes.append(code)
    return code


def _opening_words(wanted: Wanted, running: RunningSet) -> str:
    runs = wording.count(len(running.order), "run")
    names = wording.plain(", ".join(wanted.members))
    if not wanted.is_blinded:
        return f"a set of {runs}: {names}"
    return f"a set of {runs}, in an order that is shown at the end: {names}\nthe order is sealed: {running.seal}"


def _subject(wanted: Wanted, place: Environment) -> Subject:
    about = foretold([member for member in wanted.members.values() for _ in range(wanted.times)])
    return Subject(f"{wanted.drill} in {place.name}", about, is_blinded=wanted.is_blinded)


def _one_run(one: LaidOut, wanted: Wanted, place: Environment, how: How, people: Announcer) -> int:
    title = f"run {one.number} of {one.of}"
    if how.mode != "quiet":
        click.echo(f"\n{title}")
    result = drive(one.folder, place, people.beside(_showing(one, wanted, title, how), one.folder, title))
    code = exit_code(result, one.folder, place)
    people.over(code, result, one.folder, title)
    if result is not None and how.mode != "quiet":
        with unread():
            if wanted.is_blinded:
                click.echo(f"{title} is over")
            else:
                terminal.summary(result, one.folder, sys.stdout, quiet=True)
    return code


def _showing(one: LaidOut, wanted: Wanted, title: str, how: How) -> Showing:
    """Show a run; of a blinded set nothing that only one of its drills has."""
    veil = None
    if wanted.is_blinded:
        names = [frozenset(probe.name for probe in (*drill.probes, *drill.load)) for drill in wanted.members.values()]
        veil = Veil(title, frozenset.intersection(*names))
    return lambda done: show(one.folder, done, mode=how.mode, out=sys.stdout, veil=veil)
