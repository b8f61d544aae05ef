"""`mariadb.ledger`: numbered rows written as a multi-host driver does, each noted before it is sent, and read back."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.mariadb.nodes import SHARE
from faildrill.adapters.mariadb.talking import READ_ONLY, Login, Said, Talk, as_user, in_words
from faildrill.clock import boot_id
from faildrill.errors import CannotSee, UnresolvedSecret
from faildrill.ledger import MOST_WRITERS, Note, path_of
from faildrill.ledger.keeping import Keeping
from faildrill.ports import Captured, Given, Kind, Seen
from faildrill.samples import Outcome
from faildrill.targets import MariaDB, MariaDBMember

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS faildrill_ledger (id bigint AUTO_INCREMENT PRIMARY KEY, run varchar(64) NOT NULL, "
    "ledger varchar(64) NOT NULL, writer smallint NOT NULL, number bigint NOT NULL)"
)
_FORGET: Final = "DELETE FROM faildrill_ledger WHERE run <> %s LIMIT 100000"
_WRITE: Final = "INSERT INTO faildrill_ledger (run, ledger, writer, number) VALUES (%s, %s, %s, %s)"
_READ: Final = "SELECT number FROM faildrill_ledger WHERE run = %s AND ledger = %s ORDER BY id"
_NOTHING_WRITTEN: Final = (READ_ONLY, 1836, 1142, 1146, 1040, 1044, 1045, 1049, 1205, 1213)
"""Refusals that prove that nothing is written: read-only, rights, no table, a lock that wasn't got."""


@dataclass
class _Writing:
    """What stands between looks."""

    keeping: Keeping | None = None
    standing: dict[int, tuple[str, Talk]] = field(default_factory=dict)
    """By writer: which server it is connected to, and the connection."""


