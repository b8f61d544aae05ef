"""Windows by the clock of a zone: hours, days and dates, and the two nights on which clocks change."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import JsonValue, ValidationError

from faildrill.adapters.calendar.windows import Allowed, Blocked
from faildrill.kinds.call_context import CallContext

BERLIN = ZoneInfo("Europe/Berlin")


def blocked(**params: JsonValue) -> Blocked:
    return Blocked.model_validate({"zone": "Europe/Berlin", **params})


def allowed(**params: JsonValue) -> Allowed:
    return Allowed.model_validate({"zone": "Europe/Berlin", **params})


def berlin(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "objects"),
    [
        ("2026-11-27 14:59", False),  # a Friday
        ("2026-11-27 15:00", True),
        ("2026-11-27 23:59", True),
        ("2026-11-28 00:00", False),
        ("2026-11-26 16:00", False),
    ],
)
def test_hours_hold_from_their_first_minute_to_before_their_last(at: str, *, objects: bool) -> None:
    window = blocked(days=["fri"], hours=["15:00-24:00"], why="nobody is there")
    assert (window.said_at(berlin(at)) is not None) == objects


@pytest.mark.parametrize(
    ("at", "objects"),
    [
        ("2026-11-27 21:59", False),
        ("2026-11-27 22:00", True),
        ("2026-11-28 05:59", True),  # belongs to Friday, on which it began
        ("2026-11-28 06:00", False),
        ("2026-11-28 22:00", False),
        ("2026-11-27 03:00", False),  # belongs to Thursday
    ],
)
def test_hours_over_midnight_belong_to_the_day_on_which_they_begin(at: str, *, objects: bool) -> None:
    window = blocked(days=["fri"], hours=["22:00-06:00"])
    assert (window.said_at(berlin(at)) is not None) == objects


@pytest.mark.parametrize(
    ("at", "objects"),
    [("2026-12-17 23:59", False), ("2026-12-18 00:00", True), ("2027-01-06 23:59", True), ("2027-01-07 00:00", False)],
)
def test_dates_are_whole_days_of_the_zone_first_and_last_included(at: str, *, objects: bool) -> None:
    window = blocked(dates=["2026-12-18..2027-01-06"])
    assert (window.said_at(berlin(at)) is not None) == objects


def test_the_clock_is_the_zone_s_and_not_this_machine_s() -> None:
    window = allowed(zone="Asia/Tokyo", hours=["09:00-17:00"])
    assert window.said_at(utc("2026-11-27 00:30")) is None
    assert "fri 2026-11-27 17:30 in Asia/Tokyo is not in the window" in str(window.said_at(utc("2026-11-27 08:30")))


def test_an_hour_that_the_clock_skips_never_comes() -> None:
    window = blocked(hours=["02:00-03:00"])
    night = utc("2026-03-29 00:00")  # at 01:00 UTC clocks go from 02:00 to 03:00
    assert [window.holds(night + timedelta(minutes=minute)) for minute in range(180)] == [False] * 180


def test_an_hour_that_the_clock_repeats_comes_twice() -> None:
    window = blocked(hours=["02:00-03:00"])
    night = utc("2026-10-25 00:00")  # at 01:00 UTC clocks go back from 03:00 to 02:00
    held = [window.holds(night + timedelta(minutes=minute)) for minute in range(180)]
    assert held == [True] * 120 + [False] * 60
    assert window.holds(berlin("2026-10-25 02:30", fold=0))
    assert window.holds(berlin("2026-10-25 02:30", fold=1))


def test_the_day_on_which_clocks_change_ends_at_its_own_midnight() -> None:
    window = blocked(dates=["2026-03-29"])
    assert window.holds(utc("2026-03-28 23:00"))
    assert window.holds(utc("2026-03-29 21:59"))
    assert not window.holds(utc("2026-03-29 22:00"))


def test_a_window_that_closes_before_the_drill_is_over_refuses_it() -> None:
    window = allowed(hours=["09:00-16:00"], room="30m")
    assert window.said_at(berlin("2026-11-27 15:29")) is None
    assert "16:00" in str(window.said_at(berlin("2026-11-27 15:31")))


def test_a_blocked_window_that_is_near_refuses_it() -> None:
    window = blocked(hours=["16:00-17:00"], room="30m", why="the nightly close")
    assert window.said_at(berlin("2026-11-27 15:29")) is None
    assert "the nightly close" in str(window.said_at(berlin("2026-11-27 15:45")))


def test_it_is_now_that_counts() -> None:
    always, never = blocked(dates=["2000-01-01..2999-01-01"]), allowed(dates=["2000-01-01"])
    given_ = CallContext("run", 1.0)
    assert asyncio.run(always.objection(given_)) is not None
    assert asyncio.run(never.objection(given_)) is not None


@given(
    some.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1)),  # noqa: DTZ001 - the zone is added
    some.sampled_from(["00:00-24:00", "22:00-06:00", "06:00-22:00", "02:00-03:00"]),
    some.sampled_from([["wed"], ["mon", "tue"], ["sun"]]),
)
def test_what_is_blocked_by_a_window_is_allowed_by_the_same_one(at: datetime, hours: str, days: list[str]) -> None:
    moment = at.replace(tzinfo=UTC)
    params: dict[str, Any] = {"hours": [hours], "days": days}
    is_blocked = blocked(**params).said_at(moment) is not None
    assert is_blocked == (allowed(**params).said_at(moment) is None)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"zone": "Europe/Atlantis"}, "no time zone is called that"),
        ({"zone": "../../etc/passwd"}, "no time zone is called that"),
        ({"zone": ""}, "no time zone is called that"),
        ({"hours": ["9-17"]}, "hours are given as HH:MM-HH:MM"),
        ({"hours": ["25:00-26:00"]}, "hours are given as HH:MM-HH:MM"),
        ({"hours": ["09:00-09:00"]}, "are none"),
        ({"dates": ["2026-02-30"]}, "dates are given as"),
        ({"dates": ["2026-12-24..2026-12-20"]}, "the last of these dates is before the first"),
        ({"days": ["Friday"]}, "Input should be"),
        ({"room": "2d"}, "less than or equal"),
    ],
)
def test_a_window_that_can_t_be_meant_is_a_mistake_in_the_file(params: dict[str, Any], said: str) -> None:
    for window in (blocked, allowed):
        with pytest.raises(ValidationError, match=said):
            window(**{"days": ["fri"], **params})


@pytest.mark.parametrize("params", [{}, {"room": "30m"}, {"days": []}, {"hours": ["09:00-17:00"], "days": []}])
@pytest.mark.parametrize("window", [blocked, allowed])
def test_a_window_without_days_hours_and_dates_or_with_an_empty_list_of_them_is_none(
    window: Callable[..., Blocked | Allowed], params: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match=r"give `days`, `hours` or `dates`|at least 1 item"):
        window(**params)
