"""When something happened, as people write it: with its zone, or counted from the run's first step."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from faildrill import durations
from faildrill.errors import WrongUsage

_TIME: Final = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d)[T ])?(?P<time>\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6})?)?) ?"
    r"(?P<zone>Z|UTC|[+-]\d\d:?\d\d|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)?",
    re.ASCII,
)
_SINCE: Final = re.compile(r"(?P<sign>[+−-])(?P<length>[0-9.]+ *[a-zµ].*)")
_EXAMPLES: Final = "2026-11-29T10:35Z, 10:35:20Z, 10:35+01:00, '10:35 Europe/Berlin', or +19.8s from the first step"


class Span(NamedTuple):
    """When a run was: its ends, and its first step, from which its pages count."""

    started: datetime
    ended: datetime
    zero: datetime


def moment(written: str, span: Span) -> datetime:
    """Return the moment that is meant, in UTC. A time without a day is on the day that brings it nearest to the run.

    WrongUsage, with what to write instead, for what is none, has no zone, or is no time or two times in its zone.
    """
    text = written.strip()
    since = _SINCE.fullmatch(text)
    if since is not None and not _TIME.fullmatch(text):
        return span.zero + (1 if since["sign"] == "+" else -1) * _length(since["length"], written)
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise WrongUsage(f"{written!r} is no time: write {_EXAMPLES}")
    if parts["zone"] is None:
        raise WrongUsage(
            f"{written!r} has no zone, and could be any of a day's hours: write {text}Z for UTC, or its offset or zone"
        )
    zone, of_day = _zone(parts["zone"], written), _of_day(parts["time"], written)
    if parts["day"] is not None:
        return _instant(_day(parts["day"], written), of_day, zone, written)
    middle = (span.started + (span.ended - span.started) / 2).astimezone(zone).date()
    days = [_instant(middle + timedelta(days=apart), of_day, zone, written) for apart in (-1, 0, 1)]
    return min(days, key=lambda one: _distance(one, span))


def _distance(one: datetime, span: Span) -> timedelta:
    return max(span.started - one, one - span.ended, timedelta())


def _length(text: str, written: str) -> timedelta:
    try:
        return timedelta(seconds=durations.parse(text))
    except ValueError as error:
        raise WrongUsage(f"{written!r}: {error}") from error


def _day(text: str, written: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise WrongUsage(f"{written!r}: there is no day {text}") from error


def _of_day(text: str, written: str) -> time:
    try:
        return time.fromisoformat(f"0{text}" if text.index(":") == 1 else text)
    except ValueError as error:
        raise WrongUsage(f"{written!r}: no day has a time {text}") from error


def _zone(name: str, written: str) -> tzinfo:
    if name in ("Z", "UTC"):
        return UTC
    if name[0] in "+-":
        hours, minutes = int(name[1:3]), int(name[-2:])
        apart = timedelta(hours=hours, minutes=minutes)
        if apart >= timedelta(days=1):
            raise WrongUsage(f"{written!r}: no zone is a day apart from UTC")
        return timezone(apart if name[0] == "+" else -apart)
    try:
        return ZoneInfo(name)
    except (OSError, LookupError, ValueError) as error:
        raise WrongUsage(f"{written!r}: this machine knows no zone {name}; write its offset, e.g. +01:00") from error


def _instant(day: date, of_day: time, zone: tzinfo, written: str) -> datetime:
    """Return the moment in UTC; WrongUsage where clocks of that zone are set on that day so that it is none, or two."""
    local = datetime.combine(day, of_day, zone)
    utc, later = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if utc.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise WrongUsage(f"{written!r}: the clocks are set forward over that time on {day}; write its offset")
    if utc != later:
        raise WrongUsage(f"{written!r}: that time is there twice on {day}, as clocks are set back; write its offset")
    return utc
