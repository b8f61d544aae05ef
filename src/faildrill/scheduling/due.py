"""Which occurrences of a game day are due: a pure function of the clock and of what was recorded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import islice, takewhile
from typing import Any, Final

from faildrill.model.game_day import Times
from faildrill.scheduling.occurrence_record import Claimed, Died, Ended, Known, Line, Missed, key, moment

SKEW: Final = timedelta(minutes=1)
"""How much the clocks of hosts that tick may differ. What is dated later than that was written by a clock that was
ahead, or ours was put back."""
_BEFORE_ALL: Final = datetime(1, 1, 2, tzinfo=UTC)
"""The second day there is: a zone's offset may be subtracted from it."""


def planned(times: Iterable[Times], after: datetime, until: datetime) -> list[datetime]:
    """Return the moments after one and up to another, in UTC, in order, each once."""
    crons = [takewhile(lambda at: at <= until, time.moments(after)) for time in times]
    dates = {at for time in times for at in time.fixed if after < at <= until}
    return sorted({*dates, *(at for some in crons for at in some)})


def upcoming(times: Sequence[Times], after: datetime, most: int) -> list[datetime]:
    """Return the next moments after one, as `planned` does, `most` of them at the most."""
    dates = sorted({at for time in times for at in time.fixed if at > after})
    ordered = merge(dates, *(time.moments(after) for time in times))
    moments = dict.fromkeys(islice(ordered, most * (len(times) + 1)))
    return [*moments][:most]


@dataclass(frozen=True)
class Decided:
    """What was decided by now, as a clock that reads `now` has to take it."""

    since: datetime | None
    """When its present times were first read; None: never."""
    times: list[dict[str, Any]]
    owed: list[str]
    """What was due by the times before those."""
    claimed: frozenset[str]
    missed: tuple[Missed, ...]
    """Those that count."""
    open: Claimed | None
    """What was claimed and has no end."""
    until: datetime
    """The latest moment, not after now, of which something was decided."""

    def is_decided(self, at: datetime) -> bool:
        """Tell whether an occurrence was run or missed."""
        name = key(at)
        return name in self.claimed or any(gone.occurrence <= name <= gone.until for gone in self.missed)


def decided(lines: Iterable[Line], now: datetime) -> Decided:
    """Go through what was recorded.

    What was claimed counts whatever its date is: nothing is ever run twice. That one was missed doesn't count where it
    was written by a clock that was ahead of ours: what is still to come can't have been missed.
    """
    since, first = None, Known(times=[])
    opened: Claimed | None = None
    claimed: set[str] = set()
    missed: list[Missed] = []
    # What another host claimed counts at once; what it says to have missed has to be past by our clock, too.
    here, ahead = key(now), key(now + SKEW)  # names are in the order of their moments
    for line in lines:
        match line.what:
            case Known() as known if line.at <= ahead:
                since, first = line.at, known
            case Claimed() as opening:
                opened = opening
                claimed.add(opening.occurrence)
            case Ended() | Died():
                opened = None
            case Missed() as gone if line.at <= ahead:
                missed.append(gone)
            case _:
                pass
    until = max((name for name in (*claimed, *(gone.until for gone in missed)) if name <= here), default=None)
    return Decided(
        since=moment(since) if since else None,
        times=first.times,
        owed=first.owed,
        claimed=frozenset(claimed),
        missed=tuple(missed),
        open=opened,
        until=moment(until) if until else _BEFORE_ALL,
    )


def due(times: Sequence[Times], known: Decided, now: datetime) -> list[datetime]:
    """Return the occurrences that are due and of which nothing is decided, in order.

    Of a cron those since its times were first read, or since what was decided last; of dates all.
    """
    dates = {at for time in times for at in time.fixed if at <= now}
    crons = planned([time for time in times if time.cron], max(known.until, known.since or now), now)
    owed = {moment(name) for name in known.owed}
    return sorted(at for at in {*dates, *crons, *owed} if not known.is_decided(at))
