"""What HAProxy's runtime socket tells of its settings: what is in force now, whatever the file says.

The columns are those of `show stat` and of `show servers state` (HAProxy's management guide, 9.1 and 9.3), and the bits
those of `include/haproxy/server-t.h` and `check-t.h`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from faildrill.adapters.haproxy.client import statistics, tell
from faildrill.standards import Path, Settings, canonical

COMMAND: Final = "show stat -1 6 -1;show servers state;show info"
"""Backends and servers with their counters, the state of every server, and the process: one connection."""
_SERVERS_STATE: Final = "# be_id be_name "
"""How the table of `show servers state` begins, behind the line with its version."""
_BACKEND: Final = "BACKEND"
"""The name of a backend's own row in `show stat`."""
_MAINT: Final = 0x01 | 0x02
"""Bits of `srv_admin_state`: in maintenance, by command or inherited. 0x04 only says that the file once had it so."""
_DRAIN: Final = 0x08 | 0x10
"""Bits of `srv_admin_state`: drained, by command or inherited."""
_UNRESOLVED: Final = 0x20
"""The same: for want of an address."""
_CONFIGURED: Final = 0x02
"""CHK_ST_CONFIGURED; 0x04 is CHK_ST_ENABLED."""
_CHECKED: Final = _CONFIGURED | 0x04
"""Bits of a check's or an agent's state: there is one, and it is enabled."""
_MODES: Final = ("http", "tcp")
"""Modes that a standard may name."""
_BY_AGENT: Final = "its agent"
"""Who sets a server's weight and state where an agent check is on."""
_BY_DNS: Final = "the DNS records that it follows"
"""Who sets them where the server comes from an SRV record."""

Rows = list[dict[str, str]]
_Key = tuple[str, str]


class Runtime(NamedTuple):
    """What is in force now."""

    settings: Settings
    info: Mapping[str, str]
    """What the process says of itself (`show info`)."""
    spelled: Mapping[Path, frozenset[str]]
    """Addresses by the names that HAProxy got them from."""
    steered: Mapping[Path, str]
    """What an agent or the DNS sets again and again."""
    named: Mapping[_Key, tuple[str, str]] = {}
    """By backend and server, the name that its address came from, and the address; where no record steers it."""

    @property
    def version(self) -> tuple[int, ...]:
        """The version of the process, empty where it tells none."""
        numbers = self.info.get("Version", "").split("-")[0].split(".")
        return tuple(int(number) for number in numbers if number.isascii() and number.isdecimal())


async def runtime(socket: str) -> Runtime:
    """Ask for what is in force now.

    Raises OSError when nobody answers, ValueError when it is not HAProxy that does.
    """
    return read(await tell(socket, COMMAND))


async def variables(socket: str) -> dict[str, str] | None:
    """Ask for the environment of the process; None where it doesn't tell it, as a socket of level `user`."""
    by_name: dict[str, str] = {}
    last = ""
    for line in (await tell(socket, "show env")).splitlines():
        name, equals, value = line.partition("=")
        if equals and name.replace("_", "a").isalnum():
            last, by_name[name] = name, value
        # A variable of several lines: what holds no `NAME=` goes on with the one before.
        elif last and line:
            by_name[last] += f"\n{line}"
    return by_name or None


def read(answer: str) -> Runtime:
    """Read the answer to `COMMAND`; ValueError when it is something else."""
    rows = statistics(answer.split("\n\n", 1)[0])
    states = _states(answer)
    if rows is None or states is None:
        raise ValueError("not HAProxy's statistics")
    tracked = {(row["pxname"], row["svname"]): row.get("tracked", "") for row in rows}
    backends = {row["pxname"]: _backend(row) for row in rows if row["svname"] == _BACKEND}
    servers = {
        key: row for row in rows if (key := (row["pxname"], row["svname"]))[1] != _BACKEND and key[0] in backends
    }
    for key, row in servers.items():
        way = _way(key, tracked, states)
        backends[key[0]]["servers"][key[1]] = _server(row, states.get(key, {}), way)
    info = (line.partition(": ") for line in answer.rpartition("\nName: ")[2].splitlines())
    return Runtime(
        Settings.model_validate({"backends": backends}),
        {key: value.strip() for key, _, value in info},
        {_path(key, "address"): _spellings(states[key]) for key in servers if key in states},
        dict(_steered({key: states[key] for key in servers if key in states})),
        {
            key: (name, one.get("srv_addr", ""))
            for key in servers
            if (name := (one := states.get(key, {})).get("srv_fqdn", "-")) != "-" and one.get("srvrecord", "-") == "-"
        },
    )


