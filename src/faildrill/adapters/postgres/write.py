"""`postgres.write`: one row through the users' path, look after look."""

import asyncio
import time
from typing import Any, Final, Literal

import asyncpg
from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.asking import FAILURES, Login, ask, by_users_path, connect, proven
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Given, Kind, Seen
from faildrill.samples import Outcome
from faildrill.targets import Cluster, Database

TABLE: Final = "faildrill_probe"
COLUMNS: Final = "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, probe text, run text, written_at timestamptz"
CREATE: Final = f"CREATE TABLE {TABLE} ({COLUMNS} DEFAULT now())"
PROBE: Final = "postgres.write"
_WRITE: Final = (
    f"INSERT INTO {TABLE} (probe, run) VALUES ($1, $2) RETURNING host(inet_server_addr()), inet_server_port()"  # noqa: S608 - a constant
)
_CLEAN: Final = (
    f"DELETE FROM {TABLE} WHERE id IN "  # noqa: S608 - a constant
    f"(SELECT id FROM {TABLE} WHERE run <> $1 AND probe = $2 ORDER BY id LIMIT $3)"
)
_BATCH: Final = 5_000
_PREPARATION: Final = 3.0
"""Seconds that are spent on the table, and on rows of older runs, before the first look and after the last."""
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
        try:
            async with asyncio.timeout(_PREPARATION):
                self._connections.nodes = await _addresses(self.cluster)
        except TimeoutError:
            self._connections.nodes = {}
        try:
            async with asyncio.timeout(_PREPARATION):
                await self._prepare(given)
        except (*FAILURES, UnresolvedSecret):
            return  # the looks will say what is wrong

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
            return Seen(Outcome.WRONG, detail=connections.missing or f"no table {TABLE}")
        except FAILURES as error:
            connections.cut(connection)
            return proven(error)
        answered = time.monotonic_ns()
        if self.connection == "kept":
            connections.keep(connection, max(1, given.in_flight))
        else:
            connections.part(connection)
        return Seen(Outcome.OK, who=self._name(host, port), answered=answered)

    @property
    def _login(self) -> Login:
        return by_users_path(self.database)

    def _name(self, host: str | None, port: int | None) -> str:
        if host is None or port is None:
            return ""
        return self._connections.nodes.get((host, port), f"{host}:{port}")

    async def _prepare(self, given: Given) -> None:
        connection = await connect(self._login, max(given.timeout, 1.0))
        try:
            self._connections.missing = await _ready(connection)
            await _clean(connection, given.run)
        finally:
            connection.terminate()


async def _goodbye(connection: Any) -> None:  # noqa: ANN401 - asyncpg is untyped
    try:
        await connection.close(timeout=_PARTING)
    except FAILURES:
        connection.terminate()


async def _addresses(cluster: Cluster | None) -> dict[tuple[str, int], str]:
    """Map what nodes call themselves, address and port, to their names; a name that doesn't resolve is left out."""
    found: dict[tuple[str, int], str] = {}
    loop = asyncio.get_running_loop()
    for name, member in (cluster.members if cluster else {}).items():
        try:
            addresses = await loop.getaddrinfo(member.host, member.port)
        except OSError:
            continue
        found |= {(str(address[0]), member.port): name for *_, address in addresses}
    return found


async def _ready(connection: Any) -> str:  # noqa: ANN401 - asyncpg is untyped
    """See that the table is there; return what to say where it is not and can't be created."""
    if (await ask(connection, "SELECT to_regclass($1)::text", TABLE))[0]:
        return ""
    try:
        await connection.execute(CREATE)
    except asyncpg.DuplicateTableError:
        return ""
    except asyncpg.PostgresError:
        user = (await ask(connection, "SELECT quote_ident(current_user)"))[0]
        return f"no table {TABLE}; its owner is to run: {CREATE}; GRANT INSERT, SELECT, DELETE ON {TABLE} TO {user}"
    return ""


async def _clean(connection: Any, run: str) -> None:  # noqa: ANN401 - asyncpg is untyped
    """Remove rows of other runs, oldest first, batch by batch, until none is left or the time is over."""
    while await connection.execute(_CLEAN, run, PROBE, _BATCH) == f"DELETE {_BATCH}":
        continue
