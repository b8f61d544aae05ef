from datetime import UTC, datetime

import pytest

from faildrill.cli.moments import Span, moment
from faildrill.errors import WrongUsage


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SPAN = Span(at("2026-11-22 23:50:00"), at("2026-11-23 00:10:00"), at("2026-11-22 23:51:00"))
"""A run over midnight."""


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-22T23:55Z", "2026-11-22 23:55:00"),
        ("2026-11-22 23:55:01.5 UTC", "2026-11-22 23:55:01.5"),
        ("2026-11-23T00:55:00+01:00", "2026-11-22 23:55:00"),
        ("2026-11-22 18:55 -0500", "2026-11-22 23:55:00"),
        ("23:55Z", "2026-11-22 23:55:00"),
        ("0:05Z", "2026-11-23 00:05:00"),
        ("00:55 Europe/Berlin", "2026-11-22 23:55:00"),
        ("01:05+01:00", "2026-11-23 00:05:00"),
        ("23:40Z", "2026-11-22 23:40:00"),
        ("00:20Z", "2026-11-23 00:20:00"),
        ("+1m30s", "2026-11-22 23:52:30"),
        ("-30s", "2026-11-22 23:50:30"),
        ("2019-01-01T00:00Z", "2019-01-01 00:00:00"),
    ],
)
def test_a_time_is_the_moment_that_is_meant(written: str, meant: str) -> None:
    assert moment(written, SPAN) == at(meant)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("10:35", "has no zone"),
        ("2026-11-22T10:35:00", "has no zone"),
        ("half past ten", "is no time"),
        ("", "is no time"),
        ("25:00Z", "no day has a time 25:00"),
        ("2026-02-30T10:00Z", "there is no day 2026-02-30"),
        ("10:00+24:00", "a day apart"),
        ("10:00 Europe/Bielefeld", "knows no zone Europe/Bielefeld"),
        ("10:00 ../../etc/passwd", "is no time"),
        ("2026-10-25T02:30 Europe/Berlin", "is there twice"),
        ("2026-03-29T02:30 Europe/Berlin", "set forward over that time"),
        ("+19", "is no time"),
        ("+1y", "a time needs a number and a unit"),
    ],
)
def test_a_time_that_could_be_another_one_is_refused_with_what_to_write(written: str, told: str) -> None:
    with pytest.raises(WrongUsage, match=told):
        moment(written, SPAN)
