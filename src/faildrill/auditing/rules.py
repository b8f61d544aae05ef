"""What can be wrong with settings whatever anybody approved. Pure: from what was read to remarks."""

from collections.abc import Callable, Iterator
from typing import Final

from faildrill import durations
from faildrill.auditing.detection_time import last_resort, serving, standing
from faildrill.auditing.remarks import Detection, Grade, Remark
from faildrill.standards import (
    Backend,
    Check,
    Failover,
    Settings,
    SettingsRead,
    differences,
    in_words,
    is_local,
    is_name,
    port,
)
from faildrill.standards.settings import Timeouts

RULES: Final = {
    "standard": "the settings are the approved ones",
    "readable": "everything that an audit needs can be read",
    "warned": "the program accepts its configuration without a warning",
    "saved": "what runs is what the file says",
    "checked": "every server has a health check of its own",
    "detection": "a dead server is noticed within its objective",
    "timeouts": "timeouts are set, and don't contradict each other",
    "redispatch": "a request whose server just died is retried on another one",
    "sessions": "established connections are moved off a dead server",
    "redundant": "no backend depends on one server",
    "failover": "the times of the failover fit together",
    "writer": "a check tells the database that takes writes from one that follows it",
}
"""Every rule, with the claim that it weighs."""


_SOON: Final = 60.0
"""Seconds within which an established connection that fell silent ends anyhow."""
_ONE_WRITES: Final = {3306: "MySQL", 5432: "PostgreSQL", 6379: "Redis", 6432: "PgBouncer"}
"""Stores of which one usually takes the writes and the others follow, by their port."""
_MAY_ASK_A_ROLE: Final = ("http", "script", "agent", "none")
"""Ways that may ask who leads, or ask nothing. All others connect, log in or ping, which a follower answers, too."""
_UNREAD: Final = "a setting that can't be read counts as wrong"
_NEVER: Final = "no check notices it: it gets requests until a person notices"
_BY_USERS: Final = "only failing user requests show it, again after every timeout: there is no limit to how many fail"


def remarks(name: str, reading: SettingsRead) -> Iterator[Remark]:
    """Yield what every rule finds that needs no standard."""
    yield from _told(name, reading)
    yield from _unsaved(name, reading)
    for backend, settings in (reading.live.backends or {}).items():
        for rule in _OF_BACKENDS:
            yield from (remark._replace(path=("backends", backend)) for remark in rule(name, backend, settings))
        for place, route in settings.by_route().items():
            where = f"{backend} ({place})" if place else backend
            for rule in _OF_ROUTES:
                yield from (remark._replace(path=("backends", backend)) for remark in rule(name, where, route))
    if reading.live.failover is not None:
        yield from _failover(name, reading.live.failover)


def _told(name: str, reading: SettingsRead) -> Iterator[Remark]:
    """Tell what could not be read, and what whoever was asked says by itself."""
    for unread in reading.unread:
        yield Remark("readable", Grade.UNREAD, name, f"{unread.what}: {unread.why}", _UNREAD)
    for aside in reading.asides:
        grade = Grade.WARNING if aside.wrong else Grade.NOTE
        yield Remark("warned", grade, name, aside.what, aside.why, aside.remedy)
    if not reading.live.backends and reading.live.failover is None and not reading.unread:
        what = "no backend and no failover settings were found, so nothing was audited"
        yield Remark("readable", Grade.UNREAD, name, what, _UNREAD)


