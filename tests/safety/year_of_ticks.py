"""A year of a game day on three hosts that tick: they are killed, stand still, and their clocks are put wrong.

The real record on a real disk, its real locks; only time is made up. Ticks between which nothing could be due are left
out, as they write nothing.
"""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from faildrill.errors import JournalError, Objection
from faildrill.model.game_day import GameDay, Times
from faildrill.record.journal import Disk
from faildrill.scheduling.due import Decided, decided, planned
from faildrill.scheduling.occurrence_record import AnyEvent, Claimed, Died, Ended, key, lines_of
from faildrill.scheduling.tick import Outcome, Run, Ways, see_to

START: Final = datetime(2027, 1, 1, tzinfo=UTC)
END: Final = datetime(2028, 1, 1, tzinfo=UTC)
ZONES: Final = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
"""The clock of the last one changes by half an hour, on the other half of the globe."""
CRONS: Final = (
    "{m} {h} * * *",
    "{m} {h} * * {d}",
    "{m} 2 * * 0",
    "{m} 1,2,3 * * 0",
    "30 */8 * * {d}",
    "{m} {h} {n} * *",
)
HOSTS: Final = 3
HOUR: Final = 3600.0


class Killed(BaseException):
    """The process that ticked is gone, at this very point."""


class DyingDisk(Disk):
    """Writes on, until the process dies in a write, or just before or after one is made durable."""

    def __init__(self, draw: random.Random, dies_at: int) -> None:
        self._draw = draw
        self._left = dies_at

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        self._left -= 1
        if self._left == 0:
            super().write(descriptor, content[: self._draw.randrange(len(content) + 1)])
            raise Killed
        return super().write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """Keep it in memory: that the kernel dies is no part of this."""

    def sync_folder(self, folder: object) -> None:
        """The same."""


@dataclass
class Host:
    """A machine that ticks: how wrong its clock is when, and when it does not tick at all."""

    wrong: list[tuple[datetime, datetime, timedelta]]
    down: list[tuple[datetime, datetime]]

    def clock(self, at: datetime) -> datetime:
        return at + sum((by for since, until, by in self.wrong if since <= at < until), timedelta())

    def is_down(self, at: datetime) -> bool:
        return any(since <= at < until for since, until in self.down)


