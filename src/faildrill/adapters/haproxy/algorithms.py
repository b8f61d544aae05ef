"""Whether a backend takes other weights while HAProxy runs: by how it chooses a server (`balance`, `hash-type`)."""

from typing import Final

from faildrill.adapters.haproxy.client import statistics, tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import CannotSee
from faildrill.ports import Checked
from faildrill.system import threads

_DYNAMIC: Final = ("roundrobin", "leastconn", "random", "first", "sticky")
_STATIC: Final = ("static-rr",)
_LARGEST: Final = 1 << 22


async def takes_weights(balancer: LoadBalancer, backend: str) -> Checked:
    """Ask HAProxy how a backend chooses; of a hash, only its file tells whether it is a consistent one."""
    try:
        rows = statistics(await tell(balancer.haproxy_socket, "show stat")) or []
    except (OSError, ValueError) as error:
        raise CannotSee(f"{balancer.name} does not tell how {backend} chooses a server: {error}") from error
    algorithm = next((row["algo"] for row in rows if row["pxname"] == backend and row["svname"] == "BACKEND"), "")
    what, remedy = f"weights of {backend}", "balance by roundrobin, leastconn or random, or add `hash-type consistent`"
    if algorithm in _DYNAMIC:
        return Checked(what, ok=True, told=f"balance {algorithm} takes others while it runs")
    if algorithm in _STATIC:
        return Checked(
            what, ok=False, told=f"balance {algorithm} takes none but 0 % and 100 % while it runs", remedy=remedy
        )
    if algorithm in ("", "unknown"):
        remedy = "give us a socket of level operator or admin"
        return Checked(what, ok=False, told="unknown: the socket does not say how it chooses", remedy=remedy)
    consistent = await _is_consistent(balancer.config_file, backend)
    if consistent is None:
        remedy = f"name HAProxy's file as `config_file` of {balancer.name}; or {remedy}"
        return Checked(
            what, ok=False, told=f"unknown: balance {algorithm} is by a hash, fixed by default", remedy=remedy
        )
    words = "takes others while it runs" if consistent else "takes none but 0 % and 100 % while it runs"
    return Checked(what, consistent, f"balance {algorithm} {words}", "" if consistent else remedy)


async def _is_consistent(path: str | None, backend: str) -> bool | None:
    """Read in HAProxy's file whether a backend's hash is a consistent one; None where that can't be read."""
    if path is None:
        return None
    try:
        lines = (await threads.read(path, _LARGEST)).decode("utf-8", "replace").splitlines()
    except OSError:
        return None
    by_section: dict[str, bool] = {}
    section, usual = "", False
    for words in (line.partition("#")[0].split() for line in lines):
        if words[:1] == ["defaults"]:
            section, usual = "defaults", False
        elif words[:1] in (["backend"], ["listen"]) and len(words) > 1:
            section = words[1]
            by_section[section] = usual
        elif words[:1] == ["hash-type"]:
            by_section[section] = "consistent" in words
            usual = by_section[section] if section == "defaults" else usual
    return by_section.get(backend, False)
