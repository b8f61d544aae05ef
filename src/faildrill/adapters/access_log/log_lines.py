"""Lines of access logs, of HAProxy and of NGINX: which server answered, how long it took, and whether it failed.

HAProxy: `option httplog` and `option tcplog` (configuration manual, 8.2.2 and 8.2.3), whatever a logger writes before.
NGINX: any `log_format` (module ngx_http_log_module) that has `$upstream_addr` in it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

COMBINED: Final = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    '"$http_user_agent" $upstream_addr $upstream_status $upstream_response_time'
)
"""NGINX's `combined`, with the upstream behind it: what is expected where nobody says a format."""
NOBODY: Final = ""
"""Stands for the server of a request that none could be chosen for."""
_NO_SERVER: Final = "<NOSRV>"
"""What HAProxy writes where it could choose no server."""
_OWN: Final = "<"
"""Begins what HAProxy writes where it answers by itself, as `<STATS>` and `<LUA.echo>`."""
_ADDRESS_OF_ONE: Final = re.compile(r"unix:.+|\[?[0-9A-Fa-f.:]+\]?:\d+")
"""How NGINX writes a server; it writes the name of the group where it could choose none of it (`$upstream_addr`)."""
_FAILED: Final = 500
"""Statuses from here on are the server's failures (RFC 9110, 15.6)."""
_HTTP: Final = re.compile(
    r" (?P<backend>[\w.:-]+)/(?P<server>[\w.:<>-]+) "
    r"(?P<times>[+-]?\d+(?:/[+-]?\d+){4}) (?P<status>-?\d+) \+?\d+ \S+ \S+ (?P<state>\S{4}) \+?\d+/"
)
"""`backend/server TR/Tw/Tc/Tr/Ta status bytes cookies state counters/…`."""
_TCP: Final = re.compile(
    r" (?P<backend>[\w.:-]+)/(?P<server>[\w.:<>-]+) (?P<times>[+-]?\d+(?:/[+-]?\d+){2}) \+?\d+ (?P<state>\S\S) \+?\d+/"
)
"""`backend/server Tw/Tc/Tt bytes state counters/…`."""
_VARIABLE: Final = re.compile(r"\$(\w+)|\$\{(\w+)\}")
"""A variable of `log_format`, with braces or without."""
_ADDRESS: Final = r"[^\s,\"]+(?:\s*[,:]\s+[^\s,\"]+)*"
"""One or several servers: commas part attempts, colons part the groups of an internal redirect (`$upstream_addr`)."""
_INSIDE: Final = {'"': r'(?:[^"\\]|\\.)*', "]": r"[^\]]*"}
"""What a variable may hold, by what stands behind it; anything else ends at a space."""
_PARTS: Final = re.compile(r"\s*,\s+|\s+:\s+")
"""What parts them; the blanks keep the colon of an IPv6 address or a port from being one."""


class Served(NamedTuple):
    """One request that went to a server, or that found none that lived."""

    server: str
    """NOBODY where there was none to send it to."""
    failed: bool
    seconds: float | None
    """How long the server took; None where the line does not say."""
    bound: bool = False
    """True where the client was bound to this server by a cookie, so that nobody chose."""


Reader = Callable[[str], Iterator[Served]]
"""Gives the requests that a line tells of: none where it is no such line, several where it was sent again."""


def haproxy(backend: str | None) -> Reader:
    """Return a reader of HAProxy's lines; those of other backends, and what HAProxy answers itself, are left out."""

    def read(line: str) -> Iterator[Served]:
        matched = _HTTP.search(line)
        if matched is not None:
            yield from _of_http(matched, backend)
            return
        matched = _TCP.search(line)
        if matched is None or backend not in (None, matched["backend"]):
            return
        if matched["server"].startswith(_OWN):
            yield from _unsent(matched)
        else:
            # A plus in front says that the line was written before the session was over (`option logasap`).
            total = float(matched["times"].split("/")[-1].lstrip("+"))
            yield Served(matched["server"], matched["state"][0] in "SsKR", total / 1000 if total >= 0 else None)

    return read


def _of_http(found: re.Match[str], backend: str | None) -> Iterator[Served]:
    if backend not in (None, found["backend"]):
        return
    if found["server"].startswith(_OWN):
        yield from _unsent(found)
        return
    status, response = int(found["status"]), float(found["times"].split("/")[3])
    failed = status >= _FAILED or status < 0
    bound = found["state"][2] == "V"  # the client came with a cookie that names a server that is well
    yield Served(found["server"], failed, response / 1000 if response >= 0 else None, bound)


def _unsent(found: re.Match[str]) -> Iterator[Served]:
    """Tell of a request that no server got, where that is because none was there (manual, 8.5: `S`, `s`)."""
    if found["server"] == _NO_SERVER and found["state"][0] in "Ss":
        yield Served(NOBODY, failed=True, seconds=None)


def nginx(log_format: str) -> Reader:
    """Return a reader of NGINX's lines; ValueError where the format does not say which upstream answered.

    A request that was sent again to another server counts for each: `$upstream_addr` lists them all. Where no server
    could be chosen, it has the name of their group: that is NOBODY.
    """
    names = [braced or other for braced, other in _VARIABLE.findall(log_format)]
    if "upstream_addr" not in names:
        raise ValueError("the log_format has no $upstream_addr in it, so no line says who answered")
    pattern = re.compile(_pattern(log_format))

    def read(line: str) -> Iterator[Served]:
        matched = pattern.match(line)
        if matched is None:
            return
        fields = matched.groupdict()
        statuses = _split(fields.get("upstream_status") or fields.get("status"))
        times = _split(fields.get("upstream_response_time"))
        for number, server in enumerate(_split(fields["upstream_addr"])):
            if server != "-" and not _ADDRESS_OF_ONE.fullmatch(server):
                yield Served(NOBODY, failed=True, seconds=None)
            elif server != "-":
                yield Served(server, _failed(_at(statuses, number)), _seconds(_at(times, number)))

    return read


def _pattern(log_format: str) -> str:
    """Make a pattern of a format: each variable matches up to what stands behind it."""
    made, at, named_before = "", 0, set()
    for variable in _VARIABLE.finditer(log_format):
        name = variable[1] or variable[2]
        made += re.escape(log_format[at : variable.start()])
        at = variable.end()
        inside = _ADDRESS if name.startswith("upstream_") else _INSIDE.get(log_format[at : at + 1], r"\S*")
        made += f"(?:{inside})" if name in named_before else f"(?P<{name}>{inside})"
        named_before.add(name)
    return made + re.escape(log_format[at:]) + r"\s*$"


def _split(text: str | None) -> list[str]:
    return [part for part in _PARTS.split(text.strip()) if part] if text else []


def _at(values: list[str], number: int) -> str:
    return values[number] if number < len(values) else values[-1] if values else ""


def _failed(status: str) -> bool:
    return status.isdecimal() and int(status) >= _FAILED


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
