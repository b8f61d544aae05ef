"""The servers behind HAProxy as `show servers state` tells them (HAProxy's management guide, 9.3)."""

from collections.abc import Iterator
from typing import Final, NamedTuple

_MAINT: Final = 0x01 | 0x02 | 0x20
"""Bits of `srv_admin_state`: in maintenance, by command, inherited, or for want of an address.

0x04 only says that the file has it `disabled`, also after a command put it back; 0x40 that a command named its host."""
_DRAIN: Final = 0x08 | 0x10
"""The same: draining, by command or inherited."""
_BY_AGENT: Final = 0x02 | 0x04
"""Bits of `srv_agent_state`: configured and enabled."""
_TAKES_REQUESTS: Final = (1, 2)
"""Values of `srv_op_state`: starting, running."""


class Server(NamedTuple):
    """One line of the answer."""

    operational: int
    administrative: int
    weight: int

    @property
    def usable(self) -> bool:
        """True when HAProxy sends new requests to it."""
        return self.serves and self.state == "ready" and self.weight > 0

    @property
    def serves(self) -> bool:
        """True when HAProxy sends requests to it, be it only those of clients that are bound to it."""
        return self.operational in _TAKES_REQUESTS and self.state != "maint"

    @property
    def state(self) -> str:
        """Say what was asked of it: ready, drain or maint."""
        if self.administrative & _MAINT:
            return "maint"
        return "drain" if self.administrative & _DRAIN else "ready"

    @property
    def states(self) -> list[str]:
        """List what HAProxy must be told, in this order, for a server to be asked the same as this one."""
        drain = ["drain"] if self.administrative & _DRAIN else []
        maint = ["maint"] if self.administrative & _MAINT else []
        return [*drain, *maint] or ["ready"]


def read(answer: str) -> dict[tuple[str, str], Server]:
    """Read the servers by backend and name, by the names of the columns; nothing where the answer is another one."""
    by_name = {}
    for row in _rows(answer):
        values = [row.get(name, "") for name in ("srv_op_state", "srv_admin_state", "srv_uweight")]
        if {"be_name", "srv_name"} <= row.keys() and all(value.isdecimal() for value in values):
            by_name[row["be_name"], row["srv_name"]] = Server(*(int(value) for value in values))
    return by_name


def steered(answer: str) -> set[tuple[str, str]]:
    """Name the servers, by backend and name, that an agent of their own sets the weight and the state of."""
    names = set()
    for row in _rows(answer):
        bits = row.get("srv_agent_state", "")
        if {"be_name", "srv_name"} <= row.keys() and bits.isdecimal() and int(bits) & _BY_AGENT == _BY_AGENT:
            names.add((row["be_name"], row["srv_name"]))
    return names


def _rows(answer: str) -> Iterator[dict[str, str]]:
    lines = [line for line in answer.splitlines() if line.strip()]
    columns = next((line.removeprefix("# ").split() for line in lines if line.startswith("# be_id")), [])
    for line in lines:
        yield dict(zip(columns, line.split(" "), strict=False))
