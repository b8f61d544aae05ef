"""A session through a pooler that shares its servers between transactions: each question is one transaction.

PgBouncer in transaction mode gives each transaction to whatever server is free. What one prepares is not known to the
next, and before PgBouncer 1.21 every driver that prepares by name fails there (SQLSTATE 26000). Here a statement is
parsed, bound and run in one batch, up to one Sync, which is one transaction wherever it goes.
"""

import struct
from collections.abc import Callable
from typing import Any, Final, NamedTuple, NoReturn

import asyncpg

from faildrill.adapters.postgres.client import NotPostgres, Row, Said, Talk, framed, row_of

_READ: Final[dict[int, Callable[[str], object]]] = {
    16: lambda text: text == "t",
    17: lambda text: bytes.fromhex(text[2:]),
    20: int,
    21: int,
    23: int,
}
"""How the text of a value is read, by the number of its type: boolean, bytea, and the integers."""
_COLUMN: Final = struct.Struct("!IhIhih")
"""What follows a column's name: table, its column, type, length, modifier, format."""


class _Answer(NamedTuple):
    row: Row | None
    types: tuple[int, ...]
    tag: str


class Session(Talk):
    """As a connection of asyncpg, in what is asked of one here, with asyncpg's own errors."""

    rows_at_once: Final = 20_000
    """Numbers that one answer may hold, as the frames that are read here have a bound."""

    async def fetchrow(self, query: str, *values: object) -> tuple[object, ...] | None:
        """Return the first row that a statement gives, None when it gives none."""
        row, types, _ = await self._at_once(query, values)
        if row is None:
            return None
        return tuple(
            None if text is None else _READ.get(kind, str)(text) for text, kind in zip(row, types, strict=True)
        )

    async def execute(self, query: str, *values: object) -> str:
        """Run a statement, and return its tag: `DELETE 5`. Without values it may be several, as one transaction."""
        if values:
            return (await self._at_once(query, values)).tag
        self._send(b"Q", query.encode() + b"\0")
        return (await self._answer()).tag

    def is_closed(self) -> bool:
        """Tell whether it is of no more use, as far as is known."""
        return self._writer.is_closing() or self._reader.at_eof()

    def terminate(self) -> None:
        """Cut it."""
        self.end()

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - as asyncpg's
        """Say goodbye, and cut it after float seconds."""
        await self.leave(timeout)

    async def _at_once(self, query: str, values: tuple[object, ...]) -> _Answer:
        """Parse, bind, describe and run a statement without a name, in one batch."""
        self._writer.write(batch(query, [None if value is None else str(value) for value in values]))
        return await self._answer()

    async def _answer(self) -> _Answer:
        """Read up to the end of the transaction; what was said of it is raised then, and the session goes on."""
        self._frames = 0
        answer = _Answer(None, (), "")
        failed: Said | None = None
        try:
            while True:
                try:
                    kind, content = await self._frame()
                except Said as error:
                    failed = failed or error
                    continue
                if kind == b"Z":
                    break
                answer = _taken_in(answer, kind, content)
        except BaseException as error:  # also when cancelled: what is half read can't be spoken on
            self.end()
            if failed is not None and isinstance(error, OSError):
                _raise(failed)
            raise
        if failed is not None:
            _raise(failed)
        return answer


def batch(query: str, values: list[str | None]) -> bytes:
    """Return the messages that run a statement once, as one transaction, with values as text."""
    bound = b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!I", len(value.encode())) + value.encode()
        for value in values
    )
    return (
        framed(b"P", b"\0" + query.encode() + b"\0" + struct.pack("!H", 0))
        + framed(b"B", b"\0\0" + struct.pack("!HH", 0, len(values)) + bound + struct.pack("!H", 0))
        + framed(b"D", b"P\0")
        + framed(b"E", b"\0" + struct.pack("!I", 0))
        # One Sync for all: up to it everything is one transaction, which a pooler gives to one server as a whole.
        + framed(b"S", b"")
    )


def _taken_in(answer: _Answer, kind: bytes, content: bytes) -> _Answer:
    """Add what a message says to an answer: the types of its columns, the first row, the tag."""
    if kind == b"T":
        return answer._replace(types=_types(content))
    if kind == b"C":
        return answer._replace(tag=content.rstrip(b"\0").decode("utf-8", "replace"))
    return answer._replace(row=row_of(content)) if kind == b"D" and answer.row is None else answer


def _types(content: bytes) -> tuple[int, ...]:
    """Read the types of a row's columns; OSError where that is no such message."""
    try:
        [count] = struct.unpack_from("!H", content)
        at, types = 2, []
        for _ in range(count):
            at = content.index(b"\0", at) + 1
            types.append(_COLUMN.unpack_from(content, at)[2])
            at += _COLUMN.size
    except (struct.error, ValueError) as error:
        raise NotPostgres(f"columns that can't be read: {error}") from error
    return tuple(types)


def _raise(failed: Said) -> NoReturn:
    """Raise the driver's own error for what a server said."""
    error: Any = asyncpg.PostgresError.new({"S": "ERROR", "C": failed.sqlstate, "M": str(failed), "R": failed.routine})
    raise error from failed
