"""Game days in words: when one is due, who takes part, who is told what, and what became of those before."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from faildrill import durations
from faildrill.cli import notices
from faildrill.model.game_day import GameDay, Times
from faildrill.ports.notice import Notice
from faildrill.reports.wording import count, plain
from faildrill.scheduling import blockers
from faildrill.scheduling.due import planned, upcoming
from faildrill.scheduling.occurrence_record import AnyEvent, Claimed, Died, Ended, Known, Line, Missed, key
from faildrill.system.exit_codes import ExitCode

_DAY: Final = 86400.0
_MINUTE: Final = 60.0


def zone_of(day: GameDay, at: datetime) -> str:
    """Return the zone by whose clock an occurrence is due."""
    instant = timedelta(seconds=1)
    return next((time.zone for time in day.times if planned([time], at - instant, at)), day.times[0].zone)


def when(day: GameDay, at: datetime) -> str:
    """Say when an occurrence is due, by its own clock and in UTC."""
    return f"{_local(zone_of(day, at), at)} ({at:%Y-%m-%d %H:%M} UTC)"


def _local(zone: str, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M %Z} in {zone}"


def length(seconds: float) -> str:
    """Say a length of time in days and hours, where it is long."""
    days, rest = divmod(seconds, _DAY)
    if not days:
        return durations.show(seconds if seconds < _MINUTE else _MINUTE * (seconds // _MINUTE))
    hours = int(rest // 3600)
    return f"{int(days)} d {hours} h" if hours else f"{int(days)} d"


def ago(seconds: float) -> str:
    """Say how long ago something was."""
    return f"{length(seconds)} ago" if seconds >= 1 else "just now"


def coming(day: GameDay, at: datetime, now: datetime) -> Iterator[str]:
    """Tell of an occurrence to come."""
    yield f"{plain(day.name)}: {when(day, at)}, in {length((at - now).total_seconds())}"
    where = f" in {plain(day.environment)}" if day.environment else ""
    yield f"  drills: {', '.join(plain(Path(drill).name) for drill in day.drills)}{where}"
    if day.roles:
        roles = (f"{role}: {', '.join(who)}" for role, who in day.roles.items())
        yield f"  roles: {plain('; '.join(roles), 400)}"
    for line in announced(day, at, now):
        yield f"  {line}"
    blocked = blockers.foreseen(day, at)
    if blocked is not None:
        yield f"  BLOCKED: {plain(blocked, 400)}"


def announced(day: GameDay, at: datetime, now: datetime) -> Iterator[str]:
    """Tell what is announced of an occurrence, when and to whom, the first one first, and what should be by now."""
    zone = zone_of(day, at)
    for announcement in sorted(day.announce, key=lambda one: -one.before):
        moment = at - timedelta(seconds=announcement.before)
        due = " (should be told by now)" if moment <= now else ""
        whom = plain(", ".join(announcement.to))
        yield f"tell {whom} at {_local(zone, moment)}{due}: {plain(announcement.text, 300)}"


def occurrence(day: GameDay, at: datetime) -> dict[str, object]:
    """Return an occurrence to come as data."""
    return {
        "game_day": day.name,
        "occurrence": key(at),
        "due": at.astimezone(ZoneInfo(zone_of(day, at))).isoformat(),
        "zone": zone_of(day, at),
        "drills": list(day.drills),
        "environment": day.environment,
        "roles": {role: list(who) for role, who in day.roles.items()},
        "announce": [
            {
                "at": (at - timedelta(seconds=announcement.before)).isoformat(),
                "to": list(announcement.to),
                "text": announcement.text,
            }
            for announcement in sorted(day.announce, key=lambda one: -one.before)
        ],
        "blocked": blockers.foreseen(day, at),
    }


def listed(file: Path, day: GameDay, lines: Sequence[Line], now: datetime, most: int) -> Iterator[str]:
    """Tell of a game day: what it is, when it is due next, and what became of those before, the latest last."""
    yield f"{plain(day.name)}  {plain(str(file), 200)}{f'  {plain(day.about)}' if day.about else ''}"
    yield f"  due: {'; '.join(_rule(time) for time in day.times)}; missed: {_policy(day)}"
    soon = upcoming(day.times, now, 1)
    yield f"  next: {when(day, soon[0]) if soon else 'never again'}"
    past = [line for line in lines if not isinstance(line.what, Known | Claimed)]
    last = next((line for line in reversed(lines) if isinstance(line.what, Claimed | Ended | Died)), None)
    missed = sum(line.what.count for line in past if isinstance(line.what, Missed))
    died = sum(isinstance(line.what, Died) for line in past)
    run = sum(isinstance(line.what, Ended) for line in past)
    yield f"  so far: {count(run, 'run', 'run')}, {missed:,} missed, {died:,} died"
    for line in past[-most:] if most else ():
        yield f"  {line.what.occurrence if not isinstance(line.what, Known) else ''}  {_in_words(line.what)}"
    if last is not None and isinstance(last.what, Claimed):
        yield f"  {last.what.occurrence}  begun by {last.what.user}@{last.what.host} (pid {last.what.pid})"


def written(day: GameDay, event: AnyEvent) -> Iterator[str]:
    """Tell what a tick wrote down, where that is worth a line."""
    if isinstance(event, Known):
        return
    yield f"{plain(day.name)} {event.occurrence}: {_in_words(event)}"


def notice(day: GameDay, events: Sequence[AnyEvent]) -> Notice | None:
    """Say what became of the occurrences of a game day that a tick has seen to; None where there was none."""
    worth_telling = [event for event in events if isinstance(event, Ended | Died | Missed)]
    if not worth_telling:
        return None
    words = dict.fromkeys(_word(event) for event in worth_telling)
    lines = [line for event in worth_telling for line in written(day, event)]
    hands = dict.fromkeys(
        line for event in worth_telling if isinstance(event, Ended) for line in notices.hand(event.code)
    )
    is_well = list(words) == [ExitCode.PASSED.name]
    return notices.composed(f"drill {', '.join(words)}: game day {day.name}", [*lines, *hands], is_well=is_well)


def _word(one: Ended | Died | Missed) -> str:
    return ExitCode(one.code).name if isinstance(one, Ended) else type(one).__name__.upper()


def _in_words(event: AnyEvent) -> str:
    if isinstance(event, Ended):
        verdict = next((code.name for code in ExitCode if code == event.code), f"exit code {event.code}")
        where = f" ({plain(event.folder, 300)})" if event.folder else ""
        return f"{verdict}: {plain(event.because, 300)}{where}"
    if isinstance(event, Died):
        return f"DIED: {plain(event.because, 300)}"
    if isinstance(event, Missed):
        many = f" {event.count:,} times, until {event.last}" if event.count > 1 else ""
        return f"MISSED{many} ({event.sort}): {plain(event.because, 400)}"
    return "is begun" if isinstance(event, Claimed) else ""


def _rule(times: Times) -> str:
    return f"{times.cron} in {times.zone}" if times.cron else f"{count(len(times.dates), 'date')} in {times.zone}"


def _policy(day: GameDay) -> str:
    return f"run, up to {durations.show(day.late_within)} late" if day.late_within else "skipped"
