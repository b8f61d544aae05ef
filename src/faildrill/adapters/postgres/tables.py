"""The tables that probes write to: found, created where that is allowed, and kept from growing."""

import asyncio
from typing import Final, NamedTuple

import asyncpg

from faildrill.adapters.postgres.driver import Connection
from faildrill.adapters.postgres.sessions import Login, ask, connect, failures
from faildrill.errors import UnresolvedSecret
from faildrill.ports import NO_RUN

PREPARATION: Final = 3.0
"""Seconds that are spent on a table before the first look."""
_BATCH: Final = 5_000
_RIGHTS: Final = ("INSERT", "SELECT", "DELETE")
_MAY: Final = "SELECT " + ", ".join(f"has_table_privilege($1::text, '{right}')" for right in _RIGHTS)


class Table(NamedTuple):
    """A table with a column `run` and an ascending `id`."""

    name: str
    columns: str

    @property
    def create(self) -> str:
        """The statement that creates it."""
        return f"CREATE TABLE {self.name} ({self.columns})"


async def prepare(table: Table, login: Login, run: str) -> str:
    """See that a table is there, or create it, and remove rows of other runs, within a bound on time.

    Returns what to tell where it is not there and can't be created; never fails because the target is down.
    """
    try:
        async with asyncio.timeout(PREPARATION):
            connection = await connect(login, PREPARATION)
            try:
                missing = await _ready(connection, table)
                if not missing and run != NO_RUN:
                    await _clean(connection, table, run)
            finally:
                connection.terminate()
    except UnresolvedSecret:
        return ""  # the looks will tell what is wrong
    except failures():
        return ""  # the same
    return missing


async def _ready(connection: Connection, table: Table) -> str:
    if (await ask(connection, "SELECT to_regclass($1)::text", table.name))[0]:
        return await _allowed(connection, table)
    try:
        await connection.execute(table.create)
    except asyncpg.DuplicateTableError:
        return ""
    except asyncpg.PostgresError:
        user = (await ask(connection, "SELECT quote_ident(current_user)"))[0]
        allow = f"GRANT INSERT, SELECT, DELETE ON {table.name} TO {user}"
        return f"no table {table.name}; its owner must run: {table.create}; {allow}"
    return ""


async def _allowed(connection: Connection, table: Table) -> str:
    """Tell which of the rights on a table that is there are missing, and who is to give them how."""
    may = await ask(connection, _MAY, table.name)
    missing = ", ".join(right for right, granted in zip(_RIGHTS, may, strict=False) if not granted)
    if not missing:
        return ""
    user = (await ask(connection, "SELECT quote_ident(current_user)"))[0]
    return f"no right to {missing} on {table.name}; its owner must run: GRANT {missing} ON {table.name} TO {user}"


async def _clean(connection: Connection, table: Table, run: str) -> None:
    """Remove rows of other runs, oldest first, batch by batch, until none is left or the time is over."""
    old = f"SELECT id FROM {table.name} WHERE run <> $1 ORDER BY id LIMIT $2"  # noqa: S608 - a constant of ours
    clean = f"DELETE FROM {table.name} WHERE id IN ({old})"  # noqa: S608 - a constant of ours
    while await connection.execute(clean, run, _BATCH) == f"DELETE {_BATCH}":
        continue