class Ledger(Kind):
    """Writes numbered rows to whichever MariaDB server takes writes, and afterwards accounts for every one of them.

    Every writer connects as a driver with several hosts does: to the first server that is not read-only, or to the
    `address` of the proxy where the environment gives one, and stays until its connection ends or the server refuses
    writes. Each write is noted in a file of the run's folder before it is sent and ends *acknowledged*, *rejected*
    (provably not written) or *unknown*. When the drill is over every server is read: an acknowledged write that is
    absent is *lost*, one that is there twice is *duplicated*. The client is a blocking one, so these looks are made by
    a process of their own. The rows go into the table `faildrill_ledger`; those of earlier runs are removed.

        probes:
          ledger: {mariadb.ledger: {mariadb: payments}, every: 20ms, timeout: 2s}
        expect:
          - lost_writes: {of: ledger, at_most: 0}
    """

    blocking: ClassVar[bool] = True

    mariadb: MariaDB = Field(description="the servers, or the proxy before them, and every one that is read afterwards")
    writers: int = Field(default=4, ge=1, le=MOST_WRITERS, description="how many write at once")

    _writing: _Writing = PrivateAttr(default_factory=_Writing)

    async def open(self, given: Given) -> None:
        """Open the record, find the table or create it, and remove the rows of earlier runs."""
        self._writing.keeping = Keeping(path_of(_folder(given), given.name), self.writers)
        try:
            async with asyncio.timeout(given.timeout * 2):
                _, talk = await self._connected(0, given.timeout)
                await talk.ask(_TABLE)
                await talk.ask(_FORGET, given.run)
        except (OSError, UnresolvedSecret):
            return  # a missing table shows in the looks

    async def close(self) -> None:
        """Close the record and every connection."""
        for _, talk in self._writing.standing.values():
            talk.end()
        if self._writing.keeping is not None:
            await self._writing.keeping.close()
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
        """Read the rows of this run from every server, and keep them beside the record."""
        from faildrill.ledger import accounts  # noqa: PLC0415 - NumPy is for after the run, not for a prober

        folder, within = _folder(given), given.timeout * SHARE
        read_at, noted = time.monotonic_ns(), accounts.noted(path_of(folder, given.name))
        told: dict[str, dict[str, str | int | bool]] = {}
        written = await self._written(within / 4)
        for name, member in self.mariadb.members.items():
            try:
                numbers = await _numbers(as_user(self.mariadb, member), written, given, within)
            except (OSError, UnresolvedSecret) as error:
                told[name] = {"writer": False, "rows": 0, "missing": in_words(error)}
                continue
            rows = accounts.Rows(accounts.integers(numbers), read_at, name in written, noted, boot_id())
            accounts.keep(folder, given.name, name, rows)
            told[name] = {"writer": name in written, "rows": len(numbers), "missing": ""}
        if all(one["missing"] for one in told.values()):
            raise CannotSee("; ".join(f"{name} could not be read: {one['missing']}" for name, one in told.items()))
        return {"read_at": read_at, "nodes": {name: dict(one) for name, one in told.items()}}

    async def _write(self, keeping: Keeping, writer: int, given: Given) -> Seen:
        try:
            name, talk = await self._connected(writer, given.timeout * SHARE)
        except OSError as error:
            return _proven(error)
        number = keeping.send(writer)
        note = Note.UNKNOWN
        try:
            await talk.ask(_WRITE, given.run, given.name, writer, number)
            note = Note.ACKNOWLEDGED
        except OSError as error:
            note = Note.REJECTED if isinstance(error, Said) and error.code in _NOTHING_WRITTEN else Note.UNKNOWN
            return _proven(error)._replace(who=name)
        finally:
            answered = keeping.end(number, writer, note)
            if note != Note.ACKNOWLEDGED:
                self._writing.standing.pop(writer)[1].end()
        return Seen(Outcome.OK, name, answered=answered)

    async def _connected(self, writer: int, within: float) -> tuple[str, Talk]:
        """Return the writer's server and connection: a new one, to where writes are taken, where none stands."""
        if writer not in self._writing.standing:
            self._writing.standing[writer] = await self._found(within)
        return self._writing.standing[writer]

    async def _found(self, within: float) -> tuple[str, Talk]:
        """Connect to the proxy, or to the first server that is not read-only."""
        if self.mariadb.address is not None:
            host, _, port = self.mariadb.address.rpartition(":")
            login = as_user(self.mariadb, MariaDBMember(name="", host=host.strip("[]"), port=int(port)))
            return "", await Talk.begin(login, within)
        last: OSError = Said(READ_ONLY, "every server is read-only")
        for name, member in self.mariadb.members.items():
            try:
                talk = await Talk.begin(as_user(self.mariadb, member), within / len(self.mariadb.members))
                if not (await talk.ask("SELECT @@global.read_only AS it"))[0]["it"]:
                    return name, talk
                talk.end()
            except OSError as error:
                last = error
        raise last

    async def _written(self, within: float) -> dict[str, str]:
        """Tell which servers take writes, each with the position of its last one."""
        found = {}
        for name, member in self.mariadb.members.items():
            try:
                talk = await Talk.begin(as_user(self.mariadb, member), within)
                [row] = await talk.ask("SELECT @@global.read_only AS it, @@global.gtid_binlog_pos AS written")
                talk.end()
            except (OSError, UnresolvedSecret):
                continue
            if not row["it"]:
                found[name] = str(row["written"])
        return found


async def _numbers(login: Login, written: dict[str, str], given: Given, within: float) -> list[int]:
    """Return the numbers on a server, a replica when it has applied all that was written."""
    talk = await Talk.begin(login, within)
    try:
        for position in filter(None, written.values()):
            await talk.ask("SELECT MASTER_GTID_WAIT(%s, %s)", position, within / 4)
        return [int(row["number"]) for row in await talk.ask(_READ, given.run, given.name)]
    finally:
        talk.end()


def _proven(error: OSError) -> Seen:
    """Tell what a failure proves, as a look."""
    if isinstance(error, ConnectionRefusedError):
        return Seen(Outcome.REFUSED)
    if isinstance(error, TimeoutError):
        return Seen(Outcome.TIMED_OUT)
    if isinstance(error, ConnectionError):
        return Seen(Outcome.RESET)
    return Seen(Outcome.WRONG, detail=in_words(error))


def _folder(given: Given) -> Path:
    if given.folder is None or not given.name:
        raise CannotSee("a ledger needs a run's folder to keep its record in")
    return given.folder
