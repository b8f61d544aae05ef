"""One connection to a MariaDB server, in threads that nobody waits for; its socket timeouts are below any deadline."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self

import pymysql
from pymysql.cursors import DictCursor

from faildrill.adapters.mariadb.target import MariaDB, MariaDBMember
from faildrill.ports import causes
from faildrill.ports.target import Encryption
from faildrill.record.samples import Outcome
from faildrill.secrets import SecretReference
from faildrill.system.resolver import refuse_itself, telling
from faildrill.system.threads import aside
from faildrill.toolkit import tls
from faildrill.toolkit.connection_errors import Silence, why_silent

Row = dict[str, Any]
_CLIENT: Final = range(2000, 3000)
"""Numbers of errors that the client found, not the server."""
_GARBAGE: Final = (ValueError, LookupError, AssertionError, struct.error, TypeError)
"""What the client raises on bytes that are no answer."""


class Said(OSError):
    """The server refused a statement; `code` is the number of its error."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"{words} ({code})")
        self.code = code


class NotMariaDB(OSError):
    """What answered does not speak the protocol."""


class Login(NamedTuple):
    """Where to connect to, and as whom."""

    host: str
    port: int
    user: str
    password: SecretReference | None
    database: str
    how: Encryption = Encryption()


def as_user(mariadb: MariaDB, member: MariaDBMember) -> Login:
    """Return how to log in to a server as the application does."""
    return Login(member.host, member.port, mariadb.user, mariadb.password, mariadb.database, mariadb)


def as_admin(mariadb: MariaDB, member: MariaDBMember) -> Login:
    """Return how to log in to a server as who may tell it what to do."""
    return Login(member.host, member.port, mariadb.admin, mariadb.admin_password, mariadb.database, mariadb)


class Talk:
    """A connection that is logged in; one statement at a time, each its own transaction. Every failure is an OSError.

    Whoever gives up on a statement ends the connection: what it still does, it does for nobody.
    """

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - pymysql is untyped
        self._connection = connection

    @classmethod
    async def begin(cls, login: Login, within: float) -> Self:
        """Connect and log in; UnresolvedSecret when the password can't be had."""
        password = login.password.resolve().reveal() if login.password else ""

        loop = asyncio.get_running_loop()
        infos = await loop.getaddrinfo(login.host, login.port, type=socket.SOCK_STREAM)

        def connect() -> Any:  # noqa: ANN401 - pymysql is untyped
            checks = tls.context(login.how)
            connection = pymysql.connect(
                host=login.host,
                port=login.port,
                user=login.user,
                password=password,
                database=login.database,
                connect_timeout=within,
                read_timeout=within,
                write_timeout=within,
                autocommit=True,
                ssl=checks,
                ssl_disabled=checks is None,  # left to itself, it would read all authorities at every connect
                cursorclass=DictCursor,
                defer_connect=True,
            )
            connection.connect(_connected([where for *_, where in infos], within))
            return connection

        return cls(await aside(lambda: _carried(connect)))

    @property
    def is_over(self) -> bool:
        """Whether it was ended, as far as is known."""
        return not self._connection.open

    @property
    def id(self) -> int:
        """The number by which the server knows it."""
        return int(self._connection.thread_id())

    async def ask(self, statement: str, *values: str | float) -> list[Row]:
        """Send a statement, once, and return its rows; Said when it is refused, and the connection goes on then."""

        def execute() -> list[Row]:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, values or None)
                return list(cursor.fetchall())

        return await aside(lambda: _carried(execute))

    def end(self) -> None:
        """Cut the connection, also under a statement that is under way."""
        with suppress(OSError, AttributeError):
            self._connection._sock.shutdown(2)  # noqa: SLF001 - `close` would wait for the thread's lock on its file
        with suppress(OSError, pymysql.Error):
            self._connection._force_close()  # noqa: SLF001 - `close` alone says goodbye, and may block


def _connected(addresses: list[tuple[Any, ...]], within: float) -> socket.socket:
    """Connect to the first address that takes it, having float seconds for each; blocks.

    The client's own way would ask for the name once more, in this thread, which nothing bounds.
    """
    errors: list[OSError] = []
    for host, port, *_ in addresses:
        try:
            connection = socket.create_connection((host, port), within)
        except OSError as error:
            errors.append(error)
            continue
        try:
            refuse_itself(connection)
        except ConnectionRefusedError as error:
            connection.close()
            errors.append(error)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connection
    raise telling(errors)


def _carried(work: Any) -> Any:  # noqa: ANN401 - what it is given, and what that returns
    """Do something with the client, and tell what goes wrong as an OSError."""
    try:
        return work()
    except pymysql.Error as error:
        raise _translated(error) from error
    except _GARBAGE as error:
        raise NotMariaDB("garbage") from error


def _translated(error: "pymysql.Error") -> OSError:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    words = str(error.args[-1]) if error.args else type(error).__name__
    if code and code not in _CLIENT:
        return Said(code, words)
    if "SSL is required but the server doesn't support it" in words:
        return tls.NoTLS(words)
    cause = getattr(error, "original_exception", None) or error.__context__
    if isinstance(cause, OSError):
        return cause
    if isinstance(error, pymysql.InternalError) or not code:
        return NotMariaDB("garbage")
    return TimeoutError(words) if "timed out" in words else ConnectionResetError(words)


READ_ONLY: Final = 1290
ENDINGS: Final = (1053, 1927)
"""Numbers of errors by which a server ends a connection: it shuts down, or was told to."""
OF_THE_ASKER: Final = {
    1129: "blocks this host",
    1203: "too many connections of its user",
    1226: "the limit of its user is reached",
}
"""Refusals about who asks, not about the server: its host's errors, its user's limits."""
_CODES: Final = {
    **OF_THE_ASKER,
    READ_ONLY: "read-only",
    1040: causes.FULL,
    1044: causes.NO_RIGHT,
    1045: causes.LOGIN,
    1049: causes.NO_DATABASE,
    1130: causes.NO_HOST,
    1142: causes.NO_RIGHT,
    1143: causes.NO_RIGHT,
    1146: causes.NO_TABLE,
    1227: causes.NO_RIGHT,
    1698: causes.LOGIN,
    3159: causes.WANTS_TLS,
}


def what_to_do(words: str, login: Login) -> str:
    """Tell what to do about why a server told nothing; MariaDB says to who comes unencrypted what it says to liars."""
    known = causes.what_to_do(words, f"{login.host}:{login.port}", login.user, login.database)
    if words == causes.LOGIN and not login.how.tls:
        return f"{known}; and whether the server asks for TLS: `tls: true`"
    return known or "see that it runs, and that address, user, password and `tls` are right"


def in_words(error: BaseException) -> str:
    """Tell how a server failed to answer, in a word or two that repeat."""
    if isinstance(error, Said):
        words = _CODES.get(error.code, f"error {error.code}")
        return Silence.of(Outcome.THROTTLED, words) if error.code in OF_THE_ASKER else words
    return why_silent(error, ((NotMariaDB, causes.GARBAGE),))
