"""When occurrences are due, where clocks are changed, and what was decided of them by a clock that was wrong."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from faildrill.model.game_day import Times
from faildrill.scheduling.due import decided, due, planned, upcoming
from faildrill.scheduling.occurrence_record import AnyEvent, Claimed, Ended, Known, Line, Missed, key

NOON = datetime(2027, 6, 1, 12, tzinfo=UTC)
HOURLY = Times(zone="UTC", cron="0 * * * *")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def of(cron: str, zone: str, since: str, until: str) -> list[str]:
    found = planned([Times(zone=zone, cron=cron)], utc(since), utc(until))
    return [f"{at:%m-%d %H:%M}" for at in found]


# Berlin: 2027-03-28 02:00 → 03:00, 2027-10-31 03:00 → 02:00. New York: 2027-03-14 02:00 → 03:00, 2027-11-07 02:00 →
# 01:00. Lord Howe, by half an hour: 2027-10-03 02:00 → 02:30, 2027-04-04 02:00 → 01:30.
CHANGES = [
    ("Europe/Berlin", "30 2 * * *", "2027-03-27 12:00", "2027-03-29 12:00", ["03-28 01:00", "03-29 00:30"]),
    ("Europe/Berlin", "15,45 2 * * *", "2027-03-27 12:00", "2027-03-28 12:00", ["03-28 01:00"]),
    ("Europe/Berlin", "0 2,3 * * *", "2027-03-27 12:00", "2027-03-28 12:00", ["03-28 01:00"]),
    ("Europe/Berlin", "30 2 * * *", "2027-10-30 12:00", "2027-11-01 12:00", ["10-31 00:30", "11-01 01:30"]),
    (
        "Europe/Berlin",
        "0 * * * *",
        "2027-10-30 23:30",
        "2027-10-31 02:30",
        ["10-31 00:00", "10-31 01:00", "10-31 02:00"],
    ),
    ("America/New_York", "30 2 * * *", "2027-03-13 12:00", "2027-03-15 12:00", ["03-14 07:00", "03-15 06:30"]),
    ("America/New_York", "30 1 * * *", "2027-11-06 12:00", "2027-11-08 12:00", ["11-07 05:30", "11-08 06:30"]),
    (
        "America/New_York",
        "0 */1 * * *",
        "2027-11-07 04:30",
        "2027-11-07 07:30",
        ["11-07 05:00", "11-07 06:00", "11-07 07:00"],
    ),
    ("Australia/Lord_Howe", "15 2 * * *", "2027-10-02 00:00", "2027-10-04 00:00", ["10-02 15:30", "10-03 15:15"]),
    ("Australia/Lord_Howe", "45 1 * * *", "2027-04-03 00:00", "2027-04-05 00:00", ["04-03 14:45", "04-04 15:15"]),
    (
        "Australia/Lord_Howe",
        "*/30 1 * * *",
        "2027-04-03 12:00",
        "2027-04-03 16:00",
        ["04-03 14:00", "04-03 14:30", "04-03 15:00"],
    ),
]


@pytest.mark.parametrize(("zone", "cron", "since", "until", "expected"), CHANGES)
def test_where_a_clock_is_changed(zone: str, cron: str, since: str, until: str, expected: list[str]) -> None:
    assert of(cron, zone, since, until) == expected


@pytest.mark.parametrize(("zone", "cron", "since", "until", "expected"), CHANGES)
def test_wherever_one_begins_to_look_the_same_is_due(
    zone: str, cron: str, since: str, until: str, expected: list[str]
) -> None:
    begun, end = utc(since), utc(until)
    times = [Times(zone=zone, cron=cron)]
    while begun < end:
        found = [f"{at:%m-%d %H:%M}" for at in planned(times, begun, end)]
        assert found == expected[len(expected) - len(found) :]
        assert len(found) == sum(f"{begun:%m-%d %H:%M}" < one for one in expected)
        begun += timedelta(minutes=10)


def test_a_date_that_comes_twice_is_the_first_one() -> None:
    [at] = Times(zone="Europe/Berlin", dates=("2027-10-31 02:30",)).fixed
    assert at == utc("2027-10-31 00:30")


def test_the_next_ones_of_several_times_are_in_order_and_each_once() -> None:
    times = [HOURLY, Times(zone="UTC", cron="0 */2 * * *"), Times(zone="UTC", dates=("2027-06-01 13:30",))]
    assert [f"{at:%H:%M}" for at in upcoming(times, NOON, 4)] == ["13:00", "13:30", "14:00", "15:00"]


def written(*events: tuple[datetime, AnyEvent]) -> list[Line]:
    return [Line(key(at), "here", event) for at, event in events]


def known(at: datetime, *times: Times) -> tuple[datetime, AnyEvent]:
    return at, Known(times=[one.model_dump(mode="json") for one in times])


def claim(at: datetime) -> Claimed:
    return Claimed(occurrence=key(at), host="h", user="u", pid=1)


def miss(at: datetime) -> Missed:
    return Missed(occurrence=key(at), because="", sort="late")


def is_due(lines: Sequence[Line], now: datetime, *times: Times) -> list[str]:
    return [f"{at:%H:%M}" for at in due(times or (HOURLY,), decided(lines, now), now)]


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def test_nothing_of_a_cron_is_due_from_before_it_was_known() -> None:
    assert is_due([], NOON) == []
    assert is_due(written(known(at(0.5), HOURLY)), at(2)) == ["13:00", "14:00"]


def test_a_date_is_due_whenever_it_was_read_first() -> None:
    assert is_due([], NOON, Times(zone="UTC", dates=("2027-06-01 11:00", "2027-06-01 13:00"))) == ["11:00"]


def test_what_was_decided_is_not_due_again() -> None:
    lines = written(known(at(0), HOURLY), (at(1), claim(at(1))), (at(1), Ended(occurrence=key(at(1)), code=0)))
    assert is_due([*lines, *written((at(2), miss(at(2))))], at(3)) == ["15:00"]


def test_what_a_clock_that_was_ahead_called_missed_is_still_to_come() -> None:
    lines = written(known(at(0), HOURLY), (at(30), miss(at(2))))
    assert is_due(lines, at(2)) == ["13:00", "14:00"]


def test_what_a_clock_that_was_ahead_has_run_is_never_run_again() -> None:
    lines = written(known(at(0), HOURLY), (at(30), claim(at(2))))
    assert is_due(lines, at(1)) == ["13:00"]
    assert is_due(lines, at(2)) == is_due(lines, at(2.5)) == []
    assert is_due(lines, at(3)) == ["15:00"]


def test_what_a_clock_that_was_ahead_called_missed_is_missed_when_nothing_ticked_until_then() -> None:
    lines = written(known(at(0), HOURLY), (at(30), miss(at(2))))
    assert not decided(lines, at(3)).is_decided(at(2))
    assert decided(lines, at(30)).is_decided(at(2))


def test_what_was_owed_by_the_times_before_stays_due() -> None:
    times = HOURLY.model_dump(mode="json")
    lines = written(known(at(0), HOURLY), (at(2.5), Known(times=[times], owed=[key(at(1)), key(at(2))])))
    assert is_due(lines, at(2.6)) == ["13:00", "14:00"]
    assert is_due([*lines, *written((at(2.6), miss(at(2))))], at(2.7)) == ["13:00"]
