"""`window.blocked` and `window.allowed`: when a place may be drilled, by the calendar and clock of a time zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from faildrill.ports import Duration, Given, Kind
from faildrill.ports.calendar import Zone

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `date.weekday`, which begins on Monday."""
_STEP: Final = timedelta(minutes=1)
"""Hours are given in minutes, so no window can begin and end between two of these."""
_LONGEST: Final = 86400.0
"""Seconds of room that a drill may ask for."""
_MIDNIGHT: Final = "24:00"
"""The end of a day, as ISO 8601 writes it; Python's `time` has no such hour."""


class _Span(NamedTuple):
    """Hours of a day, from and to in minutes; what ends before it begins goes on after midnight."""

    start: int
    end: int


class _Dates(NamedTuple):
    """Days of the calendar, the first and the last included."""

    first: date
    last: date


def _minutes(text: str) -> int:
    if text == _MIDNIGHT:
        return 24 * 60
    at = time.fromisoformat(text)
    return at.hour * 60 + at.minute


def _span(text: str) -> _Span:
    start, _, end = text.partition("-")
    return _Span(_minutes(start), _minutes(end))


def _dates(text: str) -> _Dates:
    first, _, last = text.partition("..")
    return _Dates(date.fromisoformat(first), date.fromisoformat(last or first))


def _hours_exist(text: str) -> str:
    try:
        span = _span(text)
    except ValueError:
        raise ValueError("hours are given as HH:MM-HH:MM, e.g. 22:00-06:00 or 18:00-24:00") from None
    if span.start == span.end:
        raise ValueError("hours that end when they begin are none; leave `hours` out for the whole day")
    return text


def _dates_exist(text: str) -> str:
    try:
        dates = _dates(text)
    except ValueError:
        raise ValueError("dates are given as 2026-12-24 or 2026-12-20..2027-01-05") from None
    if dates.last < dates.first:
        raise ValueError("the last of these dates is before the first")
    return text


class _Window(Kind):
    """What both share: which moments belong to the window."""

    zone: Zone = Field(description="the time zone of days and hours, e.g. Asia/Tokyo")
    days: tuple[Day, ...] = Field(default=(), min_length=1, description="days of the week; by default every day")
    hours: tuple[Annotated[str, AfterValidator(_hours_exist)], ...] = Field(
        default=(),
        min_length=1,
        description="e.g. `22:00-06:00`, which belongs to the day on which it begins; by default the whole day",
    )
    dates: tuple[Annotated[str, AfterValidator(_dates_exist)], ...] = Field(
        default=(),
        min_length=1,
        description="e.g. `2026-12-20..2027-01-05`, both included; by default every date",
    )
    room: Duration = Field(default=0.0, le=_LONGEST, description="how long the drill needs the place from now on")
    why: str = Field(default="", description="the reason, shown to whoever is refused")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        # A list that a template has left empty must not stand for every day.
        if not (self.days or self.hours or self.dates):
            raise ValueError("give `days`, `hours` or `dates`")
        return self

    def holds(self, at: datetime) -> bool:
        """Tell whether a moment, which knows its zone, is in the window.

        The moment is turned into the zone's own clock, so an hour that a change of the clock skips never comes, and
        one that it repeats comes twice.
        """
        local = at.astimezone(ZoneInfo(self.zone))
        return any(self._is_day(begun) for begun in self._begun(local))

    def _begun(self, local: datetime) -> Iterator[date]:
        """Yield the day on which each span of hours began that the moment is in."""
        minute = local.hour * 60 + local.minute
        for span in [_span(hours) for hours in self.hours] or [_Span(0, 24 * 60)]:
            if span.start < span.end:
                if span.start <= minute < span.end:
                    yield local.date()
            elif minute >= span.start:
                yield local.date()
            elif minute < span.end:
                # After midnight: such hours belong to the day on which they began, also where the clock was changed
                # in between.
                yield local.date() - timedelta(days=1)

    def _is_day(self, begun: date) -> bool:
        of_week = not self.days or _DAYS[begun.weekday()] in self.days
        dates = [_dates(text) for text in self.dates]
        return of_week and (not dates or any(span.first <= begun <= span.last for span in dates))

    def moments(self, now: datetime) -> Iterator[datetime]:
        """Yield now and every minute after it for which room is needed, the last moment included."""
        last = now + timedelta(seconds=self.room)
        while now < last:
            yield now
            # In UTC, not by the zone's clock: a minute is added also where the clock is put forward or back.
            now += _STEP
        yield last

    def _told(self, at: datetime) -> str:
        local = at.astimezone(ZoneInfo(self.zone))
        when = f"{_DAYS[local.weekday()]} {local:%Y-%m-%d %H:%M} in {self.zone}"
        return when + (f" ({self.why})" if self.why else "")


class Blocked(_Window):
    """Refuses the drill within a time window: Friday evenings, the days around a release, the end of the year.

    Everything that is given must hold at once: these days, at these hours, on these dates. List the guard more than
    once for independent windows. With `room` the drill is also refused when the window begins within that time. Hours
    and days are those of the clock in `zone`, summer and winter time included.

        guards:
          - window.blocked: {zone: Europe/Berlin, days: [fri], hours: ["15:00-24:00"], why: nobody is there to help}
          - window.blocked: {zone: Europe/Berlin, dates: ["2026-12-18..2027-01-06"], why: the end of the year}
    """

    async def objection(self, given: Given) -> str | None:
        """Object when now, or a moment for which room is needed, is in the window."""
        return self.said_at(datetime.now(UTC))

    def said_at(self, now: datetime) -> str | None:
        """Return the objection at a moment."""
        hit = next((at for at in self.moments(now) if self.holds(at)), None)
        return None if hit is None else f"{self._told(hit)} is blocked; drill outside of that window"


class Allowed(_Window):
    """Refuses the drill outside of a time window, so that drills run only when somebody is there to see them.

    Everything that is given must hold at once: `days`, `hours` and `dates`. Of several `hours` or `dates` one is
    enough. If the guard is listed more than once, each must hold. With `room` the window must stay open for that long.

        guards:
          - window.allowed:
              {zone: America/New_York, days: [mon, tue, wed, thu], hours: ["09:00-12:00", "13:00-16:00"], room: 30m}
    """

    async def objection(self, given: Given) -> str | None:
        """Object when now, or a moment for which room is needed, is not in the window."""
        return self.said_at(datetime.now(UTC))

    def said_at(self, now: datetime) -> str | None:
        """Return the objection at a moment."""
        miss = next((at for at in self.moments(now) if not self.holds(at)), None)
        if miss is None:
            return None
        given = [*self.days, *self.hours, *self.dates]
        return f"{self._told(miss)} is not in the window ({', '.join(given)}); drill within it"
