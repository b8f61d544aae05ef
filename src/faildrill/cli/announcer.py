"""People are told of runs while they go on: read from their files, and sent by processes that no run waits for."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args

from faildrill import durations
from faildrill.cli import notices
from faildrill.cli.one_run import Showing
from faildrill.cli.options import Moment
from faildrill.judging.result import Result
from faildrill.live.run_view import Tail
from faildrill.model.drill import Drill
from faildrill.ports.notice import Notice
from faildrill.record import timeline as tl
from faildrill.reports.wording import count
from faildrill.running.longest_course import longest
from faildrill.secrets import Reference
from faildrill.system import who
from faildrill.system.exit_codes import ExitCode

_PAUSE: Final = 0.2
"""Seconds between two readings of a timeline."""


@dataclass(frozen=True)
class People:
    """Who is told, and of what."""

    to: tuple[Reference, ...] = ()
    at: frozenset[Moment] = frozenset(get_args(Moment))


@dataclass(frozen=True)
class Subject:
    """What people are told of: a run, or many as one."""

    name: str
    about: Sequence[str] = ()
    """What they should know when it begins."""
    is_blinded: bool = False
    """Nothing of a single run is told that says which one it is."""


def foretold(drills: Sequence[Drill]) -> list[str]:
    """Say who begins these runs, how long they may take at the most, and how they are ended."""
    limit = durations.show(sum(longest(drill) for drill in drills))
    return [
        f"begun by {who.user()} on {who.machine()}: {count(len(drills), 'run')}, at most {limit} by their own limits",
        f"To end a run and have everything put back, on {who.machine()}: faildrill abort",
    ]


@dataclass
class Announcer:
    """Tells people of the runs of one command. Never raises for what becomes of a notice."""

    people: People
    subject: Subject
    _under_way: list[notices.Sending] = field(default_factory=list)
    _has_begun: bool = False
    _in_need: set[Path] = field(default_factory=set)

    def beside(self, showing: Showing, folder: Path, title: str = "") -> Showing:
        """Return what shows a run, and tells people of it meanwhile; `title` tells it from others of its set."""
        if not self.people.to:
            return showing

        async def both(done: asyncio.Event) -> None:
            await asyncio.gather(showing(done), self._follow(folder, title, done))

        return both

    async def _follow(self, folder: Path, title: str, done: asyncio.Event) -> None:
        tail = Tail(folder / tl.FILE)
        while not done.is_set():
            self._read(tail, folder, title)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _PAUSE)
        self._read(tail, folder, title)

    def _read(self, tail: Tail, folder: Path, title: str) -> None:
        what = f"{self.subject.name}{f', {title}' if title else ''}"
        for entry in tail.new():
            for at, notice in self._told(entry.what, what, folder):
                self._send(at, notice)

    def _told(self, event: tl.AnyEvent, what: str, folder: Path) -> Iterator[tuple[Moment, Notice]]:
        """Yield what people are told of an event."""
        if isinstance(event, tl.PhaseStarted) and event.phase == "warming up" and not self._has_begun:
            self._has_begun = True
            yield "start", notices.begins(self.subject.name, self.subject.about)
        elif isinstance(event, tl.AbortAsked):
            yield "abort", notices.stops(what, "" if self.subject.is_blinded else event.because)
        elif isinstance(event, tl.UndoFailed | tl.UndoNotVerified) and folder not in self._in_need:
            self._in_need.add(folder)
            because = "" if self.subject.is_blinded else f"{event.step} is not seen put back: {event.because}"
            yield "hand", notices.needs_a_hand(what, because, folder)

    def over(self, code: ExitCode, result: Result | None, folder: Path, title: str) -> None:
        """Tell of a run of many that left its place as it should not be, where that was not told before."""
        if code == ExitCode.UNSAFE and folder not in self._in_need:
            self._in_need.add(folder)
            because = result.because if result is not None and not self.subject.is_blinded else ""
            self._send("hand", notices.needs_a_hand(f"{self.subject.name}, {title}", because, folder))

    def ended(self, code: ExitCode, because: str, folder: Path) -> None:
        """See all notices through, then tell how it ended; returns when people have it, or are given up."""
        until = time.monotonic() + notices.WITHIN
        with notices.on_signals():  # between two notices, too: the exit code is that of the runs
            for notice in self._under_way:
                notice.see_through(max(0.0, until - time.monotonic()))
            self._under_way.clear()
            if "end" in self.people.at:
                notices.tell(self.people.to, notices.ended(self.subject.name, code, because, folder))

    def _send(self, at: Moment, notice: Notice) -> None:
        if self.people.to and at in self.people.at:
            self._under_way.append(notices.Sending(self.people.to, notice, gives_way=True))
