"""What HAProxy's runtime socket tells of its settings: what is in force now, whatever the file says.

The columns are those of `show stat` and of `show servers state` (HAProxy's management guide, 9.1 and 9.3).
"""

from collections.abc import Mapping
from typing import Any, Final

from faildrill.adapters.haproxy.talking import statistics, tell
from faildrill.settings import Settings

COMMAND: Final = "show stat -1 6 -1;show servers state;show info"
"""Backends and servers with their counters, the state of every server, and the process: one connection."""
_SERVERS_STATE: Final = "# be_id be_name "
_BACKEND: Final = "BACKEND"
_MAINT: Final = 0x01 | 0x02 | 0x04 | 0x20 | 0x40
_DRAIN: Final = 0x08 | 0x10
_CHECKED: Final = 0x02 | 0x04
"""A health check is configured, and enabled."""

Rows = list[dict[str, str]]


async def runtime(socket: str) -> tuple[Settings, Mapping[str, str]]:
    """Ask for what is in force now, and for what the process says of itself (`show info`).

    Raises OSError when nobody answers, ValueError when it is not HAProxy that does.
    """
    return read(await tell(socket, COMMAND))


def read(answer: str) -> tuple[Settings, Mapping[str, str]]:
    """Read the answer to `COMMAND`; ValueError when it is something else."""
    rows = statistics(answer.split("\n\n", 1)[0])
    states = _states(answer)
    if rows is None or states is None:
        raise ValueError("not HAProxy's statistics")
    backends = {row["pxname"]: _backend(row) for row in rows if row["svname"] == _BACKEND}
    for row in rows:
        if row["svname"] != _BACKEND and row["pxname"] in backends:
            state = states.get((row["pxname"], row["svname"]), {})
            backends[row["pxname"]]["servers"][row["svname"]] = _server(row, state)
    info = (line.partition(": ") for line in answer.rpartition("\nName: ")[2].splitlines())
    return Settings.model_validate({"backends": backends}), {key: value.strip() for key, _, value in info}


def _states(answer: str) -> dict[tuple[str, str], dict[str, str]] | None:
    """Read `show servers state`, by backend and server; None where it is missing."""
    _, found, rest = answer.partition(_SERVERS_STATE)
    if not found:
        return None
    lines = f"{_SERVERS_STATE}{rest}".split("\n\n", 1)[0].splitlines()
    names = lines[0].removeprefix("# ").split()
    rows = (dict(zip(names, line.split(), strict=False)) for line in lines[1:] if line)
    return {(row["be_name"], row["srv_name"]): row for row in rows if "srv_name" in row}


def _backend(row: Mapping[str, str]) -> dict[str, Any]:
    """Read a backend's row; a socket of the lowest level tells neither algorithm nor cookie."""
    return {
        "mode": row.get("mode") or None,
        "algorithm": row.get("algo") or None,
        "stickiness": "cookie" if row.get("cookie") else None,
        "servers": {},
    }


def _server(row: Mapping[str, str], state: Mapping[str, str]) -> dict[str, Any]:
    return {
        "address": row.get("addr") or None,
        "weight": _number(state.get("srv_uweight") or row.get("weight")),
        "state": _admin(_number(state.get("srv_admin_state"))),
        "backup": {"1": True, "0": False}.get(row.get("bck", "")),
        "max_connections": _number(row.get("slim")) or "none",
        "check": _check(row, _number(state.get("srv_check_state"))),
    }


def _check(row: Mapping[str, str], state: int | None) -> dict[str, Any] | None:
    """Read what is told of the health check: its thresholds, and whether there is none, or it is switched off."""
    if state is None:
        return None
    found: dict[str, Any] = {"rise": _number(row.get("check_rise")), "fall": _number(row.get("check_fall"))}
    return found if state & _CHECKED == _CHECKED else {**found, "how": "none"}


def _admin(bits: int | None) -> str | None:
    if bits is None:
        return None
    return "maint" if bits & _MAINT else "drain" if bits & _DRAIN else "ready"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
