"""Where NGINX passes requests on: every `…_pass`, what it inherited, and which upstreams its target can name.

A directive that is not given is inherited from the block around it. A target with variables is known as far as `map`,
`split_clients` and `set` give them values in so many words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Final, NamedTuple

Block = dict[str, Any]
"""One directive as crossplane gives it: `directive`, `args`, and `block` where it has one."""
_PASSES: Final = ("proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass")
_INHERITED: Final = re.compile(
    r"(?:(?:proxy|grpc|fastcgi|uwsgi|scgi|memcached)_(?:connect_timeout|read_timeout|next_upstream(?:_tries)?)"
    r"|proxy_timeout|health_check)"
)
_TARGET: Final = re.compile(r"(?:[a-z]+://)?(unix:[^:]+|[^/?]+)", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_PATHS: Final = {"request_uri": "/", "uri": "/", "document_uri": "/", "is_args": "?", "args": "", "query_string": ""}
"""Variables that only go on behind a host: their first character, which ends its name."""
_MOST: Final = 256
"""Targets that the variables of one pass may have."""
_NO_VALUE: Final = ("hostnames", "volatile", "include")
_PORTS: Final = {"http": 80, "https": 443}
"""Where a `proxy_pass` without a port goes, by its scheme; the other directives need one (ngx_http_proxy_module)."""
_NAMELESS: Final = ("_", "")


class Pass(NamedTuple):
    """One place that passes requests on."""

    directive: str
    written: str
    """Its target as the file has it."""
    targets: frozenset[str]
    """The hosts, with their ports, that the target can name; empty where that is known at run time only."""
    mode: str
    place: tuple[str, str]
    """Where it is: the server, and the location in it."""
    words: Mapping[str, list[str]]
    """What holds there, by directive."""

    @property
    def family(self) -> str:
        """The word that its directives begin with, as `grpc`."""
        return self.directive.removesuffix("_pass")

    @property
    def port(self) -> int | None:
        """The port of a target that names none; None where it must name one, or where its scheme isn't known."""
        scheme, mark, _ = self.written.lower().partition("://")
        return _PORTS.get(scheme) if mark and self.family == "proxy" else None


def passes(blocks: list[Block], mode: str) -> Iterator[Pass]:
    """Yield every place of `http` or `stream` that passes requests on."""
    return _passes(blocks, mode, {}, ("", ""), _values(blocks))


def inherited(blocks: list[Block]) -> dict[str, list[str]]:
    """Return what is set at this level and holds in the blocks below."""
    by_directive: dict[str, list[str]] = {}
    for directive, args in ((block["directive"], block["args"]) for block in blocks):
        if _INHERITED.fullmatch(directive):
            # Sets of flags that are given twice at one level add up (ngx_conf_set_bitmask_slot).
            by_directive[directive] = (
                [*by_directive.get(directive, []), *args] if directive.endswith("_next_upstream") else args
            )
    return by_directive


def _passes(
    blocks: list[Block],
    mode: str,
    around: Mapping[str, list[str]],
    place: tuple[str, str],
    values: Mapping[str, frozenset[str] | None],
) -> Iterator[Pass]:
    words = {**around, **inherited(blocks)}
    for block in blocks:
        directive, args = block["directive"], block["args"]
        if directive in _PASSES and args:
            yield Pass(directive, args[0], _targets(args[0], values), mode, place, words)
        elif "block" in block and directive != "upstream":
            yield from _passes(block["block"], mode, words, _place(place, block), values)


def _place(around: tuple[str, str], block: Block) -> tuple[str, str]:
    server, location = around
    if block["directive"] == "server":
        inner = block["block"]
        named = [name for directive in inner if directive["directive"] == "server_name" for name in directive["args"]]
        listens = [
            directive["args"][0] for directive in inner if directive["directive"] == "listen" and directive["args"]
        ]
        proper = [name for name in named if name not in _NAMELESS]
        return (" ".join((proper or [f"listen {address}" for address in listens] or ["server"])[:1]), "")
    if block["directive"] in ("location", "if", "limit_except"):
        here = f"{block['directive']} {' '.join(block['args'])}"
        return (server, f"{location} {here}".strip())
    return around


def _values(blocks: list[Block]) -> dict[str, frozenset[str] | None]:
    """Return the values that each variable can have, as far as the file gives them; None where it doesn't."""
    by_name: dict[str, set[str]] = {}
    open_ones: set[str] = set()
    for name, value in _given(blocks):
        by_name.setdefault(name, set()).add(value)
        if "$" in value:
            open_ones.add(name)
    return {name: None if name in open_ones else frozenset(values - {""}) for name, values in by_name.items()}


def _given(blocks: Iterable[Block]) -> Iterator[tuple[str, str]]:
    for block in blocks:
        directive, args, inner = block["directive"], block["args"], block.get("block", [])
        if directive in ("map", "split_clients", "geo") and args:
            name = args[-1].lstrip("$")
            yield from ((name, one["args"][-1]) for one in inner if one["args"] and one["directive"] not in _NO_VALUE)
            if any(one["directive"] == "include" for one in inner):
                yield name, "$"  # the rest of it is in a file of another form
        elif directive == "set" and len(args) == 2:  # noqa: PLR2004 - a variable and its value
            yield args[0].lstrip("$"), args[1]
        else:
            yield from _given(inner)


def _targets(written: str, values: Mapping[str, frozenset[str] | None]) -> frozenset[str]:
    """Return every host that a target can name; none where a variable in the host's place is open."""
    names = [braced or other for braced, other in _VARIABLE.findall(written)]
    parts = _VARIABLE.sub("\0", written).split("\0")
    choices: list[Sequence[str]] = []
    for name in names:
        known = values.get(name, frozenset({_PATHS[name]}) if name in _PATHS else None)
        choices.append(sorted(known) if known else ["\0"])
    if not names:
        return frozenset(_hosts([written]))
    spelled = ("".join(_woven(parts, chosen)) for chosen in _some(choices))
    hosts = list(_hosts(spelled))
    return frozenset() if not hosts or any("\0" in host for host in hosts) else frozenset(hosts)


def _some(choices: list[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    many = 1
    for choice in choices:
        many *= len(choice)
    return iter(product(*choices)) if many <= _MOST else iter([("\0",) * len(choices)])


def _woven(parts: list[str], chosen: Sequence[str]) -> Iterator[str]:
    for at, part in enumerate(parts):
        yield part
        if at < len(chosen):
            yield chosen[at]


def _hosts(targets: Iterable[str]) -> Iterator[str]:
    for target in targets:
        match = _TARGET.match(target)
        yield match[1].lower() if match and not match[1].startswith("unix:") else match[1] if match else target