def slow(one: Detection) -> Remark | None:
    """Tell when a dead one is not noticed within its objective; None where it is, or where there is none."""
    if one.objective is None:
        return None
    limit = durations.show(one.objective)
    what = f"a dead server of {one.of}" if one.refused is not None or one.worst is None else f"a dead one ({one.of})"
    if one.never:
        why = _BY_USERS if ": none" not in one.formula and ": agent" not in one.formula else _NEVER
        return Remark("detection", Grade.SEVERE, one.source, f"{what} may stay in use ({one.formula})", why)
    if one.worst is None:
        why = "without these figures nobody knows for how long a dead server gets requests"
        return Remark("detection", Grade.UNREAD, one.source, f"when {what} is noticed can't be computed", why)
    if one.worst <= one.objective:
        return None
    lateness = f"{what} is noticed after {durations.show(one.worst)} at the worst, the objective is {limit}"
    why = f"until then it still gets requests: {one.formula}"
    remedy = "shorten its check interval or timeout, or let fewer failed checks mark it down"
    return Remark("detection", Grade.SEVERE, one.source, lateness, why, remedy, limit, durations.show(one.worst))


def _unsaved(name: str, reading: SettingsRead) -> Iterator[Remark]:
    """Tell what runs and is not in the file: the next reload takes it back, for good or ill."""
    if reading.written is None:
        return
    for difference in differences(reading.written, reading.live, spelled=reading.spelled):
        if (difference.how in ("unread", "extra") and "servers" not in difference.path) or difference.how == "unread":
            continue
        if difference.path in reading.steered or difference.found == "unresolved":
            continue
        lack = {"missing": "is in the file, but not in force", "extra": "is in force, but not in the file"}.get(
            difference.how, f"{difference.live} runs, the file says {difference.standard}"
        )
        what = f"{in_words(difference.path)}: {lack}"
        why = "it was changed at run time: the file does not show it, and the next reload reverts it"
        remedy = "revert it, or write it into the file, so that both agree"
        yield Remark(
            "saved", Grade.WARNING, name, what, why, remedy, difference.standard, difference.live, difference.path
        )


def _unchecked(name: str, backend: str, settings: Backend) -> Iterator[Remark]:
    for server, its in (settings.servers or {}).items():
        how = its.check.how if its.check else None
        where = f"{backend}/{server}"
        others = len(serving(settings)) > 1 and server != last_resort(settings)
        if how == "none" and others:
            why = "a server that dies still gets requests"
            yield Remark("checked", Grade.SEVERE, name, f"{where} has no health check", why, "give it a check")
        elif how == "none":
            why = "there is no other server that could take its requests"
            yield Remark("checked", Grade.NOTE, name, f"{where} has no health check", why)
        elif how == "agent":
            why = "an agent that falls silent marks nothing down: a server that dies still gets requests"
            what = f"{where} has an agent, and no health check"
            grade = Grade.SEVERE if others else Grade.NOTE
            yield Remark("checked", grade, name, what, why, "add a health check beside the agent check")
        elif how == "passive":
            why = "it is found dead only by user requests that fail, again after every timeout"
            yield Remark("checked", Grade.NOTE, name, f"{where} is checked only by user requests", why)
        elif how is None:
            why = _UNREAD
            yield Remark("checked", Grade.UNREAD, name, f"how {where} is checked can't be read", why)


def _timeouts(name: str, backend: str, settings: Backend) -> Iterator[Remark]:
    if settings.timeouts is None or not settings.servers:
        return
    tunnelled = settings.mode == "tcp" and isinstance(settings.timeouts.tunnel, float)
    for what in ("client", "connect", "server"):
        if getattr(settings.timeouts, what) == "none" and not (tunnelled and what == "server"):
            why = "a connection that hangs is held for ever; with enough of them nothing is served any more"
            what_lacks = f"{backend} has no timeout {what}"
            yield Remark("timeouts", Grade.WARNING, name, what_lacks, why, f"set `timeout {what}`")
    client, server = settings.timeouts.client, settings.timeouts.server
    known = isinstance(client, float) and isinstance(server, float)
    if settings.mode == "tcp" and known and client != server and not tunnelled:
        what_lacks = (
            f"{backend} cuts an idle connection after {_shown(client)} on one side and {_shown(server)} on the other"
        )
        why = "in TCP mode a connection that is idle on both sides ends after the shorter of the two"
        yield Remark(
            "timeouts", Grade.NOTE, name, what_lacks, why, "make `timeout client` and `timeout server` the same"
        )


