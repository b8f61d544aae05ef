"""What is due to each server behind HAProxy, as HAProxy itself tells it now."""

from collections.abc import Mapping
from typing import Final

from faildrill.adapters.haproxy.client import statistics, tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import reason

_UP: Final = ("UP", "no")


class Row(dict[str, str]):
    """One server's line of `show stat`, with what `show servers state` says of it beside."""

    @property
    def name(self) -> str:
        """The server's."""
        return self["svname"]

    def number(self, column: str) -> float:
        """Read a number; 0 where there is none."""
        text = self.get(column) or "0"
        return float(text) if text.replace(".", "", 1).isdecimal() else 0.0

    @property
    def takes(self) -> bool:
        """True while HAProxy may send it new requests as it likes, whatever its weight."""
        return self.get("status", "").split(" ", 1)[0] in _UP

    def due(self, weights: Mapping[str, float]) -> float:
        """Return what is due to it, by the approved weights or else by those of HAProxy's own file, while it takes any.

        While it starts slowly, HAProxy says by how much its weight is throttled.
        """
        if not self.takes:
            return 0.0
        throttle = self.number("throttle") / 100 if self.get("throttle") else 1.0
        return (weights.get(self.name, 0.0) if weights else self.number("srv_iweight")) * throttle


async def servers_of(socket: str, backend: str) -> list[Row]:
    """Ask HAProxy for every server of a backend; ValueError when it says something else, OSError as it comes."""
    answer = await tell(socket, f"show stat -1 4 -1; show servers state {backend}")
    table, _, states = answer.partition("\n1\n# be_id ")
    rows = statistics(table)
    if rows is None or not states:
        raise ValueError("not HAProxy's statistics")
    columns, *lines = [line.split(" ") for line in f"be_id {states}".strip().splitlines()]
    beside = [dict(zip(columns, line, strict=False)) for line in lines]
    by_name = {row.get("srv_name", ""): row for row in beside}
    return [Row({**row, **by_name.get(row["svname"], {})}) for row in rows if row.get("pxname") == backend]


async def dues(
    balancer: LoadBalancer | None, backend: str | None, weights: Mapping[str, float]
) -> dict[str, float] | str:
    """Return what is due to each server, by its state where a HAProxy is asked; why not, where that can't be told."""
    if balancer is None or backend is None:
        return dict(weights)
    try:
        rows = await servers_of(balancer.haproxy_socket, backend)
    except OSError as error:
        return f"{balancer.name} does not tell its servers' states: {reason(error)}"
    except ValueError as error:
        return str(error)
    due = {row.name: row.due(weights) for row in rows if not row.number("bck")}
    return due if any(due.values()) else "no server is due anything: at the most backups are left"
