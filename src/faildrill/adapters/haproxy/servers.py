"""The words of a `server` line of HAProxy: chapter 5.2 of its configuration manual."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

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
_TIME: Final = re.compile(r"(\d+)(us|ms|s|m|h|d)?")
_MICROSECONDS: Final = {"us": 1, "ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_VALUES: Final = ("weight", "maxconn", "inter", "fastinter", "downinter", "rise", "fall", "port", "addr", "track")
"""Words of a server that take one value, of those that count here."""
_FLAGS: Final = ("check", "no-check", "backup", "no-backup", "disabled", "enabled", "agent-check", "no-agent-check")
_INTERVAL: Final = "2s"
"""HAProxy's own time between two checks, where nothing is said."""


class Checking(NamedTuple):
    """What a backend says about the checks of all its servers."""

    how: str
    path: str | None
    timeout: str | None
    """`timeout check`, where it is given."""
    connect: str | None
    """`timeout connect`, where it is given."""


def duration(text: str) -> str:
    """Return a time of HAProxy's as a whole number of microseconds, `none` where it stands for no limit.

    ValueError when it is none; a number alone is in milliseconds.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no time of HAProxy's")
    microseconds = int(match[1]) * _MICROSECONDS[match[2] or "ms"]
    return f"{microseconds}us" if microseconds else "none"


def server(words: Words, checking: Checking) -> dict[str, Any]:
    """Read a server's address and words; ValueError where there is a time that is none."""
    values, flags = _sorted(words[1:])
    connections = values.get("maxconn", "0")
    return {
        "address": words[0],
        "weight": _number(values.get("weight", "1")),
        "state": "maint" if "disabled" in flags else "ready",
        "backup": "backup" in flags,
        "max_connections": _number(connections) or "none",
        "check": _check(values, flags, checking),
    }


def _sorted(words: Words) -> tuple[dict[str, str], set[str]]:
    """Return the words that have a value, and those that stand alone; the last one said has it."""
    values: dict[str, str] = {}
    flags: set[str] = set()
    for at, word in enumerate(words):
        if word in _VALUES and at + 1 < len(words):
            values[word] = words[at + 1]
        elif word in _FLAGS and (at == 0 or words[at - 1] not in _VALUES):
            opposite = word.removeprefix("no-") if word.startswith("no-") else f"no-{word}"
            flags -= {opposite, "disabled" if word == "enabled" else ""}
            flags.add(word)
    return values, flags


def _check(values: dict[str, str], flags: set[str], checking: Checking) -> dict[str, Any]:
    """Read how a server is checked.

    By the manual (`timeout check`): with it, connecting may take the smaller of `timeout connect` and `inter`, and the
    answer as long again as it says; without it, a whole check may take `inter`.
    """
    if "track" in values:
        return {}  # its state is another server's: nothing is known of how that one is checked
    if "check" not in flags:
        return {"how": "agent" if "agent-check" in flags else "none"}
    interval = duration(values.get("inter", _INTERVAL))
    return {
        "how": checking.how,
        "path": checking.path if checking.how == "http" else None,
        "interval": interval,
        "fast_interval": duration(values["fastinter"]) if "fastinter" in values else interval,
        "down_interval": duration(values["downinter"]) if "downinter" in values else interval,
        "connect": _smaller(checking.connect or interval, interval) if checking.timeout else "0us",
        "timeout": checking.timeout or interval,
        "fall": _number(values.get("fall", "3")),
        "rise": _number(values.get("rise", "2")),
    }


def _smaller(first: str, second: str) -> str:
    return min((one for one in (first, second) if one != "none"), key=lambda one: int(one.removesuffix("us")))


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
