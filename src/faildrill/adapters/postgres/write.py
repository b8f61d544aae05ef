"""`postgres.write`: one row through the users' path, look after look."""

import time
from typing import ClassVar, Final, Literal

import asyncpg
from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.kept_sessions import Connections, Question
from faildrill.adapters.postgres.sessions import Login, addresses, by_users_path, failures, name_of, proven
from faildrill.adapters.postgres.tables import Table, prepare
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.ports import Given, Kind, Seen, WriterBy
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome

TABLE: Final = Table(
    "faildrill_probe",
    "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, probe text, run text, written_at timestamptz DEFAULT now()",
)
PROBE: Final = "postgres.write"
_WRITE: Final = (
    f"INSERT INTO {TABLE.name} (probe, run) VALUES ($1, $2) "  # noqa: S608 - a constant
    "RETURNING host(inet_server_addr()), inet_server_port()"
)


class Write(Kind):
    """Writes one row through the path that users use, in a transaction of its own; good when it is acknowledged.

    The row goes into the table `faildrill_probe`, which is created if the login may create it; otherwise the look is
    `wrong` and says what the owner must run. Rows of earlier runs are removed, a bounded number at a time. What went
    wrong is named: `refused`, `reset`, `timed out`, or `wrong` with words such as `read-only` (the write reached a
    standby) or `too many connections`.

    With `connection: kept` looks share persistent connections, as a pool does; one that gave a bad answer is not used
    again, nor are those that were idle then. A write on a connection that the server was closing is `open`: nobody can
    tell whether it was executed. With `connection: fresh` every look connects anew. The two see different outages. With
    `cluster`, the node that took the row is called by its name there; otherwise by its address.

        probes:
          writes: {postgres.write: {database: payments, cluster: payments}, every: 20ms, timeout: 500ms}
    """

    heard_as: ClassVar[View] = "application"
    tells_writer: ClassVar[WriterBy] = "users"

    database: Database = Field(description="the database, as its users reach it")
    connection: Literal["kept", "fresh"] = Field(
        default="kept", description="persistent connections, or a new one for each look"
    )
    cluster: Cluster | None = Field(default=None, description="the cluster that names the nodes")

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
        is_kept = self.connection == "kept"
        try:
            question = Question(_WRITE, (PROBE, given.run))
            host, port = await connections.ask(self._login, given, question, is_kept=is_kept)
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
            return Seen(Outcome.WRONG, detail=connections.missing or f"no table {TABLE.name}, or no right to it")
        except failures() as error:
            return proven(error)
        return Seen(Outcome.OK, who=name_of(connections.nodes, host, port), answered=time.monotonic_ns())

    @property
    def _login(self) -> Login:
        return by_users_path(self.database)
