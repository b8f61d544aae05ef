"""`mariadb.ledger`: numbered rows written as a multi-host driver does, each noted before it is sent, and read back."""

import asyncio
from typing import ClassVar, Final

from pydantic import Field

from faildrill.adapters.mariadb.client import ENDINGS, OF_THE_ASKER, READ_ONLY, Login, Said, Talk, as_user, in_words
from faildrill.adapters.mariadb.target import MariaDB, MariaDBMember
from faildrill.errors import UnresolvedSecret
from faildrill.ports import NO_RUN, Given, Seen
from faildrill.record.ledger import Note
from faildrill.record.samples import Outcome
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.ledger_probe import Bookkeeping, Ended, LedgerFiles, LedgerRead, Standing, Write, Writers

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS faildrill_ledger (id bigint AUTO_INCREMENT PRIMARY KEY, run varchar(64) NOT NULL, "
    "ledger varchar(64) NOT NULL, writer smallint NOT NULL, number bigint NOT NULL)"
)
"""`id` is the server's own order of the rows, by which they are read back."""
_FORGET: Final = "DELETE FROM faildrill_ledger WHERE run <> %s LIMIT 100000"
"""Bounded: one huge transaction would hold replication up on every replica."""
_WRITE: Final = "INSERT INTO faildrill_ledger (run, ledger, writer, number) VALUES (%s, %s, %s, %s)"
"""One row, and one transaction with autocommit."""
_READ: Final = "SELECT number FROM faildrill_ledger WHERE run = %s AND ledger = %s ORDER BY id"
_NOT_OURS: Final = (1142, 1146)
"""Errors of a table that is another's, and of one that is not there."""
_NOTHING_WRITTEN: Final = (READ_ONLY, 1836, 1142, 1146, 1040, 1044, 1045, 1049, 1205, 1213, 1226)
"""Refusals that prove that nothing is written: read-only, rights, no table, a lock that wasn't got."""


class Ledger(Bookkeeping[Talk]):
    """Writes numbered rows to whichever MariaDB server takes writes, and afterwards accounts for every one of them.

    Each connection that writes goes, as a driver with several hosts does, to the first server that is not read-only, or
    to the proxy's `address` if the environment gives one. It stays there until it ends or the server refuses writes.
    Each write is noted in a file of the run's folder before it is sent, and ends *acknowledged*, *rejected* (provably
    not written) or *unknown*. When the drill is over every server is read: an acknowledged write that is absent is
    *lost*, one that is there twice is *duplicated*.

    The client library blocks, so these looks are made by a process of their own. The rows go into the table
    `faildrill_ledger`; rows of earlier runs are removed.

        probes:
          ledger: {mariadb.ledger: {mariadb: payments}, every: 20ms, timeout: 2s}
        expect:
          - lost_writes: {of: ledger, at_most: 0}
    """

    blocking: ClassVar[bool] = True

    mariadb: MariaDB = Field(description="the servers; all are read afterwards")
    writers: Writers = 4

    async def open(self, given: Given) -> None:
        """Open the record, find the table or create it, and remove the rows of earlier runs."""
        self._books = LedgerFiles(given, self.writers)
        try:
            async with asyncio.timeout(given.timeout * 2):
                talk = (await self._stand(self._opened(), 0, given)).connection
                await talk.ask(_TABLE)
                if given.run != NO_RUN:
                    await talk.ask(_FORGET, given.run)
        except (OSError, UnresolvedSecret):
            return  # a missing table shows in the looks

    async def _read(self, reading: LedgerRead, given: Given) -> None:
        within = given.timeout * SHARE
        written = await self._written(within / 4)
        for name, member in self.mariadb.members.items():
            try:
                numbers = await _numbers(as_user(self.mariadb, member), written, given, within)
            except (OSError, UnresolvedSecret) as error:
                reading.missing(name, in_words(error))
            else:
                reading.held(name, numbers, writer=name in written)

    async def _connect(self, given: Given) -> Standing[Talk]:
        """Connect to the proxy, or to the first server that is not read-only."""
        within = given.timeout * SHARE
        if self.mariadb.address is not None:
            host, _, port = self.mariadb.address.rpartition(":")
            login = as_user(self.mariadb, MariaDBMember(name="", host=host.strip("[]"), port=int(port)))
            return Standing(await Talk.begin(login, within))
        last: OSError = Said(READ_ONLY, "every server is read-only")
        for name, member in self.mariadb.members.items():
            try:
                talk = await Talk.begin(as_user(self.mariadb, member), within / len(self.mariadb.members))
                if not (await talk.ask("SELECT @@global.read_only AS it"))[0]["it"]:
                    return Standing(talk, name)
                talk.end()
            except OSError as error:
                last = error
        raise last

    async def _put(self, standing: Standing[Talk], write: Write) -> Ended:
        await standing.connection.ask(_WRITE, write.given.run, write.given.name, write.writer, write.number)
        return Ended(Seen(Outcome.OK, standing.node), Note.ACKNOWLEDGED)

    def _note(self, error: OSError) -> Note:
        return Note.REJECTED if isinstance(error, Said) and error.code in _NOTHING_WRITTEN else Note.UNKNOWN

    def _is_ending(self, error: OSError) -> bool:
        return error.code in ENDINGS if isinstance(error, Said) else super()._is_ending(error)

    def _proven(self, error: OSError) -> Seen:
        if isinstance(error, Said) and error.code in OF_THE_ASKER:
            return Seen(Outcome.THROTTLED, detail=in_words(error))
        if isinstance(error, Said) and error.code in _NOT_OURS:
            user = f"`{self.mariadb.user}`@`%`"
            allow = f"GRANT INSERT, SELECT, DELETE ON {self.mariadb.database}.faildrill_ledger TO {user}"
            remedy = f"no table faildrill_ledger, or no right to it; its owner must run: {_TABLE}; {allow}"
            return Seen(Outcome.WRONG, detail=remedy)
        return super()._proven(error)

    def _in_words(self, error: OSError) -> str:
        return in_words(error)

    async def _written(self, within: float) -> dict[str, str]:
        """Tell which servers take writes, each with the position of its last one."""
        by_node = {}
        for name, member in self.mariadb.members.items():
            try:
                talk = await Talk.begin(as_user(self.mariadb, member), within)
                [row] = await talk.ask("SELECT @@global.read_only AS it, @@global.gtid_binlog_pos AS written")
                talk.end()
            except (OSError, UnresolvedSecret):
                continue
            if not row["it"]:
                by_node[name] = str(row["written"])
        return by_node


async def _numbers(login: Login, written: dict[str, str], given: Given, within: float) -> list[int]:
    """Return the numbers on a server, a replica when it has applied all that was written."""
    talk = await Talk.begin(login, within)
    try:
        for position in filter(None, written.values()):
            # Its answer isn't asked: one that has not applied all in time holds fewer rows, and is told as it is.
            await talk.ask("SELECT MASTER_GTID_WAIT(%s, %s)", position, within / 4)
        return [int(row["number"]) for row in await talk.ask(_READ, given.run, given.name)]
    finally:
        talk.end()
