"""`postgres.ledger`: numbered writes through the users' path, each noted before it is sent, and read back."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar, Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.client import Row, Said
from faildrill.adapters.postgres.insert_session import Insert, Statement
from faildrill.adapters.postgres.sessions import addresses, by_users_path, directly, is_ending, name_of, proven
from faildrill.adapters.postgres.tables import Table, prepare
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.ports import Given, Seen
from faildrill.ports.witness import View
from faildrill.record.ledger import Note
from faildrill.record.samples import Outcome
from faildrill.toolkit.ledger_probe import Bookkeeping, Ended, LedgerFiles, LedgerRead, Standing, Write, Writers

TABLE: Final = Table(
    "faildrill_ledger",
    "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run text NOT NULL, ledger text NOT NULL, "
    "writer smallint NOT NULL, number bigint NOT NULL",
)
_MISSING: Final = ("42P01", "42501")
"""SQLSTATE of a table that is not there, and of one that is another's."""
_WRITE: Final = (
    f"INSERT INTO {TABLE.name} (run, ledger, writer, number) VALUES ($1, $2, $3, $4) "  # noqa: S608 - a constant
    "RETURNING host(inet_server_addr()), inet_server_port()"
)
_OPEN: Final = ("08", "40003", "57", "58", "XX")
"""Classes of SQLSTATE after which a write may be there all the same: connection, statement completion unknown,
operator intervention (the commit is local, its waiting for a standby was cut short), system, internal."""


class Ledger(Bookkeeping[Insert]):
    """Writes numbered rows through the path that users use, and afterwards accounts for every one of them.

    Each write is noted in a file of the run's folder before it is sent, so that the note survives kill -9; the file is
    synced to disk five times a second. Each write ends *acknowledged*, *rejected* (provably not written) or *unknown*.
    When the drill is over every node is read: an acknowledged write that is absent is *lost*, a rejected one that is
    there is a *phantom*, and one that is there twice is *duplicated* (a double charge). Unknown ones are looked up and
    counted.

    `writers` connections send one write at a time each; a look for which none of them is free is skipped. With
    `cluster` every node is read, and the node that took a row is called by its name.

    The rows go into the table `faildrill_ledger`, which is created if the login may create it; rows of earlier runs are
    removed.

        probes:
          ledger: {postgres.ledger: {database: payments, cluster: payments, writers: 4}, every: 10ms}
        expect:
          - lost_writes: {of: ledger, at_most: 0}
    """

    heard_as: ClassVar[View] = "application"

    database: Database = Field(description="the database, as its users reach it")
    cluster: Cluster | None = Field(default=None, description="its nodes; each is read when the drill is over")
    writers: Writers = 4

    _nodes: dict[tuple[str, int], str] = PrivateAttr(default_factory=dict)
    _missing: str = PrivateAttr(default="")

    async def open(self, given: Given) -> None:
        """Open the record, find the table or create it, and remove rows of earlier runs."""
        self._books = LedgerFiles(given, self.writers)
        self._nodes = await addresses(self.cluster)
        self._missing = await prepare(TABLE, by_users_path(self.database), given.run)

    async def _connect(self, given: Given) -> Standing[Insert]:
        async with asyncio.timeout(given.timeout):
            values = given.run, given.name
            login, nodes = by_users_path(self.database), self._nodes
            return Standing(await Insert.begin(login, Statement(_WRITE, values, 2, lambda row: _name(nodes, row))))

    async def _put(self, standing: Standing[Insert], write: Write) -> Ended:
        who = await standing.connection.put(write.writer, write.number)
        return Ended(Seen(Outcome.OK, who), Note.ACKNOWLEDGED)

    async def _read(self, reading: LedgerRead, given: Given) -> None:
        from faildrill.adapters.postgres import ledger_rows  # noqa: PLC0415 - NumPy is for after the run, not for a prober

        members = self.cluster.members if self.cluster else {}
        logins = {name: directly(self.cluster, member) for name, member in members.items() if self.cluster}
        what = ledger_rows.What(TABLE.name, given.run, given.name)
        await ledger_rows.read(logins or {"path": by_users_path(self.database)}, what, given.timeout, reading)

    def _note(self, error: OSError) -> Note:
        return Note.REJECTED if isinstance(error, Said) and not error.sqlstate.startswith(_OPEN) else Note.UNKNOWN

    def _is_ending(self, error: OSError) -> bool:
        return is_ending(error)

    def _proven(self, error: OSError) -> Seen:
        if isinstance(error, Said) and error.sqlstate in _MISSING:
            return Seen(Outcome.WRONG, detail=self._missing or f"no table {TABLE.name}, or no right to it")
        return proven(error)


def _name(nodes: Mapping[tuple[str, int], str], row: Row) -> str:
    """Name the node that tells its address in a row; none where it has none, as on a socket of its host."""
    host, port = (*row, None, None)[:2]
    return name_of(nodes, host, int(port) if port and port.isdecimal() else None)
