"""One look at a game day: what is due is run or missed, once, and written down before and after."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import ValidationError

from faildrill import durations
from faildrill.errors import FaildrillError
from faildrill.model.game_day import GameDay, Times
from faildrill.record.journal import Disk
from faildrill.scheduling.due import Decided, decided, due, planned
from faildrill.scheduling.occurrence_record import (
    AnyEvent,
    Claimed,
    Died,
    Ended,
    Known,
    Missed,
    Reason,
    Record,
    key,
    last_looked_at,
)
from faildrill.system import who
from faildrill.system.exit_codes import ExitCode

TOGETHER: Final = 20
"""More missed occurrences than these, of one reason and one tick, are written down as one line that counts them."""
_INSTANT: Final = timedelta(seconds=1)
"""Less than the minute that times of cron have: it asks for an occurrence at this very moment."""


@dataclass(frozen=True)
class Outcome:
    """How the drills of an occurrence ended."""

    code: int
    because: str = ""
    folder: str = ""


Run = Callable[[], Outcome]


def _system_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Ways:
    """What a tick needs from outside."""

    blocked: Callable[[GameDay], str | None]
    """Asks what blocks a game day now."""
    ready: Callable[[GameDay], AbstractContextManager[Run]]
    """Makes its drills ready to run; FaildrillError where they can't be run at all."""
    now: Callable[[], datetime] = _system_now
    """The wall clock, in UTC."""
    disk: Disk = field(default_factory=Disk)
    told: Callable[[AnyEvent], None] = lambda _: None
    """Told of everything that is written down, as it is."""


def see_to(day: GameDay, ways: Ways) -> list[AnyEvent]:
    """Run or miss what is due of a game day, and return what was written down.

    Objection where another process is at it, which is no miss: that one, or the next tick, sees to it. JournalError
    and OSError where nothing can be written down: nothing is run then.
    """
    # Before the lock is taken: taking it counts as looking.
    last = last_looked_at(day.name)
    with Record.held(day.name, ways.now(), ways.disk) as record:
        tick = _Tick(day, record, ways, last)
        tick.all()
    return tick.written


class _Tick:
    def __init__(self, day: GameDay, record: Record, ways: Ways, last: datetime | None) -> None:
        self._day = day
        self._record = record
        self._ways = ways
        self._last = last
        self._now = ways.now()
        self.written: list[AnyEvent] = []

    def all(self) -> None:
        known = decided(self._record.lines, self._now)
        if known.open is not None:
            self._bury(known.open)
        waiting = self._waiting(known)
        self._pass_over(waiting[:-1])
        if waiting:
            self._latest(waiting[-1])

    def _bury(self, left: Claimed) -> None:
        """Write down that who had claimed an occurrence died: its lock is ours."""
        whose = f"{left.user}@{left.host} (pid {left.pid})"
        because = f"{whose} was gone before it ended; what it had begun is put back by its run, or `faildrill recover`"
        self._write(Died(occurrence=left.occurrence, because=because))

    def _waiting(self, known: Decided) -> list[datetime]:
        """Return what is due, in order. What was due by other times than those of today is missed, and said so."""
        times = [time.model_dump(mode="json") for time in self._day.times]
        if times != known.times:
            owed = due(_read(known.times), known, self._now) if known.since else []
            self._write(Known(times=times, owed=[key(at) for at in owed]))
            known = decided(self._record.lines, self._now)
        waiting = due(self._day.times, known, self._now)
        gone = [at for at in waiting if not planned(self._day.times, at - _INSTANT, at)]
        because = "it was due by what the file said before it was changed, and nothing looked at it in between"
        self._miss(gone, "changed", because)
        return [at for at in waiting if at not in gone]

    def _pass_over(self, older: Sequence[datetime]) -> None:
        """Miss all but the latest: drills that are late are not run one after the other."""
        late = [at for at in older if self._is_late(at)]
        if late:
            self._miss(late, "late", self._why_late(late[0]))
        rest = [at for at in older if not self._is_late(at)]
        self._miss(rest, "overtaken", "a later one was due as well by the time that it could have begun")

    def _latest(self, at: datetime) -> None:
        if self._is_late(at):
            self._miss([at], "late", self._why_late(at))
            return
        objection = self._ways.blocked(self._day)
        if objection is not None:
            if not self._day.late_within:  # else it may still begin, until it is late
                self._miss([at], "blocked", objection)
            return
        try:
            with self._ways.ready(self._day) as run:
                self._run(at, run)
        except FaildrillError as error:
            if any(isinstance(event, Claimed) for event in self.written):
                raise
            self._miss([at], "invalid", f"its drills can't be run: {error}")

    def _run(self, at: datetime, run: Run) -> None:
        """Claim an occurrence, and see it through; on disk before anything of it is begun."""
        name = key(at)
        # Asked anew: making ready (a lab that is started) may take minutes, in which the clock may have been set.
        if self._ways.now() < at:
            return  # the clock was put back meanwhile: it will come again
        self._write(Claimed(occurrence=name, host=who.machine(), user=who.user(), pid=os.getpid()))
        try:
            outcome = run()
        except FaildrillError as error:
            outcome = Outcome(ExitCode.WRONG_USAGE, str(error))
        self._write(Ended(occurrence=name, code=outcome.code, because=outcome.because, folder=outcome.folder))

    def _is_late(self, at: datetime) -> bool:
        return (self._now - at).total_seconds() > self._day.patience

    def _why_late(self, at: datetime) -> str:
        limit = f"it may begin {durations.show(self._day.patience)} late at the most"
        ends = [(line.at, line.what.occurrence) for line in self._record.lines if isinstance(line.what, Ended | Died)]
        over = next(((until, name) for until, name in ends if name <= key(at) < until), None)
        if over is not None:
            return f"the one of {over[1]} was under way until {over[0]}, and {limit}"
        if self._last is None:
            return f"nothing had looked at it before {key(self._now)}, and {limit}"
        if self._last >= at:
            return f"what blocked it did not end in time: {limit}"
        return f"nothing looked at it from {key(self._last)} to {key(self._now)}, and {limit}"

    def _miss(self, those: Sequence[datetime], sort: Reason, because: str) -> None:
        if len(those) > TOGETHER:
            names = key(those[0]), key(those[-1])
            self._write(Missed(occurrence=names[0], last=names[1], count=len(those), because=because, sort=sort))
            return
        for at in those:
            self._write(Missed(occurrence=key(at), because=because, sort=sort))

    def _write(self, event: AnyEvent) -> None:
        self._record.write(event, self._ways.now())
        self.written.append(event)
        self._ways.told(event)


def _read(times: list[dict[str, object]]) -> list[Times]:
    """Read times as they were recorded; none where this version would not take them."""
    try:
        return [Times.model_validate(time) for time in times]
    except ValidationError:
        return []
