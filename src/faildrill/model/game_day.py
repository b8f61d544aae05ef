"""The game day as declared: which drills in which order, when, with whom, announced to whom. Frozen."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from faildrill.ports import Duration
from faildrill.ports.calendar import Zone
from faildrill.ports.target import KindUse

ON_TIME: Final = 300.0
"""Seconds after an occurrence is due for which a tick still counts as on time."""
_FIELDS: Final = 5
_CLOSEST: Final = timedelta(minutes=15)
"""Between two occurrences of a cron, at the least: drills take minutes, and every occurrence is kept on record."""
_TRIED: Final = 200
_LONGEST: Final = 31 * 86400.0


def _cron_is_one(text: str) -> str:
    if len(text.split()) != _FIELDS:
        raise ValueError("cron has five fields: minute, hour, day of the month, month, day of the week, e.g. 0 3 * * 2")
    try:
        first = list(islice(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)), _TRIED))
    except CronSimError as error:
        raise ValueError(f"is no cron: {str(error).lower()}") from None
    if not first:
        raise ValueError("never comes")
    if any(later - earlier < _CLOSEST for earlier, later in pairwise(first)):
        raise ValueError("comes more often than every 15 minutes, which no drill is made for")
    return text


def _date_is_one(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is not None or len(text) <= len("2026-12-01"):
        raise ValueError("a date is given with its time by the clock of `zone`, e.g. 2026-12-01 10:00")
    return text


class Times(BaseModel):
    """When occurrences are due, by the clock of one time zone: a cron, or dates."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    zone: Zone = Field(description="the time zone of the clock, e.g. Europe/Berlin")
    cron: Annotated[str, AfterValidator(_cron_is_one)] | None = Field(
        default=None, description="five fields, as cron has them"
    )
    dates: tuple[Annotated[str, AfterValidator(_date_is_one)], ...] = Field(
        default=(), description="e.g. `2026-12-01 10:00`"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.cron is None) == (not self.dates):
            raise ValueError("give either `cron` or `dates`")
        zone = ZoneInfo(self.zone)
        for text in self.dates:
            local = datetime.fromisoformat(text).replace(tzinfo=zone)
            if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
                raise ValueError(f"{text} never comes in {self.zone}: its clock is put forward over it")
        return self

    def moments(self, after: datetime) -> Iterator[datetime]:
        """Yield the moments of a cron after one, in UTC and in order, without end.

        Where a clock is put forward, what the lost hour would have had comes once, when it is over. Where a clock is
        put back, a time of day comes once, the first time; a cron whose minute or hour begins with a star goes on with
        real time. These are the rules of Debian's cron.
        """
        if self.cron is None:
            return
        # Begun the day before: in an hour that comes twice, cronsim takes its second time for the first.
        begun = (after - timedelta(hours=25)).astimezone(ZoneInfo(self.zone))
        last = after
        for local in CronSim(self.cron, begun):
            at = local.astimezone(UTC)
            if at > last:
                last = at
                yield at

    @property
    def fixed(self) -> list[datetime]:
        """The moments of the dates, in UTC; of a time that comes twice it is the first one."""
        zone = ZoneInfo(self.zone)
        return [datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in self.dates]


class Announcement(BaseModel):
    """What is said to whom before an occurrence."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    before: Duration = Field(ge=0, le=_LONGEST, description="how long before it is due")
    to: tuple[str, ...] = Field(min_length=1, description="who is told: addresses, channels")
    text: str = Field(min_length=1, description="what is said")


class GameDay(BaseModel):
    """A schedule of drills."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    about: str = ""
    owner: str = ""
    drills: tuple[str, ...] = Field(min_length=1, description="files and folders, from the folder of this file")
    environment: str | None = Field(default=None, description="where all are run; by default where each drill says")
    keep_going: bool = Field(default=False, description="run the next drill whatever became of the last")
    times: tuple[Times, ...]
    roles: dict[str, tuple[str, ...]] = Field(default={}, description="by role, who takes part in it")
    announce: tuple[Announcement, ...] = ()
    blocked: tuple[KindUse, ...] = Field(default=(), description="guards; while one objects, nothing is begun")
    late_within: float = Field(default=0.0, ge=0, le=_LONGEST, description="seconds; 0: what is missed is skipped")

    @property
    def patience(self) -> float:
        """Seconds after it was due in which an occurrence may still begin."""
        return max(ON_TIME, self.late_within)
