"""What directives of NGINX mean for spreading requests: ngx_http_upstream, ngx_http_proxy and their stream twins.

A directive that is not given is inherited from the block around it; the defaults here are those of NGINX's reference.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from faildrill.settings import Unread

Block = dict[str, Any]
"""One directive as crossplane gives it: `directive`, `args`, and `block` where it has one."""

_METHODS: Final = {
    "ip_hash": "ip_hash",
    "least_conn": "least_conn",
    "least_time": "least_time",
    "hash": "hash",
    "random": "random",
}
_INHERITED: Final = (
    "proxy_connect_timeout",
    "proxy_read_timeout",
    "proxy_timeout",
    "proxy_next_upstream",
    "proxy_next_upstream_tries",
    "health_check",
)
_TARGET: Final = re.compile(r"(?:https?://)?([^/]+)")
_BARE: Final = re.compile(r"\d+(\.\d+)?")


class _Pass(NamedTuple):
    """One place that passes requests on, with what it inherited."""

    to: str
    mode: str
    words: Mapping[str, list[str]]


def read(blocks: list[Block]) -> tuple[dict[str, Any], tuple[Unread, ...]]:
    """Return the backends by the names of their upstreams, and what can't be known from a file."""
    passes: list[_Pass] = []
    found: dict[str, Any] = {}
    for part, mode in (("http", "http"), ("stream", "tcp")):
        inner = [one for block in blocks if block["directive"] == part for one in block["block"]]
        passes += _passes(inner, mode, {})
        upstreams = {one["args"][0]: one["block"] for one in inner if one["directive"] == "upstream"}
        for name, block in upstreams.items():
            found[name] = _backend(block, [one for one in passes if one.to == name], mode)
    unread = [Unread(f"proxy_pass {one.to}", "its target is known only at run time") for one in passes if "$" in one.to]
    for one in passes:
        if one.to not in found and "$" not in one.to and not one.to.startswith("unix:"):
            alone: Block = {"directive": "server", "args": [one.to]}
            found[one.to] = _backend([alone], [one], one.mode)
    return found, tuple(dict.fromkeys(unread))


def _passes(blocks: list[Block], mode: str, around: Mapping[str, list[str]]) -> Iterator[_Pass]:
    given = {one["directive"]: one["args"] for one in blocks if one["directive"] in _INHERITED}
    words = {**around, **given}
    for block in blocks:
        if block["directive"] == "proxy_pass":
            match = _TARGET.match(block["args"][0])
            yield _Pass(match[1] if match else block["args"][0], mode, words)
        elif "block" in block and block["directive"] != "upstream":
            yield from _passes(block["block"], mode, words)


def _backend(block: list[Block], passes: list[_Pass], mode: str) -> dict[str, Any]:
    methods = [_METHODS[one["directive"]] for one in block if one["directive"] in _METHODS]
    servers = [one["args"] for one in block if one["directive"] == "server"]
    sticky = [one["args"] for one in block if one["directive"] == "sticky"]
    checks = [one.words["health_check"] for one in passes if "health_check" in one.words]
    words = passes[0].words if passes else {}
    tries = _word(words, "proxy_next_upstream_tries", "0")
    next_one = words.get("proxy_next_upstream", ["on" if mode == "tcp" else "error"])
    return {
        "mode": mode,
        "algorithm": methods[-1] if methods else "roundrobin",
        "stickiness": (sticky[0] or ["cookie"])[0] if sticky else "source" if "ip_hash" in methods else "none",
        "redispatch": next_one[:1] != ["off"],
        "retries": (int(tries) or max(1, len(servers))) - 1 if tries.isdecimal() else None,
        "timeouts": _timeouts(passes, mode),
        "servers": {args[0]: _server(args, checks) for args in servers},
    }


def _timeouts(passes: list[_Pass], mode: str) -> dict[str, str]:
    """Return the timeouts of the first place that passes to it; nothing where nobody does."""
    if not passes:
        return {}
    words = passes[0].words
    server = _word(words, "proxy_read_timeout", "60s") if mode == "http" else _word(words, "proxy_timeout", "10m")
    return {"connect": duration(_word(words, "proxy_connect_timeout", "60s")), "server": duration(server)}


def _server(args: list[str], checks: list[list[str]]) -> dict[str, Any]:
    words = dict(one.split("=", 1) for one in args[1:] if "=" in one)
    connections = int(words.get("max_conns", "0"))
    return {
        "address": args[0],
        "weight": int(words.get("weight", "1")),
        "state": "maint" if "down" in args else "drain" if "drain" in args else "ready",
        "backup": "backup" in args,
        "max_connections": connections or "none",
        "check": _active(checks[0]) if checks else _passive(words),
    }


def _active(args: list[str]) -> dict[str, Any]:
    words = dict(one.split("=", 1) for one in args if "=" in one)
    interval = duration(words.get("interval", "5s"))
    return {
        "how": "http",
        "path": words.get("uri", "/"),
        "interval": interval,
        "fast_interval": interval,
        "fall": int(words.get("fails", "1")),
        "rise": int(words.get("passes", "1")),
    }


def _passive(words: Mapping[str, str]) -> dict[str, Any]:
    fails = int(words.get("max_fails", "1"))
    window = duration(words.get("fail_timeout", "10s"))
    return {"how": "passive", "fall": fails, "down_interval": window} if fails else {"how": "none"}


def duration(text: str) -> str:
    """Return a time of NGINX's with its unit; a number alone is in seconds."""
    return f"{text}s" if _BARE.fullmatch(text) else text


def _word(words: Mapping[str, list[str]], name: str, own: str) -> str:
    return words.get(name, [own])[0]
