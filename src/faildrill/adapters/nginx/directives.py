"""What directives of NGINX mean for spreading requests: ngx_http_upstream, ngx_http_proxy and its kin, ngx_stream.

The defaults here are those of NGINX's reference.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from faildrill import durations
from faildrill.adapters.nginx.passes import Block, Pass, inherited, passes
from faildrill.standards import Aside, Path, Unread, canonical, is_name

_METHODS: Final = ("ip_hash", "least_conn", "least_time", "hash", "random")
_UNDERSTOOD: Final = re.compile(
    r"server|zone|state|keepalive(?:_\w+)?|ntlm|queue|resolver(?:_timeout)?|sticky|check(?:_\w+)?|" + "|".join(_METHODS)
)
"""Directives of an upstream whose meaning is known here; any other may choose servers by itself."""
_UNITS: Final = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "M": 30 * 86400, "y": 365 * 86400}
_PART: Final = re.compile(r"([0-9]{1,19})(ms|[smhdwMy]?)")
_HERE: Final = "localhost"
_LOOPBACK: Final = ("127.0.0.1", "::1")
"""What that is to NGINX, which asks the resolver of its host (RFC 6761, 6.3: nothing but loopback)."""
_PORT: Final = 80
"""That of a `server` of `http` which names none; in `stream` each names one (ngx_http_upstream_module)."""
_DIGITS: Final = 10
"""Digits of the largest number that NGINX counts with."""
_SHOWN: Final = 40
_CHECKED_BY: Final = {"tcp": "tcp", "http": "http", "ssl_hello": "tls", "mysql": "mysql"}
"""What the `check` of a module by another hand asks."""


class Read:
    """The backends by the names of their upstreams, what can't be known from a file, and what is worth knowing."""

    def __init__(self, blocks: list[Block]) -> None:
        self.backends: dict[str, Any] = {}
        self.unread: list[Unread] = []
        self.asides: list[Aside] = []
        self.spelled: dict[Path, frozenset[str]] = {}
        """Addresses and names without a port, with the port that they mean, and the other way round."""
        parts = [block["directive"] for block in blocks]
        if "http" not in parts and "stream" not in parts:
            self.unread.append(
                Unread("the file", "holds neither `http` nor `stream`: name the main file of this NGINX")
            )
        for part, mode in (("http", "http"), ("stream", "tcp")):
            self._part(
                [directive for block in blocks if block["directive"] == part for directive in block["block"]], mode
            )
        self.unread = list(dict.fromkeys(self.unread))

    def _part(self, inner: list[Block], mode: str) -> None:
        upstreams = {
            directive["args"][0]: directive["block"] for directive in inner if directive["directive"] == "upstream"
        }
        every = list(passes(inner, mode))
        open_ones = [passing for passing in every if not passing.targets]
        self.unread += [
            Unread(f"{one.directive} {_host(one.written)}", "its target is known only at run time") for one in open_ones
        ]
        for written, block in upstreams.items():
            here = [passing for passing in every if written.lower() in passing.targets]
            name = self._called(written)
            if not here and not open_ones:
                why = "it is read with what any place of this file would inherit"
                self.asides.append(Aside(f"nothing passes requests to upstream {name}", why))
                here = [Pass("proxy_pass", name, frozenset(), mode, ("", ""), inherited(inner))]
            self._tell_of_strangers(name, block)
            self._tell_of_mistakes(name, block)
            if not _count(block):
                self.unread.append(Unread(f"upstream {name}", "lists no server: which it has is set at run time"))
            self._add(name, block, here, mode, _PORT if mode == "http" else None)
        known = {name.lower() for name in upstreams}
        for target in sorted({target for passing in every for target in passing.targets} - known):
            here = [passing for passing in every if target in passing.targets]
            ports = {passing.port for passing in here}
            port = ports.pop() if len(ports) == 1 else None
            name = self._called(target)
            self.spelled["backends", name] = _spellings(target, port)
            self._add(name, [{"directive": "server", "args": [target]}], here, mode, port)

    def _called(self, name: str) -> str:
        """Return what an upstream is called here: those of `stream` and of `http` don't know of each other's names."""
        if name.lower() not in {known.lower() for known in self.backends}:
            return name
        called = f"{name} (stream)"
        why = f"they are two to NGINX: the one of `stream` is {called} here, and in a standard"
        self.asides.append(Aside(f"{name} is in `stream` what another one is called in `http`", why))
        return called

    def _add(self, name: str, block: list[Block], here: list[Pass], mode: str, port: int | None) -> None:
        """Add a backend; `port` is that of a server that names none, where it need not."""
        self.backends[name] = backend(block, here, mode)
        for server, args in _by_name(block).items():
            self.spelled["backends", name, "servers", server, "address"] = _spellings(args[0], port)

    def _tell_of_mistakes(self, name: str, block: list[Block]) -> None:
        for directive in block:
            for word, value in _pairs(directive["args"]).items():
                reads = _TAKES.get((directive["directive"], word))
                if reads is not None and reads(value) is None:
                    where = f"upstream {name}, line {directive['line']}" if "line" in directive else f"upstream {name}"
                    self.unread.append(Unread(where, f"`{word}={value[:_SHOWN]}` is nothing that NGINX takes there"))

    def _tell_of_strangers(self, name: str, block: list[Block]) -> None:
        for directive in dict.fromkeys(
            directive_left["directive"] for directive_left in block if not _is_understood(directive_left)
        ):
            why = f"`{directive}` is not among NGINX's own directives: how servers are chosen can't be known"
            self.unread.append(Unread(f"upstream {name}", why))


