"""What RDS tells of failovers: events without an id, matched by their category and words, dated by AWS's clock."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from faildrill.adapters.aws.call_outcomes import Call
from faildrill.adapters.aws.client import pages
from faildrill.adapters.aws.target import Account
from faildrill.errors import CannotSee
from faildrill.system.redaction import clean

_KEPT: Final = timedelta(days=14)
"""As long as RDS keeps events."""
_ASKED: Final = _KEPT - timedelta(hours=1)
"""How far back they are asked for: less than that, as this machine's clock may be off."""
_WRITTEN: Final = timedelta(hours=1)
"""How old a known one may be that is written down: an older one never comes for a new one, as of its date."""
_CATEGORY: Final = "failover"
_INSTANCE: Final = "DB instance:"
_SHOWN: Final = 200
_NS: Final = 1_000_000_000


class Event(NamedTuple):
    """One event of the category `failover`."""

    date: str
    """In ISO 8601 and UTC, as precise as AWS tells it."""
    message: str

    def as_data(self) -> list[str]:
        """Return it as it is written down."""
        return [self.date, self.message]

    @property
    def is_beginning(self) -> bool:
        """Whether a failover began: `Started cross AZ failover to DB instance: NAME` (RDS-EVENT-0072, 0073)."""
        return self.message.startswith("Started")

    @property
    def is_end(self) -> bool:
        """Whether one is complete: `Completed failover to DB instance: NAME` (RDS-EVENT-0071, 0169, 0170)."""
        return self.message.startswith("Completed")

    @property
    def instance(self) -> str:
        """The instance that it names; empty where it names none."""
        return self.message.partition(_INSTANCE)[2].strip().rstrip(".")


async def failovers(account: Account, cluster: str, within: float) -> tuple[Event, ...]:
    """Ask for all events there are about failovers of a cluster, the first one first; Untold, CannotSee.

    For those of two weeks, as RDS keeps no others: a step may be put back long after it was done.
    """
    asked = {
        "SourceType": "db-cluster",
        "SourceIdentifier": cluster,
        "StartTime": datetime.now(UTC) - _ASKED,
        "EventCategories": [_CATEGORY],
    }
    found = [
        _event(one)
        async for answer in pages(account, Call("rds", "describe_events", asked, "Events"), within)
        for one in answer.data["Events"]
        if _CATEGORY in one.get("EventCategories", []) and one.get("SourceIdentifier") == cluster
    ]
    return tuple(sorted(found))


def since(events: Iterable[Event], known: Sequence[Sequence[str]], date: str) -> list[Event]:
    """Return the events that are not among the known ones, and not older than a header `Date` from before.

    An event may be told late: one that is dated before is of an earlier failover, whenever it is told.
    """
    left = Counter(tuple(one) for one in known)
    from_then = _header(date)
    fresh = []
    for event in events:
        if left[event.date, event.message]:
            left[event.date, event.message] -= 1
        elif from_then is None or datetime.fromisoformat(event.date) >= from_then:
            fresh.append(event)
    return fresh


def lately(events: Iterable[Event], date: str) -> list[Event]:
    """Return the events that `since` has to know again, by a header `Date`: those of the hour before."""
    now = _header(date)
    return [event for event in events if now is None or datetime.fromisoformat(event.date) >= now - _WRITTEN]


def refuse_older(date: str, now: str) -> None:
    """Raise CannotSee where events since a header `Date` may be gone by another one."""
    then, today = _header(date), _header(now)
    if then is not None and today is not None and today - then >= _ASKED:
        raise CannotSee(f"RDS keeps events for {_KEPT.days} days: what has happened since {date} is not told any more")


class AwsClock:
    """AWS's clock beside ours: how far apart they can be, by the `Date` of each answer."""

    def __init__(self) -> None:
        self._least: int | None = None
        self._most: int | None = None
        """By how much its clock (ns since the epoch) is ahead of our monotonic one, at least and at most."""

    def take(self, date: str, sent: int, answered: int) -> None:
        """Take in that an answer, asked for and read at these moments (monotonic ns), was dated so."""
        told = _header(date)
        if told is None:
            return
        at = int(told.timestamp()) * _NS
        least, most = at - answered, at + _NS - sent
        # Two answers that contradict each other are of two clocks, or of one that was set: the newer one counts.
        if self._least is None or self._most is None or least > self._most or most < self._least:
            self._least, self._most = least, most
        else:
            self._least, self._most = max(self._least, least), min(self._most, most)

    def ours(self, event: Event) -> tuple[int, int] | None:
        """Return between which moments of our clock (monotonic ns) an event is dated; None where that is not known."""
        if self._least is None or self._most is None:
            return None
        at = int(datetime.fromisoformat(event.date).timestamp() * 1000) * 1_000_000
        return at - self._most, at - self._least


def _event(one: dict[str, Any]) -> Event:
    date = one.get("Date")
    if not isinstance(date, datetime):
        raise CannotSee("an event without a date")
    return Event(date.astimezone(UTC).isoformat(), clean(" ".join(str(one.get("Message", "")).split()))[:_SHOWN])


def _header(date: str) -> datetime | None:
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (ValueError, TypeError):
        return None
