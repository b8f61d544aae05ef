"""HAProxy's configuration files, read for what concerns spreading requests and noticing the dead.

HAProxy has no command that prints what it made of its configuration, so the files are read here, by the rules of its
configuration manual: chapter 4.1 (which section inherits what), 4.2 (keywords of proxies), 5.2 (of servers).
What can't be known is None, is told as unread, and is never taken for HAProxy's default.
"""

import copy
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from faildrill.adapters.haproxy import lines, sections
from faildrill.adapters.haproxy.lines import Beside, Line, Source
from faildrill.adapters.haproxy.sections import Section
from faildrill.adapters.haproxy.server_line import Checking, ServerLine, mistaken, server
from faildrill.adapters.haproxy.words import Variables, in_address, known
from faildrill.standards import Settings, Unread

_PROXIES: Final = ("defaults", "frontend", "backend", "listen")
_OTHERS: Final = frozenset(
    {
        *("global", "peers", "resolvers", "userlist", "cache", "program", "mailers", "ring", "http-errors"),
        *("fcgi-app", "log-forward", "log-profile", "crt-store", "traces", "acme", "healthcheck", "namespace_list"),
    }
)
_WAITS: Final = ("connect", "queue", "server", "tunnel")
_SPREADS_BY_CHANCE: Final = (3, 3)
"""The version since which a backend that says nothing takes `random`, and no longer `roundrobin`."""
_COUNTS: Final = frozenset(
    {
        *("server", "server-template", "default-server", "timeout", "balance", "retries", "mode", "option"),
        *("http-check", "use_backend", "default_backend", "use-server"),
    }
)
"""Words of a line that is told where it depends on what nobody knows."""


_WITH_VALUES: Final = {"server": 2, "server-template": 3, "default-server": 0}
"""Lines on which values of servers stand, and behind how many other words."""


class Files(NamedTuple):
    """What was read."""

    settings: Settings
    unread: tuple[Unread, ...]
    resolving: frozenset[tuple[str, str]] = frozenset()
    """Servers, by backend and name, whose address is looked up while HAProxy runs."""


def parse(sources: Sequence[Source] | str, beside: Beside = Beside()) -> Files:  # noqa: B008 - frozen
    """Read the files, in their order; what is in them that can't be known is told beside it."""
    files = [Source("", sources)] if isinstance(sources, str) else sources
    variables = Variables(beside.variables, "\n".join(file.text for file in files))
    unread: list[Unread] = []
    reader = _Reader(variables, unread)
    for line in lines.read(files, beside, variables, unread):
        reader.take(line)
    return _Proxies(reader.found, beside.version).files(unread)


class _Reader:
    """Takes in one line after the other."""

    def __init__(self, variables: Variables, unread: list[Unread]) -> None:
        self.found: list[Section] = []
        self._variables, self._unread = variables, unread
        self._defaults: dict[str, Section] = {"": Section("defaults", "")}
        self._current: Section | None = None

    def take(self, line: Line) -> None:
        """Take in one line."""
        if not line.words or line.words[0] in _OTHERS:
            self._current = None
            return
        if line.words[0] == "spread-checks":
            self._tell("check intervals", f"`{' '.join(line.words)}` varies them by that many percent")
        elif line.words[0] in _PROXIES:
            self._begin(line)
        elif self._current is not None:
            self._in_section(self._current, line)

    def _in_section(self, section: Section, line: Line) -> None:
        """Take in one line of a section, which may be one that only perhaps counts."""
        word, *rest = line.words
        for why in mistaken(rest[_WITH_VALUES[word] :]) if word in _WITH_VALUES else ():
            self._tell(f"{section.kind} {section.name}".strip() + f", {line.where}", why)
        if line.sure:
            self._in_proxy(section, line.words)
        else:
            twin = copy.deepcopy(section)
            self._in_proxy(twin, line.words)
            section.doubt(twin)

    def _begin(self, line: Line) -> None:
        """Begin a section: a proxy takes what the last `defaults` said, or the one that it names with `from`."""
        kind, *rest = line.words
        parent = rest[rest.index("from") + 1] if "from" in rest[:-1] else ""
        name = rest[0] if rest and rest[0] != "from" else ""
        bare = Section("defaults", "")
        if kind == "defaults":
            self._current = (self._defaults.get(parent, bare) if parent else bare).heir(kind, name)
            if not line.sure:
                self._current.doubt(Section.nobody_knows())
            self._defaults[""] = self._defaults[name] = self._current
            return
        self._current = self._defaults.get(parent, self._defaults[""]).heir(kind, name)
        if line.sure and known(name):
            self.found.append(self._current)

    def _in_proxy(self, section: Section, words: list[str]) -> None:
        """Take in one line of a proxy."""
        word, *rest = words
        what = f"{section.kind} {section.name}".strip()
        if word in _COUNTS and not known(*words):
            self._tell(what, f"`{word}` depends on an environment variable, and HAProxy didn't tell it")
        if word == "timeout" and len(rest) > 1:
            if not sections.time(section, rest[0], rest[1]):
                self._tell(what, f"{rest[1]!r} is no time of HAProxy's")
        elif word == "server" and len(rest) > 1:
            address = in_address(rest[1], self._variables)
            sections.add(section, rest[0], (address, *section.default_server, *rest[2:]))
        elif word == "server-template" and len(rest) > 2:  # noqa: PLR2004 - prefix, number, address
            if not sections.add_template(section, rest, in_address(rest[2], self._variables)):
                self._tell(what, "`server-template`: which servers it makes can't be known")
        else:
            sections.take(section, words)

    def _tell(self, what: str, why: str) -> None:
        self._unread.append(Unread(what, why))