@dataclass
class Year:
    """What truly happened to a game day, for one seed."""

    seed: int
    name: str
    begun: dict[str, list[datetime]] = field(default_factory=dict)
    """By occurrence, when its drills were begun, by the true time."""
    kills: int = 0
    ticks: int = 0
    met: int = 0
    """How often a tick met another one at it."""

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)  # noqa: S311 - a made-up year, no secret
        self.day = self._made()
        self.planned = planned(self.day.times, START, END)
        self._hosts = [self._host() for _ in range(HOSTS)]
        self._blocked = self._spans(4, 2 * 24 * HOUR)
        self._at = START
        self._claimed = ""

    def _made(self) -> GameDay:
        draw = self._draw
        cron = draw.choice(CRONS).format(
            m=draw.randrange(60), h=draw.randrange(24), d=draw.randrange(7), n=draw.randrange(1, 29)
        )
        late = draw.choice([0.0, 0.0, 1800.0, 4 * HOUR])
        times = (Times(zone=draw.choice(ZONES), cron=cron),)
        return GameDay(name=self.name, drills=("one.yaml",), times=times, late_within=late)

    def _spans(self, most: int, longest: float) -> list[tuple[datetime, datetime]]:
        draw = self._draw
        starts = [START + timedelta(seconds=draw.uniform(0, 365 * 24 * HOUR)) for _ in range(draw.randrange(most + 1))]
        return [(one, one + timedelta(seconds=draw.uniform(60, longest))) for one in starts]

    def _host(self) -> Host:
        """Make a host: now and then its clock is put ahead or back, mostly by a little, and it stands still."""
        steps = [
            (since, until, timedelta(seconds=self._draw.choice([-7200, -90, -2, 2, 90, 7200, 200000])))
            for since, until in self._spans(6, 3 * 24 * HOUR)
        ]
        return Host(steps, self._spans(5, 3 * 24 * HOUR))

    def live(self) -> None:
        """Go through the year, and some days after it with clocks that are right."""
        everybody_down = self._spans(2, 5 * 24 * HOUR)
        for at, host in self._moments():
            if at < self._at or (at < END and any(since <= at < until for since, until in everybody_down)):
                continue
            self._at = at
            if at >= END or not host.is_down(at):
                self._tick(
                    host, is_last=at >= END or at == START
                )  # what was due before the first look was known to none

    def _moments(self) -> list[tuple[datetime, Host]]:
        """Return when who ticks: around whatever could be due by any of the clocks, and at times in between."""
        draw = self._draw
        near = [self._near(at) for at in self.planned for _ in range(3)]
        steps = [(host, step) for host in self._hosts for step in host.wrong]
        edges = [edge for _, (since, until, _) in steps for edge in (since, until)]
        others = [START + timedelta(seconds=draw.uniform(0, 365 * 24 * HOUR)) for _ in range(60)]
        found = [(one, draw.choice(self._hosts)) for one in (*near, *edges, *others)]
        for host, (since, until, by) in steps:
            found += [(self._near(at - by), host) for at in self.planned if since <= at - by < until]
        after = [(END + timedelta(days=4, minutes=one), self._hosts[0]) for one in range(4)]
        within = sorted((one for one in found if START < one[0] < END), key=lambda one: one[0])
        return [(START, self._hosts[0]), *within, *after]

    def _near(self, at: datetime) -> datetime:
        return at + timedelta(seconds=self._draw.uniform(-30, 400))

    def _tick(self, host: Host, *, is_last: bool = False) -> None:
        self.ticks += 1
        dies_at = self._draw.randrange(1, 5) if not is_last and self._draw.random() < 0.15 else -1
        ways = Ways(
            blocked=lambda _: "blocked" if any(a <= self._at < b for a, b in self._blocked) else None,
            ready=self._ready,
            now=lambda: host.clock(self._at),
            disk=DyingDisk(self._draw, dies_at),
            told=self._told,
        )
        try:
            see_to(self.day, ways)
        except Killed:
            self.kills += 1
        except Objection:
            self.met += 1
        except JournalError as error:
            raise AssertionError(f"seed {self.seed}: {error}") from error

    def _told(self, event: AnyEvent) -> None:
        self._claimed = event.occurrence if isinstance(event, Claimed) else ""

    @contextlib.contextmanager
    def _ready(self, _: GameDay) -> Iterator[Run]:
        yield self._run

    def _run(self) -> Outcome:
        """Begin the drills, as far as the process lives; meanwhile others tick, and time goes on."""
        occurrence = self._claimed
        assert occurrence, "it is begun before it is claimed"
        self._may_die()
        self.begun.setdefault(occurrence, []).append(self._at)
        for _ in range(self._draw.randrange(3)):
            self._at += timedelta(seconds=self._draw.uniform(1, 1200))
            met = self.met
            self._tick(self._draw.choice(self._hosts), is_last=True)
            assert self.met == met + 1, "two ticks are at one game day"
        self._may_die()
        return Outcome(0)

    def _may_die(self) -> None:
        if self._draw.random() < 0.04:
            raise Killed

    def at_the_end(self) -> Decided:
        """Return what the record says when the year is over."""
        return decided(lines_of(self.name), END + timedelta(days=9))

    def silently_missed(self) -> Sequence[str]:
        """Return the occurrences of which the record says nothing."""
        known = self.at_the_end()
        return [key(at) for at in self.planned if not known.is_decided(at)]

    def twice(self) -> Sequence[str]:
        """Return the occurrences that were begun more than once."""
        return [name for name, moments in self.begun.items() if len(moments) > 1]

    def unexplained(self) -> Sequence[str]:
        """Return the occurrences that were claimed and of which the record tells no end, and no death."""
        ends = {one.what.occurrence for one in lines_of(self.name) if isinstance(one.what, Ended | Died)}
        return sorted(self.at_the_end().claimed - ends)

    def untrue(self) -> Sequence[str]:
        """Return the occurrences that are told as run to their end, and were not begun."""
        told = [one.what for one in lines_of(self.name)]
        return [one.occurrence for one in told if isinstance(one, Ended) and one.occurrence not in self.begun]
