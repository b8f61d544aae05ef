"""A tick: what it runs, what it misses and why, and what it writes down before and after."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from faildrill.errors import JournalDamaged, Objection, WrongUsage
from faildrill.model.game_day import GameDay, Times
from faildrill.record.journal import seal
from faildrill.scheduling.occurrence_record import AnyEvent, Died, Ended, Known, Missed, Record, folder_of, lines_of
from faildrill.scheduling.tick import TOGETHER, Outcome, Run, Ways, see_to

NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path))


@dataclass
class Host:
    """Ticks, at times that a test gives."""

    day: GameDay
    now: datetime = NOON
    blocked: str | None = None
    broken: str = ""
    ran: list[datetime] = field(default_factory=list)
    takes: float = 0.0

    def tick(self, minutes: float = 0.0) -> list[AnyEvent]:
        """Let time pass and tick; return what was written but what only the record needs."""
        self.now += timedelta(minutes=minutes)
        ways = Ways(lambda _: self.blocked, self._ready, now=lambda: self.now)
        return [one for one in see_to(self.day, ways) if isinstance(one, Ended | Missed | Died)]

    @contextlib.contextmanager
    def _ready(self, _: GameDay) -> Iterator[Run]:
        if self.broken:
            raise WrongUsage(self.broken)
        yield self._run

    def _run(self) -> Outcome:
        self.ran.append(self.now)
        self.now += timedelta(minutes=self.takes)
        return Outcome(0, "all passed", "reports/one")


class Gone(BaseException):
    """The process that ticks is gone."""


@contextlib.contextmanager
def dying(_: GameDay) -> Iterator[Run]:
    def run() -> Outcome:
        raise Gone

    yield run


def hourly(**more: Any) -> GameDay:
    return GameDay.model_validate(
        {"name": "hourly", "drills": ["one.yaml"], "times": [{"zone": "UTC", "cron": "30 * * * *"}], **more}
    )


def test_what_is_due_is_run_once() -> None:
    host = Host(hourly())
    assert host.tick() == []
    [ended] = host.tick(31)
    assert isinstance(ended, Ended)
    assert (ended.occurrence, ended.code, ended.folder) == ("2027-06-01T12:30:00Z", 0, "reports/one")
    assert host.tick(1) == []
    assert len(host.ran) == 1


def test_what_nothing_looked_at_in_time_is_missed_and_the_record_says_since_when() -> None:
    host = Host(hourly())
    host.tick()
    [missed] = host.tick(40)
    assert isinstance(missed, Missed)
    assert (missed.occurrence, missed.sort) == ("2027-06-01T12:30:00Z", "late")
    assert "nothing looked at it from 2027-06-01T12:00:00Z to 2027-06-01T12:40:00Z" in missed.because
    assert host.ran == []


def test_one_that_may_be_late_is_run_late() -> None:
    host = Host(hourly(late_within=1200.0))
    host.tick()
    assert isinstance(host.tick(49)[0], Ended)


def test_of_several_that_are_due_the_latest_is_run_and_the_others_are_missed() -> None:
    host = Host(hourly(late_within=3 * 3600.0))
    host.tick()
    first, second, last = host.tick(31 + 120)
    assert [(one.occurrence[11:16], one.sort) for one in (first, second) if isinstance(one, Missed)] == [
        ("12:30", "overtaken"),
        ("13:30", "overtaken"),
    ]
    assert isinstance(last, Ended)


def test_very_many_are_written_down_as_one_line_that_counts_them() -> None:
    host = Host(hourly())
    host.tick()
    missed, *_ = host.tick(60 * (TOGETHER + 10))
    assert isinstance(missed, Missed)
    assert missed.count > TOGETHER
    assert (missed.occurrence, missed.until[:13]) == ("2027-06-01T12:30:00Z", "2027-06-02T16")


def test_what_is_blocked_is_missed_with_what_blocks_it() -> None:
    host = Host(hourly(), blocked="an incident is open")
    host.tick()
    [missed] = host.tick(31)
    assert isinstance(missed, Missed)
    assert (missed.sort, missed.because) == ("blocked", "an incident is open")
    host.blocked = None
    assert host.tick(1) == []


def test_what_may_be_late_waits_for_what_blocks_it() -> None:
    host = Host(hourly(late_within=1500.0), blocked="an incident is open")
    host.tick()
    assert host.tick(31) == []
    host.blocked = None
    assert isinstance(host.tick(20)[0], Ended)


def test_what_was_blocked_for_too_long_is_missed() -> None:
    host = Host(hourly(late_within=600.0), blocked="an incident is open")
    host.tick()
    assert host.tick(31) == []
    [missed] = host.tick(15)
    assert isinstance(missed, Missed)
    assert "what blocked it did not end in time" in missed.because


def test_drills_that_can_t_be_loaded_are_missed_with_the_mistake() -> None:
    host = Host(hourly(), broken="one.yaml:3:1: unknown key 'stepz'")
    host.tick()
    [missed] = host.tick(31)
    assert isinstance(missed, Missed)
    assert missed.sort == "invalid"
    assert "one.yaml:3:1: unknown key 'stepz'" in missed.because


def test_what_was_due_while_one_was_under_way_says_so() -> None:
    host = Host(hourly(), takes=90)
    host.tick()
    host.tick(31)
    [missed] = host.tick(1)
    assert isinstance(missed, Missed)
    assert "the one of 2027-06-01T12:30:00Z was under way until 2027-06-01T14:01:00Z" in missed.because


def test_what_died_is_told_by_the_next_tick_and_never_run_again() -> None:
    host = Host(hourly(late_within=3000.0))
    host.tick()

    host.now += timedelta(minutes=31)
    with pytest.raises(Gone):
        see_to(host.day, Ways(lambda _: None, dying, now=lambda: host.now))
    [died] = host.tick(1)
    assert isinstance(died, Died)
    assert died.occurrence == "2027-06-01T12:30:00Z"
    assert f"(pid {os.getpid()})" in died.because
    assert host.tick(1) == []
    assert host.ran == []


def test_two_ticks_are_never_at_one_game_day() -> None:
    host = Host(hourly())
    host.tick()
    with Record.held("hourly", NOON), pytest.raises(Objection, match=rf"seen to by .* \(pid {os.getpid()}\)"):
        host.tick(31)
    assert isinstance(host.tick()[0], Ended)


def test_other_times_in_the_file_leave_nothing_of_the_old_ones_untold() -> None:
    host = Host(hourly())
    host.tick()
    host.day = hourly(times=[{"zone": "UTC", "cron": "45 * * * *"}])
    [missed] = host.tick(50)
    assert isinstance(missed, Missed)
    assert (missed.occurrence, missed.sort) == ("2027-06-01T12:30:00Z", "changed")
    assert host.tick(54) == [], "what was due at 12:45 came before anybody knew"
    assert isinstance(host.tick(2)[0], Ended)


def test_one_that_is_due_by_the_old_and_the_new_times_is_run() -> None:
    host = Host(hourly())
    host.tick()
    host.day = hourly(times=[{"zone": "UTC", "cron": "0,30 * * * *"}])
    assert isinstance(host.tick(31)[0], Ended)


def test_a_record_that_was_altered_is_not_trusted_and_nothing_is_run() -> None:
    host = Host(hourly())
    host.tick()
    host.tick(31)
    path = folder_of("hourly") / "occurrences.jsonl"
    path.write_bytes(path.read_bytes().replace(b"claimed", b"Claimed", 1))
    with pytest.raises(JournalDamaged, match="nobody can tell any more what of hourly was run"):
        host.tick(60)
    assert len(host.ran) == 1


def test_a_torn_line_at_the_end_is_no_line() -> None:
    host = Host(hourly())
    host.tick()
    path = folder_of("hourly") / "occurrences.jsonl"
    with path.open("ab") as file:
        file.write(b'{"crc":"0000')
    assert isinstance(host.tick(31)[0], Ended)
    assert [type(one.what).__name__ for one in lines_of("hourly")] == ["Known", "Claimed", "Ended"]


def test_a_tick_that_finds_nothing_due_writes_nothing() -> None:
    host = Host(hourly())
    host.tick()
    path = folder_of("hourly") / "occurrences.jsonl"
    before = path.read_bytes()
    host.tick(10)
    assert path.read_bytes() == before
    assert isinstance(lines_of("hourly")[0].what, Known)
    assert json.loads(before)["by"]


def test_a_date_of_before_the_first_tick_is_missed_and_said_so() -> None:
    times = Times(zone="UTC", dates=("2027-06-01 10:00",))
    [missed] = Host(hourly(times=[times.model_dump(mode="json")])).tick()
    assert isinstance(missed, Missed)
    assert "nothing had looked at it before 2027-06-01T12:00:00Z" in missed.because


def test_a_line_of_a_newer_version_is_told_and_nothing_is_run() -> None:
    host = Host(hourly())
    host.tick()
    with (folder_of("hourly") / "occurrences.jsonl").open("ab") as file:
        file.write(seal(b'{"at":"2027-06-01T12:30:00Z","by":"host","what":{"event":"postponed"}}'))
    with pytest.raises(JournalDamaged, match=r"occurrences.jsonl:2: not a line that .* knows.*: update faildrill"):
        host.tick(31)
    assert host.ran == []