def _path(key: _Key, what: str) -> Path:
    return ("backends", key[0], "servers", key[1], what)


def _states(answer: str) -> dict[_Key, dict[str, str]] | None:
    """Read `show servers state`, by backend and server; None where it is missing."""
    _, header, rest = answer.partition(_SERVERS_STATE)
    if not header:
        return None
    lines = f"{_SERVERS_STATE}{rest}".split("\n\n", 1)[0].splitlines()
    names = lines[0].removeprefix("# ").split()
    rows = (dict(zip(names, line.split(), strict=False)) for line in lines[1:] if line)
    return {(row["be_name"], row["srv_name"]): row for row in rows if "srv_name" in row}


def _spellings(state: Mapping[str, str]) -> frozenset[str]:
    """Return an address by the name that it came from, or by the record."""
    port = state.get("srv_port", "0")
    names = (state.get("srv_fqdn", "-"), state.get("srvrecord", "-"))
    given = [name for name in names if name != "-"]
    return frozenset(canonical(spelling) for name in given for spelling in (f"{name}:{port}", name))


def _steered(states: Mapping[_Key, Mapping[str, str]]) -> Iterator[tuple[Path, str]]:
    for key, state in states.items():
        if (_number(state.get("srv_agent_state")) or 0) & _CHECKED == _CHECKED:
            yield from ((_path(key, what), _BY_AGENT) for what in ("weight", "state", "max_connections"))
        elif state.get("srvrecord", "-") != "-":
            yield from ((_path(key, what), _BY_DNS) for what in ("weight", "address"))


def _backend(row: Mapping[str, str]) -> dict[str, Any]:
    """Read a backend's row; a socket of the lowest level tells neither algorithm nor cookie."""
    return {
        "mode": row.get("mode") if row.get("mode") in _MODES else None,
        "algorithm": algorithm if (algorithm := row.get("algo")) not in ("", "unknown") else None,
        "stickiness": "cookie" if row.get("cookie") else None,
        "servers": {},
    }


def _server(row: Mapping[str, str], state: Mapping[str, str], way: str | None) -> dict[str, Any]:
    address = row.get("addr", "")
    thresholds = {"rise": _number(row.get("check_rise")), "fall": _number(row.get("check_fall"))}
    return {
        "address": address if address not in ("", "unix") else None,  # of a socket HAProxy doesn't tell where it is
        "weight": _number(state.get("srv_uweight") or row.get("weight")),
        "state": _admin(_number(state.get("srv_admin_state"))),
        "backup": {"1": True, "0": False}.get(row.get("bck", "")),
        "max_connections": _number(row.get("slim")) or "none",
        "check": {**thresholds, "how": way} if state else None,
    }


def _way(key: _Key, tracked: Mapping[_Key, str], states: Mapping[_Key, Mapping[str, str]]) -> str | None:
    """Tell how a server is checked, as far as that is told: that there is no check, or an agent alone.

    The check of one that tracks another is that one's.
    """
    for _ in range(len(tracked)):
        owner, slash, name = tracked.get(key, "").rpartition("/")
        if not slash:
            break
        key = (owner, name)
    state = states.get(key, {})
    check, agent = (_number(state.get(name)) for name in ("srv_check_state", "srv_agent_state"))
    if check is None or check & _CHECKED == _CHECKED:
        return None
    return "agent" if not check & 0x04 and (agent or 0) & _CHECKED == _CHECKED else "none"


def _admin(bits: int | None) -> str | None:
    if bits is None:
        return None
    if bits & (_MAINT | _DRAIN):
        return "maint" if bits & _MAINT else "drain"
    return "unresolved" if bits & _UNRESOLVED else "ready"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() else None
