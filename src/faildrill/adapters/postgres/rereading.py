"""The rows of a ledger, read from every node when a drill is over."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import tenacity

from faildrill.adapters.postgres.asking import FAILURES, Login, ask, connect, in_words
from faildrill.errors import CannotSee
from faildrill.ledger.accounts import Rows, rows_path
from faildrill.ports import Captured

_ROLE: Final = "SELECT pg_is_in_recovery(), CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END"
_REACHED: Final = "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
_CATCH_UP_EVERY: Final = 0.1
_HEADER: Final = 19
_TRAILER: Final = 2


class What(NamedTuple):
    """Which rows are read, and where they are kept."""

    table: str
    run: str
    ledger: str
    folder: Path


class _Read(NamedTuple):
    """What became of reading one node."""

    writer: bool = False
    rows: int = 0
    missing: str = ""
    """Why it could not be read."""


async def read_back(logins: Mapping[str, Login], what: What, within: float) -> Captured:
    """Read the rows from every node, a standby when it has replayed what its primary had written by then.

    Keeps them in the folder, a file a node, and returns what was read; CannotSee when no node could be read.
    """
    read_at = time.monotonic_ns()
    primary: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    nodes = list(logins)
    reading = [_node(name, logins[name], what, (read_at, within, primary)) for name in nodes]
    found = dict(zip(nodes, await asyncio.gather(*reading), strict=True))
    primary.cancel()
    if all(one.missing for one in found.values()):
        raise CannotSee("; ".join(f"{name} could not be read: {one.missing}" for name, one in found.items()))
    return {"read_at": read_at, "nodes": {name: dict(one._asdict()) for name, one in found.items()}}


async def _node(name: str, login: Login, what: What, shared: tuple[int, float, "asyncio.Future[str]"]) -> _Read:
    read_at, within, primary = shared
    try:
        async with asyncio.timeout(within):
            connection = await connect(login, within, "faildrill ledger")
            try:
                writer = await _caught_up(connection, primary)
                numbers = await _numbers(connection, what)
            finally:
                connection.terminate()
    except FAILURES as error:
        return _Read(missing=in_words(error))
    return _Read(writer, _keep(numbers, rows_path(what.folder, what.ledger, name), read_at, writer=writer))


async def _caught_up(connection: Any, primary: "asyncio.Future[str]") -> bool:  # noqa: ANN401 - asyncpg is untyped
    """Wait until a node holds what the primary held; return whether it is the primary."""
    recovering, position = await ask(connection, _ROLE)
    if not recovering:
        if not primary.done():
            primary.set_result(position)
        return True
    position = await asyncio.shield(primary)

    async def reached() -> bool:
        return bool((await ask(connection, _REACHED, position))[0])

    waiting = tenacity.AsyncRetrying(  # bounded by the time limit around the node
        retry=tenacity.retry_if_result(lambda there: not there), wait=tenacity.wait_fixed(_CATCH_UP_EVERY)
    )
    await waiting(reached)
    return False


async def _numbers(connection: Any, what: What) -> bytes:  # noqa: ANN401 - asyncpg is untyped
    """Return the numbers of the rows, in the order of the database, as PostgreSQL's binary copy."""
    content = bytearray()

    async def take(chunk: bytes) -> None:
        content.extend(chunk)

    query = f"SELECT number FROM {what.table} WHERE run = $1 AND ledger = $2 ORDER BY id"  # noqa: S608 - a constant
    await connection.copy_from_query(query, what.run, what.ledger, output=take, format="binary")
    return bytes(content)


def _keep(copy: bytes, path: Path, read_at: int, *, writer: bool) -> int:
    """Keep the numbers in a file; return how many there are."""
    layout = np.dtype([("fields", ">i2"), ("size", ">i4"), ("number", ">i8")])
    count = (len(copy) - _HEADER - _TRAILER) // layout.itemsize
    numbers = np.frombuffer(copy, dtype=layout, count=count, offset=_HEADER)["number"].astype(np.int64)
    Rows(numbers, read_at, writer).save(path)
    return count
