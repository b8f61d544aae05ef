"""A small client of PostgreSQL's protocol, for those who ask a server that nobody has proven yet.

What an unknown server sends must neither crash nor hang this process: asyncpg reads frames in C, where a type of 0
goes round for ever and a wrong length reads beyond its memory, and libpq's driver waits for five seconds on being
cancelled. Here every frame has a bound, every byte is read by Python, and a cancelled question is over at once.
Speaks the simple protocol with text, which is all that a guard needs; `inserting` goes on from there.
"""

import asyncio
import contextlib
import hashlib
import ssl
import struct
from typing import Final, NamedTuple, Self

from faildrill.adapters.postgres.conninfo import Endpoint, Login
from faildrill.adapters.postgres.multi_host import ROLE, Role, first_fit
from faildrill.adapters.postgres.scram import MECHANISM, Scram
from faildrill.toolkit import tls

LARGEST: Final = 1 << 20
"""Bytes of one frame, at the most."""
MOST: Final = 1000
"""Frames of one answer, at the most: who floods us with small ones is no server that we would believe."""
SMALLEST: Final = 4
"""Bytes that the length of an empty frame tells: it counts its own."""
_VERSION: Final = 196608
"""3.0 of the protocol: major and minor number in 16 bits each."""
_TLS: Final = struct.pack("!II", 8, 80877103)
"""SSLRequest: the length of the message, and 1234 and 5679 in 16 bits each, which is no version."""
_GRANTED: Final = 0
_SCRAM_FINAL: Final = 12
"""Two of the answers to a login, by their numbers in PostgreSQL's protocol: `AuthenticationOk` and `…SASLFinal`."""
_KEY: Final = 8
"""Bytes of what tells a session's process, and how to cancel it."""
_KNOWN: Final = frozenset(b"RSKZTDCENAIv12n")
"""The types of frames that a server may send us."""
_PASSING: Final = ("57P01", "57P02", "57P03", "57P04", "53300", "53400", "08006", "58000", "58030")
"""States of a server that is coming, going or full: it says nothing about what it is."""
WITHOUT_PASSWORD: Final = "no password"  # noqa: S105 - words
"""Where our own refusal to log in without a password is said, in place of the server's source."""
Row = list[str | None]


class NotPostgres(ConnectionError):
    """Whoever answers does not speak PostgreSQL's protocol."""


class Said(ConnectionError):
    """The server answered with an error."""

    def __init__(self, sqlstate: str, message: str, routine: str = "") -> None:
        self.sqlstate = sqlstate
        self.routine = routine
        """Where in its source it was said: unlike the message, the same in every language."""
        super().__init__(f"SQLSTATE {sqlstate}: {message}")

    @property
    def is_passing(self) -> bool:
        """Tell whether it is on its way up or down, or full, so that its answer proves nothing."""
        return self.sqlstate in _PASSING


class _Account(NamedTuple):
    """Who logs in: the user, and the password, where the login has one."""

    user: str
    secret: str | None


