"""`faildrill run` of many drills: each seen through to its verdict, then all of them to one."""

import asyncio
import secrets
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from faildrill import durations
from faildrill.cli import github_job
from faildrill.cli.announcer import Announcer, Subject, foretold
from faildrill.cli.chosen_drills import Chosen
from faildrill.cli.event_stream import Stream
from faildrill.cli.live_display import show
from faildrill.cli.one_run import Showing, Signals, exit_code, follow, outcome
from faildrill.cli.set_end import conclude, tell
from faildrill.cli.set_run import How
from faildrill.cli.standard_output import unread
from faildrill.clock import SystemClock
from faildrill.errors import JournalError, WrongUsage, reason
from faildrill.judging.result import Result, Verdict
from faildrill.judging.set_result import SetResult
from faildrill.record import timeline
from faildrill.reports import terminal, wording
from faildrill.running.suite import Begun, Ended, Rules, Suite
from faildrill.system.exit_codes import ExitCode, unless_unsafe

_SEED_BYTES: Final = 4


@dataclass(frozen=True)
class Order:
    """In which order the drills of a suite are wanted."""

    shuffle: bool = False
    seed: str | None = None
    """The one that an earlier suite has printed."""

    def drawn(self) -> str:
        """Return the seed that the order follows from, empty where it is the given one."""
        if self.seed is not None:
            return self.seed
        return secrets.token_hex(_SEED_BYTES) if self.shuffle else ""


@dataclass(frozen=True)
class Through:
    """A suite that was seen through to its end."""

    code: ExitCode
    result: SetResult
    folder: Path


def see_through(chosen: Chosen, rules: Rules, how: How) -> Through:
    """Run a suite to its end, judge and report it, and return what came of it."""
    try:
        suite = Suite(chosen.name, chosen.members, rules, how.reports, SystemClock())
    except OSError as error:
        raise WrongUsage(f"no folder for the suite can be made in {how.reports}: {reason(error)}") from error
    tries = range(1 + rules.retries)
    about = foretold([member.drill for member in suite.order for _ in tries])
    people = Announcer(how.people, Subject(f"{chosen.name}, {wording.count(len(suite.order), 'drill')}", about))
    running = _Running(suite, rules, how, people)
    if how.mode != "quiet":
        _open(suite, chosen, rules)
    asyncio.run(running.all())
    result = conclude(suite.folder)
    if running.stream is not None:
        running.stream.set_judged(result, suite.folder)
    else:
        tell(result, suite.folder, how.output, quiet=how.mode == "quiet")
    if github_job.is_one():
        github_job.tell_of_suite(result, suite.folder, chosen.files)
    code = unless_unsafe(ExitCode(result.exit_code), lambda: ExitCode.UNSAFE in running.codes)
    people.ended(code, result.because, suite.folder)
    return Through(code, result, suite.folder)


def _open(suite: Suite, chosen: Chosen, rules: Rules) -> None:
    """Say what is going to be run, in which order, and by when."""
    size = f"a suite of {wording.count(len(suite.order), 'drill')}"
    if chosen.left_out:
        size += f" ({wording.count(chosen.left_out, 'more drill')} not chosen)"
    click.echo(f"{size}; its folder is {suite.folder}")
    if rules.seed:
        click.echo(f"the order is shuffled; to have it again: --seed {wording.shell(rules.seed)}")
    if rules.budget is not None:
        click.echo(f"it may take {durations.show(rules.budget)}: what could take longer is not begun")


class _Running:
    """The runs of a suite, as the command follows them."""

    def __init__(self, suite: Suite, rules: Rules, how: How, people: Announcer) -> None:
        self._suite = suite
        self._rules = rules
        self._how = how if rules.jobs == 1 or how.mode == "quiet" else replace(how, mode="plain")
        self._people = people
        self._signals = Signals()
        self.stream = Stream(sys.stdout, suite.folder.name) if how.output == "ndjson" else None
        self.codes: list[int] = []

    async def all(self) -> None:
        """See all of them through."""
        self._signals.listen()
        if self.stream is not None:
            self._suite.told = self.stream.of_set
        await self._suite.see_through(self._one, self._interrupted)

    def _interrupted(self) -> str:
        got = self._signals.got
        return f"the suite was ended by {got.name}" if got else ""

    async def _one(self, begun: Begun) -> Ended:
        title = self._title(begun)
        if self._how.mode != "quiet":
            click.echo(f"\n{title}" if self._rules.jobs == 1 else title)
        showing = self._people.beside(self._showing(begun), begun.folder, title)
        status = await follow(begun.folder, showing, self._signals)
        place = begun.member.place
        result = await asyncio.to_thread(outcome, status, begun.folder, place)
        code = exit_code(result, begun.folder, place)
        self.codes.append(code)
        self._people.over(code, result, begun.folder, title)
        if result is not None:
            self._print_result(result, begun)
        return Ended(code, _stopped(result, begun))

    def _title(self, begun: Begun) -> str:
        again = f", try {begun.attempt} of {1 + self._rules.retries}" if begun.attempt > 1 else ""
        return f"run {begun.number} of {len(self._suite.order)}: {wording.plain(begun.member.name)}{again}"

    def _showing(self, begun: Begun) -> Showing:
        stream = self.stream
        if stream is not None:
            return lambda done: stream.of_run(begun.folder, done, begun.member.name)
        label = begun.member.name if self._rules.jobs > 1 else ""
        return lambda done: show(begun.folder, done, mode=self._how.mode, out=sys.stdout, label=label)

    def _print_result(self, result: Result, begun: Begun) -> None:
        if self.stream is not None:
            self.stream.judged(result, begun.folder, begun.member.name)
        elif self._how.mode != "quiet":
            with unread():
                terminal.summary(result, begun.folder, sys.stdout, quiet=True)


def _stopped(result: Result | None, begun: Begun) -> str:
    """Tell who ended a run from outside, a person or a signal: that is meant for the whole suite."""
    if result is None or result.verdict in (Verdict.PASSED, Verdict.REFUSED):
        return ""
    try:
        known = timeline.entries(begun.folder / timeline.FILE)
    except (JournalError, OSError):
        return ""
    asked = (entry.what for entry in known if isinstance(entry.what, timeline.AbortAsked))
    why = next((asking.because for asking in asked if asking.by in ("person", "signal")), "")
    return f"run {begun.number} ({begun.member.name}) was ended: {why}" if why else ""