def _shown(limit: float | str | None) -> str:
    return durations.show(limit) if isinstance(limit, float) else str(limit)


def _intervals(name: str, backend: str, settings: Backend) -> Iterator[Remark]:
    intervals = {
        (server.check.interval, server.check.fast_interval)
        for server in (settings.servers or {}).values()
        if server.check and server.check.interval is not None and server.check.fast_interval is not None
    }
    for interval, fast in sorted(intervals):
        if fast > interval:
            what = f"{backend} is checked every {durations.show(interval)}, but every {durations.show(fast)} in doubt"
            why = "a server that has just failed a check is checked less often than a healthy one"
            yield Remark(
                "timeouts",
                Grade.WARNING,
                name,
                what,
                why,
                "make the interval in doubt (HAProxy's `fastinter`) the shorter one",
            )


def _redispatch(name: str, backend: str, settings: Backend) -> Iterator[Remark]:
    active = [server for server in serving(settings).values() if not server.backup]
    if len(active) < 2 or settings.mode != "http":  # noqa: PLR2004 - one has nobody to turn to
        return
    if settings.redispatch is False or settings.retries == 0:
        what = f"{backend} does not retry on another server when a connection fails"
        why = "until a dead server is noticed, its share of the users gets errors that a retry would spare them"
        remedy = "`option redispatch 1`, `retries 2` or more; at NGINX `error` in `proxy_next_upstream`, two tries"
        yield Remark("redispatch", Grade.WARNING, name, what, why, remedy)
    elif settings.redispatch is None or settings.retries is None:
        what = f"whether {backend} retries on another server can't be read"
        yield Remark("redispatch", Grade.UNREAD, name, what, _UNREAD)


def _sessions(name: str, backend: str, settings: Backend) -> Iterator[Remark]:
    stay = standing(settings)
    kept = [server.check for server in serving(settings).values() if server.check and server.standing == "kept"]
    checked = [check for check in kept if check.how not in (None, "none", "passive")]
    if stay is None or not checked or len(serving(settings)) < 2:  # noqa: PLR2004 - one has nobody to turn to
        return
    timeouts = settings.timeouts or Timeouts()
    limit = timeouts.tunnel if isinstance(timeouts.tunnel, float) else timeouts.server
    # A check that only connects finds dead what is dead; any other may take out a server that goes on answering.
    connects = all(check.how in ("tcp", "tls") and not check.asks for check in checked)
    harmless = connects and isinstance(limit, float) and limit <= _SOON
    what = f"when a server is found dead, {backend} moves new connections only: {stay}"
    why = "clients keep using a demoted database over the connection they hold, or wait for a dead one"
    remedy = "default-server on-marked-down shutdown-sessions"
    yield Remark("sessions", Grade.NOTE if harmless else Grade.WARNING, name, what, why, remedy)


def _single(name: str, backend: str, settings: Backend) -> Iterator[Remark]:
    """Tell of a backend that one server's death ends; of a name alone nobody knows how many are behind it."""
    if not settings.servers:
        return
    left = serving(settings)
    balanced = [name for name, share in left.items() if share.weight != 0]
    if not left:
        what, why = f"{backend} has no server to send requests to", "nobody is served until one is back"
        yield Remark("redundant", Grade.WARNING, name, what, why, "put one back in")
    elif len(left) == len(settings.servers) == 1 and is_name(next(iter(left.values())).address):
        what = f"{backend} has only {', '.join(left)} to send requests to"
        yield Remark("redundant", Grade.NOTE, name, what, "how many servers are behind one name is unknown here")
    elif len(left) == len(settings.servers) == 1 and is_local(next(iter(left.values())).address):
        # As PHP-FPM is behind its NGINX: it dies with this host or is started again on it, and a second one here would
        # die with it, too. What is redundant is the host, or nothing; of that nobody here knows.
        what = f"{backend} has only {', '.join(left)} to send requests to, on its own host"
        yield Remark("redundant", Grade.NOTE, name, what, "whether another host takes over is not seen from here")
    elif len(left) == 1:
        what = f"{backend} has only {', '.join(left)} to send requests to"
        why = "if it dies, nobody is served"
        yield Remark("redundant", Grade.WARNING, name, what, why, "add a server, or put one back in")
    elif len(balanced) <= 1:
        what = f"{backend} has {'only ' * len(balanced)}{', '.join(balanced) or 'no server'} for what no rule assigns"
        why = "without it neither that is served, nor what is assigned to a server that is down"
        yield Remark("redundant", Grade.NOTE, name, what, why)


