"""`window.calendar`: when a place may not be drilled, by the events of an iCalendar file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import Field

from faildrill.errors import CannotSee, reason
from faildrill.ports import Duration, Given, Kind
from faildrill.ports.calendar import Zone
from faildrill.ports.target import FilePath
from faildrill.system import bounded_read
from faildrill.system.threads import aside

LARGEST: Final = 8 << 20
"""Bytes of a calendar, at the most."""
_LONGEST: Final = 7 * 86400.0
"""Seconds of room that a drill may ask for."""
_MOMENT: Final = timedelta(seconds=1)
"""At the least this much is asked for: an interval without length would hold no event at all."""
_MOST: Final = 3
"""Events that an objection names; more are counted."""


class Calendar(Kind):
    """Refuses the drill while an event of an iCalendar file is on: change freezes, releases, holidays.

    Recurring events, exceptions to them and whole days are read as RFC 5545 says. A whole day, and a time without a
    zone, is one of `zone`. Every event counts, also one that is marked as free time, but none that is cancelled. A file
    that is missing, larger than 8 MiB or no calendar is an objection, and so is an event that counts and can't be
    meant: one that ends before it begins, has whole days but none of them, or is in a zone that nobody knows. Bring the
    file up to date by whatever you have: a download in the job that drills, for example. Needs the extra `calendar`.

        guards:
          - window.calendar: {file: freezes.ics, zone: Europe/Berlin, only: freeze, room: 30m}
    """

    file: FilePath = Field(description="the calendar, a file on this host")
    zone: Zone = Field(description="the time zone of what says none, e.g. Europe/Berlin")
    only: str = Field(
        default="", description="only events whose summary contains this; large and small letters are one"
    )
    room: Duration = Field(default=0.0, le=_LONGEST, description="how long the drill needs the place from now on")

    async def objection(self, given: Given) -> str | None:
        """Object when an event is on, or begins within the room that is needed."""
        try:
            return await aside(lambda: self.said_at(datetime.now(UTC)))
        except CannotSee as error:
            return str(error)

    def said_at(self, now: datetime) -> str | None:
        """Return the objection at a moment; CannotSee where the calendar can't be read."""
        local = now.astimezone(ZoneInfo(self.zone))
        until = local + max(timedelta(seconds=self.room), _MOMENT)
        events = self._events(local, until)
        if not events:
            return None
        listed = ", ".join(
            f"{_summary(event)!r} ({_when(event.start)} to {_when(event.end)})" for event in events[:_MOST]
        )
        more = f" and {len(events) - _MOST} more" if len(events) > _MOST else ""
        return f"{Path(self.file).name} has {listed}{more}; drill when it is over"

    def _events(self, since: datetime, until: datetime) -> list[Any]:
        try:
            import icalendar  # noqa: PLC0415 - an extra, and imported by few
            import recurring_ical_events  # noqa: PLC0415 - the same
        except ImportError as error:
            raise CannotSee("calendars can't be read here: pip install 'faildrill[calendar]'") from error
        content = _content(Path(self.file))
        try:
            # What the libraries raise of a broken calendar is of many classes, none of them their own.
            calendar = icalendar.Calendar.from_ical(content)
            cant_be_meant = [
                oddity for event in calendar.walk("VEVENT") if self._counts(event) and (oddity := self._odd(event))
            ]
            events = recurring_ical_events.of(calendar).between(since, until)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
            raise CannotSee(f"{self.file} is no calendar that can be read ({error})") from error
        if cant_be_meant:
            raise CannotSee(f"{Path(self.file).name} has {', '.join(cant_be_meant[:_MOST])}; correct it first")
        return [event for event in events if self._counts(event)]

    def _counts(self, event: Mapping[str, Any]) -> bool:
        is_meant = self.only.casefold() in _summary(event).casefold()
        return is_meant and str(event.get("STATUS", "")).upper() != "CANCELLED"

    def _odd(self, event: Mapping[str, Any]) -> str:
        """Say why an event can't be meant as it is written; empty where it can. The library takes each for none."""
        begin = event["DTSTART"].dt
        end = event["DTEND"].dt if "DTEND" in event else begin + event["DURATION"].dt if "DURATION" in event else None
        unknown = [
            zone
            for name in ("DTSTART", "DTEND")
            if name in event and (zone := event[name].params.get("TZID")) and event[name].dt.tzinfo is None
        ]
        if unknown:
            return f"{_summary(event)!r}, which is in a time zone that nobody knows ({unknown[0]})"
        if end is None:
            return ""
        if self._moment(end) < self._moment(begin):
            return f"{_summary(event)!r}, which ends before it begins ({_when(begin)} to {_when(end)})"
        # RFC 5545, 3.6.1: the end is the day after the last.
        if end == begin and not isinstance(begin, datetime):
            return f"{_summary(event)!r}, which is of whole days, and has none ({_when(begin)} to {_when(end)})"
        return ""

    def _moment(self, at: date) -> datetime:
        zone = ZoneInfo(self.zone)
        if not isinstance(at, datetime):
            return datetime.combine(at, time(tzinfo=zone))
        return at if at.tzinfo is not None else at.replace(tzinfo=zone)


def _content(path: Path) -> bytes:
    try:
        return bounded_read.read(path, LARGEST)
    except OSError as error:
        raise CannotSee(f"{path} can't be read ({reason(error)})") from error


def _summary(event: Mapping[str, Any]) -> str:
    return " ".join(str(event.get("SUMMARY", "an event")).split())[:200]


def _when(at: date) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}".strip() if isinstance(at, datetime) else f"{at}"
