"""The rows of a ledger, read from every node when a drill is over."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import tenacity

from faildrill.adapters.postgres.asking import Login, ask, connect, failures, in_words
from faildrill.clock import boot_id
from faildrill.errors import CannotSee
from faildrill.ledger import path_of
from faildrill.ledger.accounts import Rows, keep, noted
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


class _Reading(NamedTuple):
    """What the readings of all nodes share."""

    read_at: int
    noted: int
    within: float
    primary: "asyncio.Future[str]"


async def read_back(logins: Mapping[str, Login], what: What, within: float) -> Captured:
    """Read the rows from every node, a standby when it has replayed what its primary had written by then.

    Keeps them in the folder, a file a node, where no earlier reading is kept, and returns what was read; CannotSee
    when no node could be read.
    """
    primary: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    shared = _Reading(time.monotonic_ns(), _noted(what), within, primary)
    nodes = list(logins)
    found = dict(
        zip(nodes, await asyncio.gather(*(_node(name, logins[name], what, shared) for name in nodes)), strict=True)
    )
    primary.cancel()
    if all(one.missing for one in found.values()):
        raise CannotSee("; ".join(f"{name} could not be read: {one.missing}" for name, one in found.items()))
    return {"read_at": shared.read_at, "nodes": {name: dict(one._asdict()) for name, one in found.items()}}


def _noted(what: What) -> int:
    try:
        return noted(path_of(what.folder, what.ledger))
    except FileNotFoundError:
        return 0


async def _node(name: str, login: Login, what: What, shared: _Reading) -> _Read:
    try:
        async with asyncio.timeout(shared.within):
            connection = await connect(login, shared.within, "faildrill ledger")
            try:
                writer = await _caught_up(connection, shared.primary)
                numbers = await _numbers(connection, what)
            finally:
                connection.terminate()
    except failures() as error:
        return _Read(missing=in_words(error))
    rows = Rows(_decoded(numbers), shared.read_at, writer, shared.noted, boot_id())
    keep(what.folder, what.ledger, name, rows)
    return _Read(writer, len(rows.numbers))


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


def _decoded(copy: bytes) -> "np.typing.NDArray[np.int64]":
    """Decode a binary copy of one column of numbers."""
    layout = np.dtype([("fields", ">i2"), ("size", ">i4"), ("number", ">i8")])
    count = (len(copy) - _HEADER - _TRAILER) // layout.itemsize
    return np.frombuffer(copy, dtype=layout, count=count, offset=_HEADER)["number"].astype(np.int64)
