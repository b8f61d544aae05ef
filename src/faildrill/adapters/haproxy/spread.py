"""`haproxy.spread`: how HAProxy spreads requests, from its own counters."""

from functools import cached_property
from typing import ClassVar, Self

from pydantic import Field, model_validator

from faildrill.adapters.haproxy.due_shares import Row, servers_of
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.ports import Given, Seen
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import Kept
from faildrill.standards import Standard
from faildrill.toolkit.spread_probe import Spreads, now

_MILLISECOND = 1e-3
"""HAProxy's times are in milliseconds."""


class _Counters:
    """The counters as they were at the last look."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def since(self, rows: list[Row]) -> dict[str, Row] | None:
        """Return those of the look before; None where there was none, or where they have begun anew since."""
        former, self.rows = self.rows, {row.name: row for row in rows}
        # Counters only grow: one that is smaller was begun anew by a reload, or cleared (`clear counters all`).
        anew = any(row.number("lbtot") < _count(former, row, "lbtot") for row in rows)
        return None if anew else former or None


class Spread(Spreads):
    """Measures how HAProxy spreads requests over the servers of a backend, from its runtime counters.

    Good while each server gets its due share within `tolerance`. It becomes `wrong`, with the overloaded servers as
    `who`, when chance is ruled out as the cause, and stays so until the spread is proven even again. With too few
    requests it proves nothing.

    What is due comes from `standard` or `weights`, or else from the weights in HAProxy's own file, never from weights
    set at run time. It is shared among the servers that take new requests now: a server that drains, is down, in
    maintenance or a backup is due nothing, and one in slow start as much as HAProxy says. Only HAProxy's own choices
    are counted (`lbtot`), so sticky clients and long connections are no skew. After a reload, when the counters begin
    again, counting begins again too.

        probes:
          spread:
            haproxy.spread: {load_balancer: payments, backend: payments, standard: payments}
            every: 500ms
    """

    heard_as: ClassVar[View] = "load balancer"

    load_balancer: LoadBalancer = Field(description="the load balancer that is asked")
    backend: str = Field(pattern=r"^[A-Za-z0-9._:-]+$", description="which of its backends")
    standard: Standard | None = Field(
        default=None, description="the standard that holds the weights, instead of `weights`"
    )

    @model_validator(mode="after")
    def _is_declared(self) -> Self:
        declared = self.load_balancer.declared(self.backend)
        if self.standard is not None and (self.weights or not self.approved):
            raise ValueError("give either `weights` or a `standard` that says the weights of this backend's servers")
        strangers = sorted(set(self.weights) - set(declared))
        if strangers:
            raise ValueError(f"{self.backend} declares no server {', '.join(strangers)}")
        return self

    @property
    def approved(self) -> dict[str, int]:
        """The approved weights by server; empty where nobody says any."""
        backends = self.standard.settings.backends if self.standard is not None else None
        servers = (backends[self.backend].servers if backends and self.backend in backends else None) or {}
        return self.weights or {name: server.weight for name, server in servers.items() if server.weight is not None}

    @cached_property
    def counters(self) -> _Counters:
        """The counters as they were at the last look."""
        return _Counters()

    async def open(self, given: Given) -> None:
        """Read the counters, so that the first look has something to go by."""
        await self.look(given)

    async def close(self) -> None:
        """Close what the counts are kept in."""
        self.hang_up()

    async def look(self, given: Given) -> Seen:
        """Read the counters and weigh what came since the last look."""
        try:
            rows = await servers_of(self.load_balancer.haproxy_socket, self.backend)
        except (ConnectionRefusedError, FileNotFoundError):
            return Seen(Outcome.REFUSED)
        except ConnectionError:
            return Seen(Outcome.RESET)
        except ValueError as error:
            return Seen(Outcome.BROKEN, detail=str(error))
        former = self.counters.since(rows)
        if former is None:
            self.now.forget()
            return Seen(Outcome.BROKEN, detail="the counters have just begun")
        active = {row.name: row.due(self.approved) for row in rows if not row.number("bck")}
        if not any(active.values()):
            return Seen(Outcome.BROKEN, detail="no server is due anything: at the most backups are left")
        return self.tell(_kept(rows, former, active), given)


def _kept(rows: list[Row], former: dict[str, Row], due: dict[str, float]) -> Kept:
    """Return what came since the last look; of servers that take nothing now, what they got does not count."""
    came = {row.name: row.number("lbtot") - _count(former, row, "lbtot") for row in rows}
    failed = {
        row.name: sum(row.number(column) - _count(former, row, column) for column in ("hrsp_5xx", "eresp", "econ"))
        for row in rows
    }
    return Kept(
        at=now(),
        counts={
            name: number for name, number in came.items() if number and (due.get(name) or _is_stranger(name, rows))
        },
        due=due,
        errors={name: number for name, number in failed.items() if number},
        seconds={row.name: row.number("ttime") * _MILLISECOND for row in rows if row.number("ttime")},
    )


def _is_stranger(name: str, rows: list[Row]) -> bool:
    """Tell whether a server takes requests that nobody approved."""
    return any(row.name == name and row.takes and not row.number("bck") for row in rows)


def _count(former: dict[str, Row], row: Row, column: str) -> float:
    return former[row.name].number(column) if row.name in former else 0.0
