"""`postgres.timeline`: the number of the timeline that the writer is on, asked of every node itself."""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.asking import SHARE, Login, ask, connect, directly, failures, in_words
from faildrill.ports import Given, Kind, Seen
from faildrill.samples import Outcome
from faildrill.targets import Cluster

_WHAT: Final = (
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END"
)
_LONGEST: Final = 200


@dataclass(frozen=True)
class _Told:
    """What one node said."""

    name: str
    timeline: int = 0
    says: str = ""
    """Why it tells no timeline."""


class Timeline(Kind):
    """Tells the number of PostgreSQL's timeline that the writer is on: every promotion makes it grow.

    Asked of every node itself, past every load balancer and without Patroni; the highest counts where two write. `who`
    is that number, so that `never: {of: timeline, promotions: true}` sees a promotion also when it fell between two
    looks, and when the same node writes again afterwards. No node that writes: `wrong`.

        probes:
          timeline: {postgres.timeline: {cluster: payments}, every: 500ms}
        expect:
          - never: {of: timeline, promotions: true}
    """

    only_grows: ClassVar[bool] = True

    cluster: Cluster = Field(description="the cluster, every node of which is asked")

    _standing: dict[str, Any] = PrivateAttr(default_factory=dict)

    async def open(self, given: Given) -> None:
        """Do nothing: connections are made by the looks, and kept."""

    async def close(self) -> None:
        """Close what is kept."""
        for connection in self._standing.values():
            connection.terminate()
        self._standing.clear()

    async def look(self, given: Given) -> Seen:
        """Ask all nodes at once."""
        within = given.timeout * SHARE
        members = self.cluster.members.items()
        asked = (self._node(name, directly(self.cluster, member), within) for name, member in members)
        nodes = await asyncio.gather(*asked)
        highest = max(node.timeline for node in nodes)
        if not highest:
            told = "; ".join(["no writer", *(f"{node.name} {node.says}" for node in nodes)])
            return Seen(Outcome.WRONG, detail=told[:_LONGEST])
        return Seen(Outcome.OK, str(highest))

    async def _node(self, name: str, login: Login, within: float) -> _Told:
        connection = self._standing.pop(name, None)
        try:
            async with asyncio.timeout(within):
                if connection is None or connection.is_closed():
                    connection = await connect(login, within, "faildrill timeline")
                [timeline] = await ask(connection, _WHAT)
        except failures() as error:
            _cut(connection)
            return _Told(name, says=in_words(error))
        except asyncio.CancelledError:
            _cut(connection)
            raise
        _cut(self._standing.get(name))
        self._standing[name] = connection
        return _Told(name, int(timeline, 16)) if timeline else _Told(name, says="in recovery")


def _cut(connection: Any | None) -> None:  # noqa: ANN401 - asyncpg is untyped
    if connection is not None:
        connection.terminate()
