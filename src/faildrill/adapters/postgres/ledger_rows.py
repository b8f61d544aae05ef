"""The rows of a ledger, read from every node when a drill is over."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import tenacity

from faildrill.adapters.postgres.driver import Connection
from faildrill.adapters.postgres.sessions import Login, ask, connect, failures, in_words
from faildrill.toolkit.ledger_probe import LedgerRead

_ROLE: Final = "SELECT pg_is_in_recovery(), CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END"
"""Whether it is a standby, and where the primary writes: `pg_current_wal_lsn` fails on a standby."""
_REACHED: Final = "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
"""Also true of one that was promoted meanwhile: it replays nothing any more."""
_CATCH_UP_EVERY: Final = 0.1
"""Seconds between two looks at how far a standby is."""


class What(NamedTuple):
    """Which rows are read."""

    table: str
    run: str
    ledger: str
    page: int = 1_000_000
    """How many are asked for at a time: 8 MB."""


async def read(logins: Mapping[str, Login], what: What, within: float, reading: LedgerRead) -> None:
    """Read the rows from every node, a standby when it has replayed what its primary had written by then."""
    primary: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def node(name: str, login: Login) -> None:
        try:
            async with asyncio.timeout(within):
                connection = await connect(login, within, "faildrill ledger")
                try:
                    writer = await _caught_up(connection, primary)
                    at_once = min(what.page, getattr(connection, "rows_at_once", what.page))
                    numbers = await _numbers(connection, what._replace(page=at_once))
                finally:
                    connection.terminate()
        except failures() as error:
            reading.missing(name, in_words(error))
        else:
            reading.held(name, numbers, writer=writer)

    await asyncio.gather(*(node(name, login) for name, login in logins.items()))
    primary.cancel()


async def _caught_up(connection: Connection, primary: "asyncio.Future[str]") -> bool:
    """Wait until a node holds what the primary held; return whether it is the primary."""
    recovering, position = await ask(connection, _ROLE)
    if not recovering:
        if not primary.done():
            primary.set_result(position)
        return True
    # Shielded: a node that is cut off must not take the answer from the others.
    position = await asyncio.shield(primary)

    async def reached() -> bool:
        return bool((await ask(connection, _REACHED, position))[0])

    waiting = tenacity.AsyncRetrying(  # bounded by the time limit around the node
        retry=tenacity.retry_if_result(lambda there: not there), wait=tenacity.wait_fixed(_CATCH_UP_EVERY)
    )
    await waiting(reached)
    return False


async def _numbers(connection: Connection, what: What) -> "np.typing.NDArray[np.int64]":
    """Return the numbers of the rows, in the order of the database; page by page, so that no node holds them all."""
    page = (
        f"SELECT id, number FROM {what.table} "  # noqa: S608 - a constant
        "WHERE run = $1 AND ledger = $2 AND id > $3 ORDER BY id LIMIT $4"
    )
    # Eight bytes a number, all in one value: a million rows of text would be made and read one by one.
    query = f"SELECT count(*), max(id), string_agg(int8send(number), '' ORDER BY id) FROM ({page}) AS page"  # noqa: S608 - the same
    pages, last, count = [np.zeros(0, np.int64)], 0, what.page
    while count == what.page:
        count, last, content = await ask(connection, query, what.run, what.ledger, last, what.page)
        pages.append(np.frombuffer(content or b"", ">i8").astype(np.int64))
    return np.concatenate(pages)
