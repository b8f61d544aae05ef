"""The words of a `server` line of HAProxy: chapter 5.2 of its configuration manual."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from faildrill.adapters.haproxy.words import known

Words = Sequence[str]
CHECKS: Final = {
    "httpchk": "http",
    "tcp-check": "tcp",
    "ssl-hello-chk": "tls",
    "pgsql-check": "pgsql",
    "mysql-check": "mysql",
    "redis-check": "redis",
    "smtpchk": "smtp",
    "ldap-check": "ldap",
    "external-check": "script",
}
"""What an `option` makes of a health check."""
_TIME: Final = re.compile(r"([0-9]+)(us|ms|s|m|h|d)?")
"""A time of the manual (2.5): a number with a unit, or in milliseconds."""
_MICROSECONDS: Final = {"us": 1, "ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
"""By unit."""
_LONGEST: Final = 366 * 86400 * 10**6
"""In microseconds: what is longer than a year is endless for a check."""
_ALONE: Final = frozenset(
    {
        *("agent-check", "allow-0rtt", "backup", "check", "check-reuse-pool", "check-send-proxy", "check-sni-auto"),
        *("check-ssl", "check-via-socks4", "disabled", "enabled", "non-stick", "renegotiate", "send-proxy"),
        *("send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn", "sni-auto", "ssl", "ssl-reuse", "stick"),
        *("strict-maxconn", "tfo", "tls-tickets"),
    }
)
"""Words of a server that take no value; so do all that begin with `no-` or `force-`."""
_INTERVAL: Final = "2s"
"""HAProxy's own time between two checks, where nothing is said."""
_DIGITS: Final = 10
"""Digits of a number that fits into 32 bits."""
_LONGEST_NUMBER: Final = 19
"""Digits of the largest number that HAProxy counts with, of things and of times."""
_SHOWN: Final = 40
"""Characters of a wrong value that are shown."""
_OFF: Final = {"disabled": "enabled", "enabled": "disabled"}
"""Words that take each other back, besides those with `no-`."""


class Checking(NamedTuple):
    """What a backend says about the checks of all its servers; None where that can't be known."""

    how: str | None
    asks: bool | None
    """It asks something, and does not only connect."""
    path: str | None
    timeout: str | None
    """`timeout check`, empty where it is not given."""
    connect: str | None
    """`timeout connect`, empty where it is not given."""


class ServerLine(NamedTuple):
    """One server as its line has it."""

    settings: dict[str, Any]
    tracks: str | None = None
    """The server whose state it takes over, as `backend/server` or `server`."""
    resolves: bool = False
    """Its address is looked up again and again while HAProxy runs."""


def duration(text: str) -> str | None:
    """Return a time of HAProxy's as a whole number of microseconds, `none` where it stands for no limit.

    A number alone is in milliseconds; None where it is no time, or not known.
    """
    match = _TIME.fullmatch(text)
    if match is None or len(match[1]) > _LONGEST_NUMBER:
        return None
    microseconds = min(int(match[1]) * _MICROSECONDS[match[2] or "ms"], _LONGEST)
    return f"{microseconds}us" if microseconds else "none"


def server(words: Words, checking: Checking, *, assigned: bool) -> ServerLine:
    """Read a server's address and words; what can't be known is None. `assigned`: by a rule of its backend."""
    address = words[0] if known(words[0]) else None
    options = _sorted(words[1:])
    if options is None:
        return ServerLine({"address": address})
    values, alone = options
    # 0 stands for no limit (5.2, `maxconn`).
    maximum = number(values.get("maxconn", "0"))
    settings = {
        "address": address,
        "weight": number(values.get("weight", "1")),
        "assigned": assigned,
        "state": "maint" if "disabled" in alone else "ready",
        "backup": "backup" in alone,
        "max_connections": "none" if maximum == 0 else maximum,
        "standing": _standing(values.get("on-marked-down", "")),
        "check": _check(values, alone, checking),
    }
    return ServerLine(settings, values.get("track"), "resolvers" in values)


def mistaken(words: Words) -> Iterator[str]:
    """Yield a sentence on each value that HAProxy refuses and that is therefore not known: of a server, or of all."""
    values, _ = _sorted(words) or ({}, set())
    for word, value in values.items():
        reads, takes = _TAKES.get(word, (None, ""))
        if reads is not None and known(value) and reads(value) is None:
            yield f"`{word} {value[:_SHOWN]}` is not {takes}"


def _sorted(words: Words) -> tuple[dict[str, str], set[str]] | None:
    """Return the words that have a value, and those that stand alone; the last one said has it.

    None where one of those that stand alone is not known: it could be any.
    """
    values: dict[str, str] = {}
    alone: set[str] = set()
    rest = iter(words)
    for word in rest:
        if not known(word):
            return None
        if word in _ALONE or word.startswith(("no-", "force-")):
            opposite = _OFF.get(word) or (word.removeprefix("no-") if word.startswith("no-") else f"no-{word}")
            alone.discard(opposite)
            alone.add(word)
        else:
            values[word] = next(rest, "")
    return values, alone


def _standing(word: str) -> str | None:
    if not known(word):
        return None
    return "ended" if word == "shutdown-sessions" else "kept"


def _check(values: dict[str, str], alone: set[str], checking: Checking) -> dict[str, Any]:
    """Read how a server is checked.

    By the manual (`timeout check`): with it, connecting may take the smaller of `timeout connect` and `inter`, and the
    answer as long again as it says; without it, a whole check may take `inter`.
    """
    if "track" in values:
        return {}  # its state is another server's, whose check is put here once all are read
    if "check" not in alone:
        return {"how": "agent" if "agent-check" in alone else "none"}
    interval = _interval(values.get("inter", _INTERVAL))
    timeout = checking.timeout
    connect = (_smaller(checking.connect, interval) if timeout else "0us") if timeout is not None else None
    return {
        "how": checking.how,
        "asks": checking.asks,
        "path": checking.path if checking.how == "http" else None,
        "interval": interval,
        "fast_interval": _interval(values["fastinter"]) if "fastinter" in values else interval,
        "down_interval": _interval(values["downinter"]) if "downinter" in values else interval,
        "connect": connect,
        "timeout": None if timeout is None else timeout or interval,
        "fall": _positive(values.get("fall", "3")),
        "rise": _positive(values.get("rise", "2")),
    }


def _smaller(connect: str | None, interval: str | None) -> str | None:
    """Return the smaller of two times, of which an empty or endless one counts for nothing."""
    if connect is None or interval is None:
        return None
    given = [limit for limit in (connect, interval) if limit not in ("", "none")]
    return min(given, key=lambda one: int(one.removesuffix("us")), default=None)


def number(text: str) -> int | None:
    """Return a number of HAProxy's; None where it is none, or larger than any that it takes."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def _positive(text: str) -> int | None:
    return number(text) or None


def _interval(text: str) -> str | None:
    """Return the time between two checks; None where it is no time, or none passes."""
    interval = duration(text)
    return interval if interval != "none" else None


_TAKES: Final[dict[str, tuple[Callable[[str], object], str]]] = {
    **dict.fromkeys(("inter", "fastinter", "downinter"), (_interval, "a time longer than 0")),
    **dict.fromkeys(("fall", "rise"), (_positive, "a number of 1 or more")),
    **dict.fromkeys(("weight", "maxconn"), (number, "a number")),
}
"""How a word's value is read, and what it must be."""