def backend(block: list[Block], here: list[Pass], mode: str) -> dict[str, Any]:
    """Return an upstream with the places that pass requests to it; what differs between these is told by place."""
    methods = [directive["directive"] for directive in block if directive["directive"] in _METHODS]
    sticky = [directive["args"] for directive in block if directive["directive"] == "sticky"]
    routes = _routes(here, _count(block))
    alike = all(route == routes[0][1] for _, route in routes[1:])
    common = routes[0][1] if routes and alike else {}
    understood = all(_is_understood(directive) for directive in block)
    chosen = any(directive["directive"].startswith("balancer_by_lua") for directive in block)
    return {
        **common,
        "mode": mode,
        "algorithm": (methods[-1] if methods else "roundrobin") if understood else None,
        "stickiness": (sticky[0] or ["cookie"])[0] if sticky else "source" if "ip_hash" in methods else "none",
        "routes": None if alike else dict(routes),
        "servers": None if chosen else _servers(block, here, mode),
    }


def _is_understood(one: Block) -> bool:
    return _UNDERSTOOD.fullmatch(one["directive"]) is not None


def _count(block: list[Block]) -> int:
    return sum(directive["directive"] == "server" for directive in block)


def _routes(here: list[Pass], servers: int) -> list[tuple[str, dict[str, Any]]]:
    """Return what each place sets, under its shortest name that no other place has."""
    by_location = [passing.place[1] or passing.place[0] for passing in here]
    shorter = len(set(by_location)) == len(here)
    names = by_location if shorter else [": ".join(part for part in passing.place if part) for passing in here]
    routes: list[tuple[str, dict[str, Any]]] = []
    for name, passing in zip(names, here, strict=True):
        route = _route(passing, servers)
        again = sum(known == name or known.startswith(f"{name} (") for known, _ in routes)
        if (name, route) not in routes:
            routes.append((f"{name} ({again + 1})" if again else name, route))
    return routes


def _route(one: Pass, servers: int) -> dict[str, Any]:
    goes_on = _goes_on(one)
    tries = _number(_word(one.words, f"{one.family}_next_upstream_tries", "0"))
    server = f"{one.family}_read_timeout" if one.mode == "http" else "proxy_timeout"
    own = "60s" if one.mode == "http" else "10m"
    return {
        "redispatch": goes_on,
        "retries": 0 if goes_on is False else None if tries is None else (tries or max(1, servers)) - 1,
        "timeouts": {
            "connect": duration(_word(one.words, f"{one.family}_connect_timeout", "60s")),
            "server": duration(_word(one.words, server, own)),
        },
    }


def _goes_on(one: Pass) -> bool | None:
    """Tell whether a request whose connection failed goes to the next server; None where NGINX refuses the words.

    In `http` it does where `error` is among the conditions and `off` isn't; in `stream` there are only `on` and `off`.
    """
    own = "error" if one.mode == "http" else "on"
    words = {word.lower() for word in one.words.get(f"{one.family}_next_upstream", [own])}
    if one.mode == "http":
        return "error" in words and "off" not in words
    return "on" in words if words in ({"on"}, {"off"}) else None


def _servers(block: list[Block], here: list[Pass], mode: str) -> dict[str, Any]:
    """Return the servers by their names."""
    active = [_active(passing.words["health_check"], mode) for passing in here if "health_check" in passing.words]
    active += [_by_module(directive["args"]) for directive in block if directive["directive"] == "check"]
    check, alone = active[0] if active else None, _count(block) == 1
    return {name: _server(args, check, alone=alone) for name, args in _by_name(block).items()}


