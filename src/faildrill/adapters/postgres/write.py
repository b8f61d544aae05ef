"""`postgres.write`: one row through the users' path, look after look."""

import asyncio
import time
from typing import Any, Final, Literal

import asyncpg
from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.asking import Login, addresses, ask, by_users_path, connect, failures, name_of, proven
from faildrill.adapters.postgres.tables import Table, prepare
from faildrill.ports import Given, Kind, Seen
from faildrill.samples import Outcome
from faildrill.targets import Cluster, Database

TABLE: Final = Table(
    "faildrill_probe",
    "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, probe text, run text, written_at timestamptz DEFAULT now()",
)
PROBE: Final = "postgres.write"
_WRITE: Final = (
    f"INSERT INTO {TABLE.name} (probe, run) VALUES ($1, $2) "  # noqa: S608 - a constant
    "RETURNING host(inet_server_addr()), inet_server_port()"
)
_PARTING: Final = 1.0
"""Seconds that a connection may take to say goodbye."""


class Connections:
    """Standing connections: the one used last is used first; what gave a bad answer is never used again."""

    def __init__(self) -> None:
        self.missing = ""
        """What to say when the table is not there."""
        self.nodes: dict[tuple[str, int], str] = {}
        self._idle: list[Any] = []
        self._partings: set[asyncio.Task[None]] = set()

    def take(self) -> Any | None:  # noqa: ANN401 - asyncpg is untyped
        """Return a standing connection that is not known to be closed, or None."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def keep(self, connection: Any, most: int) -> None:  # noqa: ANN401 - asyncpg is untyped
        """Keep a connection for a later look, unless enough are kept."""
        if len(self._idle) < most:
            self._idle.append(connection)
        else:
            self.part(connection)

    def cut(self, connection: Any | None) -> None:  # noqa: ANN401 - asyncpg is untyped
        """Cut a connection that gave a bad answer, or none, and the idle ones: they lead where it led."""
        for one in [connection, *self._idle]:
            if one is not None:
                one.terminate()
        self._idle.clear()

    def part(self, connection: Any) -> None:  # noqa: ANN401 - asyncpg is untyped
        """Close a good connection as the protocol asks for, without making anybody wait for it."""
        task = asyncio.create_task(_goodbye(connection))
        self._partings.add(task)
        task.add_done_callback(self._partings.discard)

    async def close(self) -> None:
        """Close all that is left."""
        for connection in self._idle:
            self.part(connection)
        self._idle.clear()
        await asyncio.gather(*self._partings)


class Write(Kind):
    """Writes one row through the path that users use, as its own transaction, and is good when it is acknowledged.

    The row goes into the table `faildrill_probe`, which is created where the login may create it; where it may not,
    the look is `wrong` and says what the owner is to run. Rows of earlier runs are removed, a bounded number at a time.
    What went wrong is told apart: `refused`, `reset`, `timed out`, and `wrong` with words such as `read-only` (the
    write reached a standby) or `too many connections`.

    With `connection: kept` looks share standing connections, as a pool does; one that gave a bad answer is not used
    again, nor are the idle ones beside it. With `connection: fresh` every look connects anew. The two see different
    outages. With `cluster`, the node that took the row is called by its name there; otherwise by its address.

        probes:
          writes: {postgres.write: {database: payments, cluster: payments}, every: 20ms, timeout: 500ms}
    """

    database: Database = Field(description="the database, as its users reach it")
    connection: Literal["kept", "fresh"] = Field(default="kept", description="standing connections, or one a look")
    cluster: Cluster | None = Field(default=None, description="where the names of the nodes come from")

    _connections: Connections = PrivateAttr(default_factory=Connections)

    async def open(self, given: Given) -> None:
        """Find the table or create it, learn the nodes' addresses, and remove rows of earlier runs."""
        self._connections.nodes = await addresses(self.cluster)
        self._connections.missing = await prepare(TABLE, self._login, given.run)

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()

    async def look(self, given: Given) -> Seen:
        """Write one row."""
        connections = self._connections
        connection = connections.take() if self.connection == "kept" else None
        try:
            if connection is None:
                connection = await connect(self._login, given.timeout)
            host, port = await ask(connection, _WRITE, PROBE, given.run)
        except asyncio.CancelledError:
            connections.cut(connection)
            raise
        except asyncpg.UndefinedTableError:
            connections.cut(connection)
            return Seen(Outcome.WRONG, detail=connections.missing or f"no table {TABLE.name}")
        except failures() as error:
            connections.cut(connection)
            return proven(error)
        answered = time.monotonic_ns()
        if self.connection == "kept":
            connections.keep(connection, max(1, given.in_flight))
        else:
            connections.part(connection)
        return Seen(Outcome.OK, who=name_of(self._connections.nodes, host, port), answered=answered)

    @property
    def _login(self) -> Login:
        return by_users_path(self.database)


async def _goodbye(connection: Any) -> None:  # noqa: ANN401 - asyncpg is untyped
    try:
        await connection.close(timeout=_PARTING)
    except failures():
        connection.terminate()
