"""A configuration file of HAProxy, read for what concerns spreading requests and noticing the dead.

HAProxy has no command that prints its configuration, so the file is read here, by the rules of its configuration
manual: chapter 2.2 (words and quotes), 4.1 (which section inherits what), 4.2 (keywords of proxies), 5.2 (of servers).
What can't be known from a file (conditions, environment variables, templates) is told as unread, never guessed.
"""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from faildrill.adapters.haproxy.servers import CHECKS, Checking, Words, duration, server
from faildrill.settings import Settings, Unread

_PROXIES: Final = ("defaults", "frontend", "backend", "listen")
_OTHERS: Final = frozenset(
    {
        *("global", "peers", "resolvers", "userlist", "cache", "program", "mailers", "ring", "http-errors"),
        *("fcgi-app", "log-forward", "log-profile", "crt-store", "traces", "acme"),
    }
)
_TIMEOUTS: Final = ("client", "connect", "queue", "server", "check")
_RETRIES: Final = 3
"""HAProxy's own, where nothing is said."""


@dataclass
class _Section:
    """One proxy of the file, with what it inherited."""

    kind: str
    name: str
    mode: str = "tcp"
    algorithm: str = "roundrobin"
    retries: int | None = _RETRIES
    redispatch: bool = False
    cookie: bool = False
    table: bool = False
    check: str = "tcp"
    path: str | None = None
    timeouts: dict[str, str] = field(default_factory=dict)
    default_server: Words = ()
    servers: dict[str, Words] = field(default_factory=dict)
    leads_to: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def heir(self, kind: str, name: str) -> "_Section":
        """Return a section that inherits this one's words, and nothing that belongs to one proxy only."""
        kept = {one: getattr(self, one) for one in ("mode", "algorithm", "retries", "redispatch", "cookie", "check")}
        return _Section(
            kind, name, **kept, path=self.path, timeouts=dict(self.timeouts), default_server=self.default_server
        )


def parse(text: str) -> tuple[Settings, tuple[Unread, ...]]:
    """Read a file's text; what is in it that can't be known is told beside it."""
    found: list[_Section] = []
    unread: list[Unread] = []
    defaults: dict[str, _Section] = {"": _Section("defaults", "")}
    current: _Section | None = None
    for number, words in _lines(text, unread):
        if words[0] == "spread-checks":
            unread.append(Unread("check intervals", f"`{' '.join(words)}` varies them by that many percent"))
        if words[0] in _PROXIES or words[0] in _OTHERS:
            current = _begun(words, defaults)
            if current is not None and current.kind != "defaults":
                found.append(current)
        elif words[0].startswith("."):
            unread.append(Unread(f"line {number}", f"`{words[0]}`: what is conditional can't be known from the file"))
        elif current is not None:
            _take(current, words)
    unread += [Unread(f"{one.kind} {one.name}", why) for one in found for why in one.unread]
    backends = {one.name: _backend(one, found) for one in found if one.kind in ("backend", "listen")}
    return Settings.model_validate({"backends": backends}), tuple(unread)


def _lines(text: str, unread: list[Unread]) -> Iterator[tuple[int, list[str]]]:
    """Yield the words of every line that has some."""
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            unread.append(Unread(f"line {number}", f"{error}".lower()))
            continue
        if words:
            yield number, words


def _begun(words: Words, defaults: dict[str, _Section]) -> _Section | None:
    """Begin a section: a proxy takes what the last `defaults` said, or the one that it names with `from`."""
    kind, *rest = words
    if kind not in _PROXIES:
        return None
    parent = rest[rest.index("from") + 1] if "from" in rest[:-1] else ""
    name = rest[0] if rest and rest[0] != "from" else ""
    if kind == "defaults":
        section = (defaults[parent] if parent in defaults and parent else _Section("", "")).heir(kind, name)
        defaults[""] = section
        defaults[name] = section
        return section
    return defaults.get(parent, defaults[""]).heir(kind, name)


def _take(section: _Section, words: Words) -> None:
    """Take in one line of a proxy."""
    word, *rest = words
    if any("$" in one for one in words):
        if word in ("server", "default-server", "timeout", "balance", "retries"):
            section.unread.append(f"`{word}` depends on an environment variable")
        return
    if word == "timeout" and len(rest) > 1:
        section.timeouts[rest[0]] = duration(rest[1])
    elif word == "server" and len(rest) > 1:
        section.servers[rest[0]] = (rest[1], *section.default_server, *rest[2:])
    elif word == "default-server":
        section.default_server = (*section.default_server, *rest)
    elif word == "server-template":
        section.unread.append("`server-template`: its servers are known only at run time")
    elif word in ("option", "no"):
        _option(section, words)
    else:
        _keyword(section, word, rest)


def _keyword(section: _Section, word: str, rest: Words) -> None:
    first = rest[0] if rest else ""
    if word == "mode":
        section.mode = first
    elif word == "balance":
        section.algorithm = first.partition("(")[0]
    elif word == "retries":
        section.retries = int(first) if first.isdecimal() else None
    elif word == "cookie":
        section.cookie = True
    elif word == "stick":
        section.table = True
    elif word in ("default_backend", "use_backend"):
        section.leads_to.append(first)
    elif word == "http-check" and first == "send" and "uri" in rest[:-1]:
        section.path = rest[rest.index("uri") + 1]


def _option(section: _Section, words: Words) -> None:
    negated = words[0] == "no"
    names = words[2:] if negated else words[1:]
    if not names:
        return
    if names[0] == "redispatch":
        section.redispatch = not negated
    elif names[0] in CHECKS and not negated:
        section.check = CHECKS[names[0]]
        if names[0] == "httpchk":
            section.path = _asked_for(names[1:])


def _asked_for(words: Words) -> str | None:
    """Return what `option httpchk [method] [path] [version]` asks for; `/` where it says nothing."""
    if not words:
        return "/"
    return words[0] if len(words) == 1 else words[1]


def _backend(section: _Section, everything: Iterable[_Section]) -> dict[str, Any]:
    timeouts: dict[str, str | None] = {name: section.timeouts.get(name, "none") for name in _TIMEOUTS}
    if "queue" not in section.timeouts:
        timeouts["queue"] = timeouts["connect"]  # the manual: "the same value as the backend's connection timeout"
    timeouts["client"] = _client(section, everything)
    del timeouts["check"]
    checking = Checking(section.check, section.path, section.timeouts.get("check"), section.timeouts.get("connect"))
    return {
        "mode": section.mode if section.mode in ("http", "tcp") else None,
        "algorithm": section.algorithm,
        "stickiness": "cookie" if section.cookie else "table" if section.table else "none",
        "retries": section.retries,
        "redispatch": section.redispatch,
        "timeouts": timeouts,
        "servers": {name: server(words, checking) for name, words in section.servers.items()},
    }


def _client(section: _Section, everything: Iterable[_Section]) -> str | None:
    """Return how long clients of a backend may be silent: the longest that any way to it allows, None if unknown."""
    if section.kind == "listen":
        return section.timeouts.get("client", "none")
    ways = [one for one in everything if section.name in one.leads_to]
    given = [one.timeouts.get("client", "none") for one in ways]
    if "none" in given or not given:
        return "none" if given else None
    return max(given, key=_microseconds)


def _microseconds(text: str) -> int:
    return int(text.removesuffix("us"))