class _Proxies:
    """All proxies of the files, from which the backends are put together."""

    def __init__(self, sections: list[Section], version: tuple[int, ...]) -> None:
        self._sections = sections
        self._backends = {section.name: section for section in sections if section.kind in ("backend", "listen")}
        by_default = "random" if version >= _SPREADS_BY_CHANCE else "roundrobin"
        self._algorithm = by_default if version else None

    def files(self, unread: list[Unread]) -> Files:
        """Return what was read."""
        running = {name: section for name, section in self._backends.items() if section.disabled is False}
        backends = {name: self._backend(section) for name, section in running.items()}
        resolving = frozenset(
            (name, server)
            for name, one in running.items()
            for server in one.servers or ()
            if self._server(name, server).resolves
        )
        settings = Settings.model_validate({"backends": backends})
        return Files(settings, tuple(dict.fromkeys(unread)), resolving)

    def _backend(self, section: Section) -> dict[str, Any]:
        timeouts = {name: section.timeouts.get(name, "none") for name in _WAITS}
        if "queue" not in section.timeouts:
            timeouts["queue"] = timeouts["connect"]  # the manual: "the same value as the backend's connection timeout"
        timeouts["client"] = self._client(section)
        sticks = {True: "cookie", None: None, False: "table" if section.table else "none"}
        servers = section.servers
        return {
            "mode": section.mode if section.mode in ("http", "tcp") else None,
            "algorithm": self._algorithm if section.algorithm == "" else section.algorithm,
            "stickiness": sticks[section.cookie] if section.table is not None else None,
            "retries": section.retries,
            "redispatch": section.redispatch,
            "timeouts": timeouts,
            "servers": None if servers is None else {name: self._followed(section.name, name) for name in servers},
        }

    def _server(self, backend: str, name: str) -> ServerLine:
        section = self._backends[backend]
        words = (section.servers or {})[name]
        timeouts = section.timeouts
        path = section.path if section.sent == "" else section.sent
        asks = section.expects if section.check == "tcp" else section.check and section.check != "tls"
        checking = Checking(
            section.check,
            bool(asks) if asks is not None else None,
            path,
            timeouts.get("check", ""),
            timeouts.get("connect", ""),
        )
        return server(words, checking, assigned=section.assigned is None or name in section.assigned)

    def _followed(self, backend: str, name: str) -> dict[str, Any]:
        """Return a server's settings; one that tracks another has that one's check, and its being out."""
        line = self._server(backend, name)
        followed, passed = line, {(backend, name)}
        while followed.tracks is not None:
            owner, slash, tracked = followed.tracks.rpartition("/")
            backend, name = (owner, tracked) if slash else (backend, tracked)
            there = (self._backends[backend].servers or {}) if backend in self._backends else {}
            if name not in there or (backend, name) in passed:
                return line.settings
            passed.add((backend, name))
            followed = self._server(backend, name)
        if followed is line:
            return line.settings
        state = followed.settings.get("state") if line.settings.get("state") == "ready" else line.settings.get("state")
        return {**line.settings, "check": followed.settings.get("check"), "state": state}

    def _client(self, section: Section) -> str | None:
        """Return how long clients of a backend may be silent: the longest of all ways to it, None if unknown."""
        if section.kind == "listen":
            return section.timeouts.get("client", "none")
        fronts = [front for front in self._sections if front.kind in ("frontend", "listen") and front.disabled is False]
        sure = [front for front in fronts if section.name in (*(front.leads_to or ()), front.default_backend)]
        perhaps = [front for front in fronts if front.elsewhere is not False or front.leads_to is None]
        given = {front.timeouts.get("client", "none") for front in (*sure, *perhaps)}
        if len(given) == 1:
            return given.pop()
        if not given or None in given or not set(map(id, perhaps)) <= set(map(id, sure)):
            return None
        return "none" if "none" in given else max((limit for limit in given if limit), key=_microseconds)


def _microseconds(text: str) -> int:
    return int(text.removesuffix("us"))
