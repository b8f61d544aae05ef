"""`postgres.writers`: which nodes accept writes, each asked itself and really tried."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import asyncpg
from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.asking import SHARE, Login, ask, connect, directly, failures, in_words
from faildrill.adapters.postgres.write import TABLE
from faildrill.ports import Given, Kind, Seen
from faildrill.samples import Outcome
from faildrill.targets import Cluster

_WHAT: Final = """
    SELECT pg_is_in_recovery(),
           (SELECT system_identifier::text FROM pg_control_system()),
           CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END
"""
_TRY: Final = f"BEGIN; INSERT INTO {TABLE.name} (probe, run) VALUES ('postgres.writers', 'tried'); ROLLBACK"  # noqa: S608 - a constant
_LONGEST: Final = 200


@dataclass(frozen=True)
class _Node:
    """What one node was seen to be."""

    name: str
    says: str = ""
    """Why it takes no writes; empty where it does."""
    system: str = ""
    timeline: int = 0
    answered: int = 0


class Writers(Kind):
    """Tries on every node itself whether it accepts writes; good when exactly one does.

    A row is written in a transaction that is rolled back, past every load balancer, on each node that does not say
    that it is in recovery. `who` is every node that took it: two names are a split brain, whatever Patroni believes,
    and the detail gives the timeline of each. A node of another system (restored from elsewhere, or another cluster
    behind the same address) is `wrong`, too. Every node has a deadline of its own.

        probes:
          writers: {postgres.writers: {cluster: payments}, every: 100ms}
        expect:
          - writers: {of: writers, at_most: 1}
    """

    asks_every_node: ClassVar[bool] = True

    cluster: Cluster = Field(description="the cluster, every node of which is tried")

    _standing: dict[str, Any] = PrivateAttr(default_factory=dict)

    async def open(self, given: Given) -> None:
        """Do nothing: connections are made by the looks, and kept."""

    async def close(self) -> None:
        """Close what is kept."""
        for connection in self._standing.values():
            connection.terminate()
        self._standing.clear()

    async def look(self, given: Given) -> Seen:
        """Try all nodes at once."""
        logins = {name: directly(self.cluster, member) for name, member in self.cluster.members.items()}
        within = given.timeout * SHARE
        nodes = await asyncio.gather(*(self._node(name, login, within) for name, login in logins.items()))
        accepting = sorted((node for node in nodes if not node.says), key=lambda node: node.name)
        who = ",".join(node.name for node in accepting)
        if len(accepting) > 1:
            each = ", ".join(f"{node.name} on timeline {node.timeline}" for node in accepting)
            return Seen(Outcome.WRONG, who, f"{len(accepting)} writers: {each}"[:_LONGEST])
        systems = {node.system for node in nodes if node.system}
        if len(systems) > 1:
            each = ", ".join(f"{node.name} is {node.system}" for node in nodes if node.system)
            return Seen(Outcome.WRONG, who, f"{len(systems)} systems: {each}"[:_LONGEST])
        if not accepting:
            return Seen(Outcome.WRONG, "", "; ".join(["no writer", *(f"{node.name} {node.says}" for node in nodes)]))
        return Seen(Outcome.OK, who, answered=max(node.answered for node in nodes))

    async def _node(self, name: str, login: Login, within: float) -> _Node:
        connection = self._standing.pop(name, None)
        try:
            async with asyncio.timeout(within):
                if connection is None or connection.is_closed():
                    connection = await connect(login, within, "faildrill writers")
                node = await _tried(name, connection)
        except failures() as error:
            _cut(connection)
            return _Node(name, in_words(error))
        except asyncio.CancelledError:
            _cut(connection)
            raise
        self._keep(name, connection)
        return node

    def _keep(self, name: str, connection: Any) -> None:  # noqa: ANN401 - asyncpg is untyped
        """Keep one connection a node; a look that overlapped has perhaps kept its own."""
        _cut(self._standing.get(name))
        self._standing[name] = connection


async def _tried(name: str, connection: Any) -> _Node:  # noqa: ANN401 - asyncpg is untyped
    recovering, system, timeline = await ask(connection, _WHAT)
    if recovering:
        return _Node(name, "in recovery", system, answered=time.monotonic_ns())
    says = ""
    try:
        await connection.execute(_TRY)
    except asyncpg.PostgresError as error:
        says = in_words(error)
        await connection.execute("ROLLBACK")
    return _Node(name, says, system, int(timeline, 16), time.monotonic_ns())


def _cut(connection: Any | None) -> None:  # noqa: ANN401 - asyncpg is untyped
    if connection is not None:
        connection.terminate()
