"""One session that sends the same insert again and again, with nothing between it and the server's protocol.

A driver is made for any statement, and its layers cost more than a small insert costs the server. Here it is prepared
once, a write is one message, and an answer that is byte for byte the one before is not read again. The session is
begun by `talking`; what an unknown server sends neither crashes nor hangs us here either.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Final, NamedTuple, Self

from faildrill.adapters.postgres.client import LARGEST, SMALLEST, NotPostgres, Row, Talk, error_of, framed, row_of
from faildrill.adapters.postgres.conninfo import Login

_HEAD: Final = struct.Struct("!cI")
"""Type and length of a frame; the length counts itself, not the type."""
_LENGTH: Final = struct.Struct("!I")
"""Bytes of a value, before it."""
_ANSWER: Final = b"2DCZ"
"""The types of frames that an insert is answered with: bound, a row, done, committed."""
_ASIDE: Final = b"NSA"
"""Those that may come at any time: notices, settings, notifications."""
_NAME: Final = "faildrill"
"""Of the prepared statement, within its session."""
_DONE: Final = framed(b"E", b"\0" + _LENGTH.pack(0)) + framed(b"S", b"")
"""Execute without a limit on rows, and Sync, which commits."""


class Statement(NamedTuple):
    """An insert that gives a row."""

    words: str
    fixed: tuple[str, ...]
    """Its first values, which stay."""
    changing: int
    """How many numbers come after them."""
    read: Callable[[Row], str]
    """What is made of the row."""


class Insert(asyncio.Protocol):
    """A session with one prepared insert, for one write at a time.

    Cancelled or failed, the session is over. Every failure is an OSError: Said, NotPostgres or another.
    """

    def __init__(self, talk: Talk, statement: Statement) -> None:
        self._talk = talk
        self._transport: asyncio.WriteTransport | None = None
        self._read = statement.read
        values = b"".join(_value(text.encode()) for text in statement.fixed)
        counts = struct.pack("!HH", 0, len(statement.fixed) + statement.changing)
        self._bind = b"\0" + _NAME.encode() + b"\0" + counts + values
        self._first = b""
        """What goes before each write: behind a pooler the statement, as the next server does not know it."""
        self._whole = _ANSWER
        self._waiting: asyncio.Future[str] | None = None
        self._over: OSError | None = None
        self._arrived = b""
        self._frames = 0
        self._said = ""
        self._usual: tuple[bytes, str] = (b"", "")

    @classmethod
    async def begin(cls, login: Login, statement: Statement) -> Self:
        """Connect, log in and prepare the statement; raises as `Talk.begin` does. The caller sets the deadline."""
        talk = await Talk.begin(login, "faildrill ledger")
        try:
            insert = cls(talk, statement)
            if await talk.is_pooled():
                insert._unnamed(statement)
            else:
                await talk.prepare(_NAME, statement.words)
            insert._transport, before = await talk.hand_over(insert)
            insert.data_received(before)
        except BaseException:  # also when cancelled: the connection ends, and what broke goes on
            talk.end()
            raise
        return insert

    def _unnamed(self, statement: Statement) -> None:
        """Send the statement with every write, without a name: a write is one transaction, wherever it goes."""
        self._bind = self._bind.replace(b"\0" + _NAME.encode() + b"\0", b"\0\0", 1)
        self._first = framed(b"P", b"\0" + statement.words.encode() + b"\0" + struct.pack("!H", 0))
        self._whole = b"1" + _ANSWER

    @property
    def is_over(self) -> bool:
        """Whether either side has ended the session, as far as is known."""
        return self._over is not None

    async def put(self, *numbers: int) -> str:
        """Insert, once, and return what is read from the row that it gives, when it is committed."""
        if self._over is not None or self._transport is None:
            raise self._over or ConnectionAbortedError("the session has not begun")
        content = b"".join([self._bind, *(_value(b"%d" % number) for number in numbers), b"\0\0"])
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(self._first + _HEAD.pack(b"B", len(content) + 4) + content + _DONE)
        try:
            return await self._waiting
        except BaseException:  # also when cancelled: the connection ends, and what broke goes on
            self.end()
            raise
        finally:
            self._waiting = None

    def end(self) -> None:
        """Cut the connection, without waiting for anything."""
        self._fail(ConnectionAbortedError("the session was ended"))

    def data_received(self, data: bytes) -> None:
        """Take in what the server sent, for whoever waits."""
        is_new = not self._arrived and not self._frames
        # Byte for byte the answer before: nothing in it is new, so it is not parsed again.
        if data == self._usual[0] and is_new and self._waiting is not None:
            self._answer(self._usual[1])
            return
        self._arrived += data
        try:
            is_whole = self._take()
        except OSError as error:
            self._fail(error)
        else:
            if is_new and is_whole:
                # Only an answer that came whole and alone: parts of it could look like another one's.
                self._usual = data, self._said

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that there will be no answer."""
        self._fail(exc if isinstance(exc, OSError) else ConnectionResetError("the server closed the connection"))

    def _take(self) -> bool:
        """Read every frame that is whole; tell whether the last one ended an answer, and nothing is left."""
        is_whole = False
        while len(self._arrived) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._arrived)
            if not SMALLEST <= length <= LARGEST:
                raise NotPostgres(f"a frame of type {kind!r} and {length} bytes")
            # A frame is one byte longer than its length tells.
            if len(self._arrived) <= length:
                return False
            content, self._arrived = self._arrived[_HEAD.size : length + 1], self._arrived[length + 1 :]
            is_whole = self._frame(kind, content)
        return is_whole and not self._arrived

    def _frame(self, kind: bytes, content: bytes) -> bool:
        """Take in one frame; tell whether it ended an answer."""
        if kind == b"E":
            raise error_of(content)
        if kind[0] in _ASIDE:
            return False
        if self._waiting is None or kind[0] != self._whole[self._frames]:
            raise NotPostgres(f"a frame of type {kind!r} where none was due")
        if kind == b"D":
            self._said = self._read(row_of(content))
        self._frames = (self._frames + 1) % len(self._whole)
        if not self._frames:
            self._answer(self._said)
        return not self._frames

    def _answer(self, said: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(said)

    def _fail(self, error: OSError) -> None:
        self._over = self._over or error
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(self._over)
        self._talk.end()


def _value(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value