class Talk:
    """One session: questions, one after the other. Cancelled or failed, it is of no more use."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._frames = 0
        self._backend = 0
        """The process that serves us, by what is told at the log-in."""

    @classmethod
    async def begin(cls, login: Login, purpose: str) -> Self:
        """Connect and log in. Raises OSError, NotPostgres and Said among them, or UnresolvedSecret; give it a time.

        With TLS where the server offers it, without asking who it is, as that is what the questions are for; where the
        login says more of TLS, or names several servers, as it says. A password comes from the login, or from the
        password file that it leads to, and from nowhere else.
        """
        return await first_fit(login, lambda one: cls.at(one, purpose), cls.role, cls.end)

    @classmethod
    async def at(cls, one: Endpoint, purpose: str) -> Self:
        """Connect to one server and log in; raises as `begin` does."""
        secret = one.secret  # so that one that leads nowhere is told, whoever answers
        if one.host.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(f"{one.host}/.s.PGSQL.{one.port}")
        else:
            reader, writer = await asyncio.open_connection(one.host, one.port)
        talk = cls(reader, writer)
        try:
            if (context := one.context()) is not None:
                await talk._encrypt(context, one)
            await talk._log_in(one, secret, purpose)
        except BaseException:  # also when cancelled: no connection is left to nobody
            talk.end()
            raise
        return talk

    async def role(self) -> Role:
        """Tell what the server is."""
        return Role.of(*(await self.ask(ROLE) or Row()))

    async def is_pooled(self) -> bool:
        """Tell whether another process serves our questions than the one that we logged in to: a pooler is between."""
        return self._backend != 0 and await self.ask("SELECT pg_backend_pid()") != [str(self._backend)]

    async def ask(self, query: str) -> Row | None:
        """Return the first row that a statement gives, as text; None when it gives none. Raises as `begin` does."""
        self._send(b"Q", query.encode() + b"\0")
        self._frames = 0
        row: Row | None = None
        try:
            while True:
                kind, content = await self._frame()
                if kind == b"Z":
                    return row
                if kind == b"D" and row is None:
                    row = row_of(content)
        except BaseException:  # also when cancelled: what is half read can't be spoken on
            self.end()
            raise

    async def prepare(self, name: str, statement: str) -> None:
        """Prepare a statement under a name. Raises as `begin` does."""
        self._send(b"P", f"{name}\0{statement}\0".encode() + struct.pack("!H", 0))
        self._send(b"S", b"")
        self._frames = 0
        # ReadyForQuery ends every answer, also one of which nothing else is wanted.
        while (await self._frame())[0] != b"Z":
            continue

    async def hand_over(self, protocol: asyncio.BaseProtocol) -> tuple[asyncio.WriteTransport, bytes]:
        """Let a protocol have all that the server sends from now on; return what it writes to, and what came before.

        This session is to be kept as long as that one is used: let go, it would close the connection.
        """
        transport = self._writer.transport
        transport.set_protocol(protocol)
        with contextlib.suppress(TimeoutError):
            # What came with the last frame lies in the reader's buffer, and the new protocol would never hear of it.
            async with asyncio.timeout(0):
                rest = await self._reader.read(LARGEST)  # at once what is there; else it waits, and in vain
                if not rest:
                    raise ConnectionResetError("the server closed the connection")
                return transport, rest
        return transport, b""

    async def idle(self, seconds: float) -> None:
        """Wait for float seconds; raises OSError as soon as the session is over."""
        self._frames = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self._frame()

    def end(self) -> None:
        """Cut the connection, without waiting for anything."""
        self._writer.transport.abort()

    async def leave(self, within: float) -> None:
        """Say goodbye and wait until the server has closed; cut it after float seconds."""
        with contextlib.suppress(OSError):
            self._send(b"X", b"")
            with contextlib.suppress(asyncio.IncompleteReadError):
                async with asyncio.timeout(within):
                    await self._reader.read(LARGEST)
        self.end()

    async def _encrypt(self, context: ssl.SSLContext, one: Endpoint) -> None:
        self._writer.write(_TLS)
        # A single byte, S or N, and nothing behind it may be read before TLS begins (CVE-2021-23222).
        answer = await self._read(1)
        if answer == b"S":
            await self._writer.start_tls(context, server_hostname=one.name or one.host)
        elif answer != b"N":
            raise NotPostgres("its answer to the first message is none")
        elif one.must_encrypt:
            raise tls.NoTLS(f"it speaks no TLS, and sslmode is {one.mode}")

    async def _log_in(self, one: Endpoint, secret: str | None, purpose: str) -> None:
        parameters = {
            "user": one.user,
            "database": one.database,
            "application_name": purpose,
            "client_encoding": "UTF8",
        }
        if options := one.settings.get("options"):
            parameters["options"] = options
        words = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
        content = struct.pack("!I", _VERSION) + words + b"\0"
        self._writer.write(struct.pack("!I", len(content) + 4) + content)
        exchange: Scram | None = None
        while True:
            kind, content = await self._frame()
            if kind == b"Z":
                return
            if kind == b"R":
                exchange = self._authenticate(content, _Account(one.user, secret), exchange)
            elif kind == b"K" and len(content) >= _KEY:
                [self._backend] = struct.unpack_from("!I", content)

    def _authenticate(self, content: bytes, who: _Account, exchange: Scram | None) -> Scram | None:
        """Answer one request for a proof of who we are."""
        try:
            how = struct.unpack_from("!I", content)[0]
            if how in (_GRANTED, _SCRAM_FINAL):
                if how == _SCRAM_FINAL and not (exchange and exchange.is_right(content[4:].decode())):
                    raise NotPostgres("it does not prove that it knows the password")
                return exchange
            user, secret = who
            if secret is None:
                raise Said("28P01", "it asks for a password, and the login has none", WITHOUT_PASSWORD)
            return self._prove(how, content[4:], (user, secret), exchange)
        except (struct.error, ValueError) as error:
            raise NotPostgres(f"its way to log in can't be read: {error}") from error

    def _prove(self, how: int, rest: bytes, who: tuple[str, str], exchange: Scram | None) -> Scram | None:
        user, password = who
        match how:
            # AuthenticationCleartextPassword; 5 is …MD5Password, 10 …SASL, 11 …SASLContinue.
            case 3:
                self._send(b"p", password.encode() + b"\0")
            case 5:
                inner = hashlib.md5(password.encode() + user.encode()).hexdigest()  # noqa: S324 - PostgreSQL's own way
                outer = hashlib.md5(inner.encode() + rest[:4]).hexdigest()  # noqa: S324 - the same
                self._send(b"p", f"md5{outer}\0".encode())
            case 10 if MECHANISM.encode() in rest.split(b"\0"):
                exchange = Scram(password)
                first = exchange.first()
                self._send(b"p", f"{MECHANISM}\0".encode() + struct.pack("!I", len(first)) + first)
            case 11 if exchange is not None:
                self._send(b"p", exchange.second(rest.decode()))
            case _:
                raise Said("28000", f"it asks for a way to log in that is not known here ({how})")
        return exchange

    def _send(self, kind: bytes, content: bytes) -> None:
        self._writer.write(framed(kind, content))

    async def _frame(self) -> tuple[bytes, bytes]:
        self._frames += 1
        if self._frames > MOST:
            raise NotPostgres(f"an answer of more than {MOST:,} frames")
        kind = await self._read(1)
        # The length counts itself but not the type.
        [length] = struct.unpack("!I", await self._read(4))
        if kind[0] not in _KNOWN or not SMALLEST <= length <= LARGEST:
            raise NotPostgres(f"a frame of type {kind!r} and {length} bytes")
        content = await self._read(length - 4)
        if kind == b"E":
            raise error_of(content)
        return kind, content

    async def _read(self, count: int) -> bytes:
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the server closed the connection") from error


def framed(kind: bytes, content: bytes) -> bytes:
    """Return a message of the protocol."""
    return kind + struct.pack("!I", len(content) + 4) + content


def row_of(content: bytes) -> Row:
    """Read a row; NotPostgres when its lengths don't hold or a value is no text."""
    try:
        [count] = struct.unpack_from("!H", content)
        at, row = 2, Row()
        for _ in range(count):
            [length] = struct.unpack_from("!i", content, at)
            at += 4
            # -1 stands for NULL; no bytes follow it.
            row.append(None if length == -1 else content[at : at + length].decode())
            at += max(length, 0)
            if length < -1 or at > len(content):
                raise NotPostgres("a row whose lengths don't hold")
    except (struct.error, UnicodeDecodeError) as error:
        raise NotPostgres(f"a row that can't be read: {error}") from error
    return row


def error_of(content: bytes) -> Said:
    """Read an error; what it leaves out is told as unknown."""
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in content.split(b"\0") if part}
    return Said(fields.get(b"C", "?????")[:5], fields.get(b"M", "")[:200], fields.get(b"R", "")[:80])
