"""`postgres.ledger`: numbered writes through the users' path, each noted before it is sent, and read back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.asking import (
    addresses,
    ask,
    by_users_path,
    connect,
    directly,
    failures,
    name_of,
    proven,
)
from faildrill.adapters.postgres.tables import Table, prepare
from faildrill.errors import CannotSee
from faildrill.ledger import MOST_WRITERS, Note, path_of
from faildrill.ledger.keeping import Keeping
from faildrill.ports import Captured, Given, Kind, Seen
from faildrill.samples import Outcome
from faildrill.targets import Cluster, Database

TABLE: Final = Table(
    "faildrill_ledger",
    "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL, ledger text NOT NULL, "
    "writer smallint NOT NULL, number bigint NOT NULL",
)
_WRITE: Final = (
    f"INSERT INTO {TABLE.name} (run, ledger, writer, number) VALUES ($1, $2, $3, $4) "  # noqa: S608 - a constant
    "RETURNING host(inet_server_addr()), inet_server_port()"
)
_OPEN: Final = ("08", "40003", "57", "58", "XX")
"""Classes of SQLSTATE after which a write may be there all the same: connection, statement completion unknown,
operator intervention (the commit is local, its waiting for a standby was cut short), system, internal."""


@dataclass
class _Writing:
    """What stands between looks."""

    keeping: Keeping | None = None
    nodes: dict[tuple[str, int], str] = field(default_factory=dict)
    missing: str = ""
    connections: dict[int, Any] = field(default_factory=dict)


class Ledger(Kind):
    """Writes numbered rows through the path that users use, and afterwards accounts for every one of them.

    Each write is noted in a file of the run's folder before it is sent (so that the note survives kill -9; it is
    synced to disk five times a second) and ends *acknowledged*, *rejected* (provably not written) or *unknown*.
    When the drill is over every node is read: an acknowledged write that is absent is *lost*, a rejected one that is
    there is a *phantom*, one that is there twice is *duplicated* (a double charge); unknown ones are counted and
    resolved. Every writer has a connection of its own and sends one write at a time; a look for which no writer is
    free is skipped. With `cluster` every node is read, and the node that took a row is called by its name.

    The rows go into the table `faildrill_ledger`, created where the login may; rows of earlier runs are removed.

        probes:
          ledger: {postgres.ledger: {database: payments, cluster: payments, writers: 4}, every: 10ms}
        expect:
          - lost_writes: {of: ledger, at_most: 0}
    """

    database: Database = Field(description="the database, as its users reach it")
    cluster: Cluster | None = Field(default=None, description="its nodes, each read when the drill is over")
    writers: int = Field(default=4, ge=1, le=MOST_WRITERS, description="how many write at once")

    _writing: _Writing = PrivateAttr(default_factory=_Writing)

    async def open(self, given: Given) -> None:
        """Open the record, find the table or create it, and remove rows of earlier runs."""
        writing = self._writing
        writing.keeping = Keeping(path_of(_folder(given), given.name), self.writers)
        writing.nodes = await addresses(self.cluster)
        writing.missing = await prepare(TABLE, by_users_path(self.database), given.run)

    async def close(self) -> None:
        """Close the record and every connection."""
        writing = self._writing
        for connection in writing.connections.values():
            connection.terminate()
        if writing.keeping is not None:
            await writing.keeping.close()
        self._writing = _Writing()

    async def look(self, given: Given) -> Seen:
        """Write the next number, if a writer is free."""
        keeping = self._writing.keeping
        if keeping is None:
            raise RuntimeError("the ledger was not opened: there is nowhere to note what is sent")
        writer = keeping.take()
        if writer is None:
            return Seen(Outcome.SKIPPED)
        try:
            return await self._write(keeping, writer, given)
        finally:
            keeping.give_back(writer)

    async def read_back(self, given: Given) -> Captured:
        """Read the rows of this run from every node, and keep them beside the record."""
        from faildrill.adapters.postgres import rereading  # noqa: PLC0415 - NumPy is for after the run, not for a prober

        members = self.cluster.members if self.cluster else {}
        logins = {name: directly(self.cluster, member) for name, member in members.items() if self.cluster}
        what = rereading.What(TABLE.name, given.run, given.name, _folder(given))
        return await rereading.read_back(logins or {"path": by_users_path(self.database)}, what, given.timeout)

    async def _write(self, keeping: Keeping, writer: int, given: Given) -> Seen:
        try:
            connection = await self._connected(writer, given.timeout)
        except failures() as error:
            return proven(error)
        number = keeping.send(writer)
        note = Note.UNKNOWN
        try:
            host, port = await ask(connection, _WRITE, given.run, given.name, writer, number)
            note = Note.ACKNOWLEDGED
        except failures() as error:
            note = _note(error)
            if isinstance(error, asyncpg.UndefinedTableError):
                return Seen(Outcome.WRONG, detail=self._writing.missing or f"no table {TABLE.name}")
            return proven(error)
        finally:
            answered = keeping.end(number, writer, note)
            if note != Note.ACKNOWLEDGED:
                self._writing.connections.pop(writer).terminate()
        return Seen(Outcome.OK, name_of(self._writing.nodes, host, port), answered=answered)

    async def _connected(self, writer: int, within: float) -> Any:  # noqa: ANN401 - asyncpg is untyped
        """Return the writer's connection, a new one where it has none that stands."""
        connections = self._writing.connections
        if writer not in connections or connections[writer].is_closed():
            connections[writer] = await connect(by_users_path(self.database), within, "faildrill ledger")
        return connections[writer]


def _note(error: BaseException) -> Note:
    """Tell whether an error proves that nothing was written."""
    state = getattr(error, "sqlstate", None)
    if not isinstance(error, asyncpg.PostgresError) or not isinstance(state, str):
        return Note.UNKNOWN
    return Note.UNKNOWN if state.startswith(_OPEN) else Note.REJECTED


def _folder(given: Given) -> Path:
    if given.folder is None or not given.name:
        raise CannotSee("a ledger needs a run's folder to keep its record in")
    return given.folder