def _by_name(block: list[Block]) -> dict[str, list[str]]:
    """Return the words of each server by its name: its address, with a number where that is listed before."""
    by_name: dict[str, list[str]] = {}
    for args in (directive["args"] for directive in block if directive["directive"] == "server" and directive["args"]):
        again = sum(known == args[0] or known.startswith(f"{args[0]} (") for known in by_name)
        by_name[f"{args[0]} ({again + 1})" if again else args[0]] = args
    return by_name


def _spellings(address: str, port: int | None) -> frozenset[str]:
    """Return how an address is spelled too: by the other names of this host, and with or without the usual port."""
    plain = canonical(address)
    host, _, own = plain.partition(" ")
    hosts = {host, *(_LOOPBACK if host == _HERE else (_HERE,) if host in _LOOPBACK else ())}
    ports = {own, "", str(port)} if port is not None and own in ("", str(port)) else {own}
    forms = {f"{name} {number}".rstrip() for name in hosts for number in ports}
    return frozenset() if plain.startswith("unix:") else frozenset(forms - {plain})


def _server(args: list[str], active: dict[str, Any] | None, *, alone: bool) -> dict[str, Any]:
    """Read one server; one that is alone is never taken out, whatever `max_fails` says (ngx_http_upstream_module)."""
    words = _pairs(args[1:])
    connections = _number(words.get("max_conns", "0"))
    return {
        "address": args[0],
        "weight": _number(words.get("weight", "1")),
        "state": "maint" if "down" in args else "drain" if "drain" in args else "ready",
        "backup": "backup" in args,
        "max_connections": None if connections is None else connections or "none",
        "check": active or ({"how": "none"} if alone and not _is_many(args[0]) else _passive(words)),
    }


def _is_many(address: str) -> bool:
    """Tell whether an address may be several servers to NGINX, which takes all addresses of a name."""
    return is_name(address) or address.startswith("localhost")


def _active(args: list[str], mode: str) -> dict[str, Any]:
    words = _pairs(args)
    interval = duration(words.get("interval", "5s"))
    return {
        "how": "http" if mode == "http" else "tcp",
        "asks": mode == "http",
        "path": words.get("uri", "/") if mode == "http" else None,
        "interval": interval,
        "fast_interval": interval,
        "fall": _positive(words.get("fails", "1")),
        "rise": _positive(words.get("passes", "1")),
    }


def _by_module(args: list[str]) -> dict[str, Any]:
    """Read `check interval=MS rise=N fall=N timeout=MS type=…`, of a module that many builds have."""
    words = _pairs(args)
    interval = _milliseconds(words.get("interval", "30000"))
    return {
        "how": _CHECKED_BY.get(words.get("type", "tcp")),
        "interval": interval,
        "fast_interval": interval,
        "timeout": _milliseconds(words.get("timeout", "1000")),
        "fall": _positive(words.get("fall", "5")),
        "rise": _positive(words.get("rise", "2")),
    }


def _passive(words: Mapping[str, str]) -> dict[str, Any]:
    fails = _number(words.get("max_fails", "1"))
    window = duration(words.get("fail_timeout", "10s"))
    return {"how": "passive", "fall": fails, "down_interval": window} if fails else {"how": "none"}


def duration(text: str) -> str | None:
    """Return a time of NGINX's with its unit, None where it is none; a number alone is in seconds."""
    bare = text.replace(" ", "")
    parts = _PART.findall(bare)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != bare:
        return None
    seconds = sum(int(number) * _UNITS[unit or "s"] for number, unit in parts)
    return f"{min(seconds, durations.LONGEST) * 1000:.0f}ms"


def _host(written: str) -> str:
    return re.sub(r"^[a-z]+://", "", written).split("/", 1)[0]


def _pairs(args: Iterable[str]) -> dict[str, str]:
    return dict(word_given.split("=", 1) for word_given in args if "=" in word_given)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def _positive(text: str) -> int | None:
    return _number(text) or None


def _milliseconds(text: str) -> str | None:
    return f"{text}ms" if _positive(text) else None


def _word(words: Mapping[str, list[str]], name: str, own: str) -> str:
    return (words.get(name) or [own])[0]


_TAKES: Final[dict[tuple[str, str], Callable[[str], object]]] = {
    **{("server", word): _number for word in ("weight", "max_conns", "max_fails")},
    ("server", "fail_timeout"): duration,
    **{("check", word): _positive for word in ("fall", "rise")},
    **{("check", word): _milliseconds for word in ("interval", "timeout")},
}
"""How the value of a directive's word is read."""