def _writer(name: str, backend: str, settings: Backend) -> Iterator[Remark]:
    """Tell of databases that are balanced over by a check which all of them answer, whoever of them leads."""
    balanced = [server for server in serving(settings).values() if not server.backup and server.weight != 0]
    stores = {_ONE_WRITES.get(port(server.address) or 0) for server in balanced}
    checks = [server.check for server in balanced if server.check is not None]
    asked_no_role = [check for check in checks if check.how and not _may_ask_a_role(check)]
    if len(balanced) < 2 or len(stores) != 1 or None in stores or len(asked_no_role) < len(balanced):  # noqa: PLR2004 - one is the writer
        return
    [store] = stores
    what = (
        f"{backend} balances over {len(balanced)} {store} servers by checks that don't tell which of them takes writes"
    )
    why = "one that only follows passes such a check as well, and refuses writes; for reads it is right"
    remedy = "where users write through it, check who leads: `option httpchk` at Patroni's /primary, `role:master`"
    yield Remark("writer", Grade.NOTE, name, what, why, remedy)


def _may_ask_a_role(check: Check) -> bool:
    """Tell whether a check may ask who leads: of those that log in, ping or connect, one with words of its author's."""
    is_scripted = check.how in ("tcp", "tls") and bool(check.asks)  # `tcp-check send`
    return check.how in _MAY_ASK_A_ROLE or is_scripted


def _failover(name: str, settings: Failover) -> Iterator[Remark]:
    """Patroni's documentation of dynamic settings: `loop_wait + 2 * retry_timeout <= ttl`."""
    ttl, wait, retry = settings.ttl, settings.loop_wait, settings.retry_timeout
    if ttl is not None and wait is not None and retry is not None and wait + 2 * retry > ttl:
        needed = durations.show(wait + 2 * retry)
        what = f"ttl is {durations.show(ttl)}, and loop_wait + 2 * retry_timeout is {needed}"
        why = "a primary that still tries to reach its store loses the lead before it gives up: a needless failover"
        yield Remark("failover", Grade.SEVERE, name, what, why, f"patronictl edit-config -s ttl={needed}")
    if settings.paused:
        why = "nobody takes over from a dead primary until it is resumed"
        yield Remark("failover", Grade.SEVERE, name, "Patroni is paused", why, "patronictl resume")
    start = settings.primary_start_timeout
    if start and wait is not None:
        what = f"after a crash the primary gets up to {durations.show(2 * wait + start)} to start again"
        why = "only then does Patroni let another node take over"
        remedy = "if that is too long: patronictl edit-config -s primary_start_timeout=SECONDS"
        yield Remark("failover", Grade.NOTE, name, what, why, remedy)


_Rule = Callable[[str, str, Backend], Iterator[Remark]]
_OF_BACKENDS: Final[tuple[_Rule, ...]] = (_unchecked, _intervals, _sessions, _single, _writer)
_OF_ROUTES: Final[tuple[_Rule, ...]] = (_timeouts, _redispatch)


def without_standard(name: str, live: Settings) -> Remark:
    """Tell that there was nothing to compare the settings with."""
    what = f"no standard is called {name!r}, so what is set here was compared with nothing"
    parts = [*(live.backends or {}), *(["the failover"] if live.failover is not None else [])]
    why = f"{', '.join(parts) or 'nothing'}: as set, approved or not"
    remedy = "write a standard, and list it in the environment under `standards`"
    return Remark("standard", Grade.NOTE, name, what, why, remedy)
