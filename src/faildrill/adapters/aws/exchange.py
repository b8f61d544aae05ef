"""One HTTP request over a connection of its own: was any of it sent, and what came back, within a deadline and a size.

botocore has no deadline for a whole request (its timeout is for each piece of an answer, and a byte a second never
ends), reads answers of any size, and does not say of an error whether the request had left. A handler of its event
`before-send` may answer instead, which is what this is for.
"""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

import botocore

from faildrill.errors import reason
from faildrill.system.resolver import refuse_itself
from faildrill.toolkit.connection_errors import why_silent

LARGEST: Final = 4 << 20
"""Bytes of an answer that are read: a page of RDS has at most a hundred entries of some KB."""
_PIECE: Final = 1 << 16
_HTTPS: Final = 443
_HTTP: Final = 80
S = TypeVar("S", bound=socket.socket)


class Request(Protocol):
    """What botocore has made and signed."""

    method: str
    url: str
    headers: Any
    body: Any


class NoConnection(OSError):
    """No connection was made, or none that is encrypted as it must be: nothing was sent."""


class NoAnswer(OSError):
    """Something was sent, and no whole answer came."""


class _Body:
    """What was read of an answer, as botocore asks for it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        """Yield it, whole."""
        yield self._content


class Exchange:
    """One call of the API, made in a thread; whoever waits for it may end it at any moment from another one."""

    def __init__(self, within: float = 0.0) -> None:
        self.begin(within)
        self._lock = threading.Lock()
        self._open: socket.socket | None = None
        self._is_over = False
        self.is_sent = False
        """Whether anything of a request may have left."""
        self.status = 0
        """Of the last answer whose head came."""
        self.sent = 0
        """When the last request began to leave (monotonic ns); 0 where none did."""
        self.answered = 0
        """When the last answer was read."""
        self.date = ""
        """What its header `Date` says."""

    def begin(self, within: float) -> None:
        """Count its time, float seconds, from now on."""
        self._deadline = time.monotonic() + within

    def end(self) -> None:
        """Have whatever blocks in the thread fail at once."""
        with self._lock:
            self._is_over = True
            if self._open is not None:
                with contextlib.suppress(OSError):
                    self._open.shutdown(socket.SHUT_RDWR)

    def make(self, request: Request) -> "botocore.awsrequest.AWSResponse":
        """Make a request; NoConnection where nothing was sent, NoAnswer where that is open."""
        where = urlsplit(request.url)
        with self._connected(where.scheme, where.hostname or "", where.port) as connection:
            self._leave()
            try:
                return self._asked(connection, request)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise NoAnswer(self._why(error)) from error
            finally:
                self.answered = time.monotonic_ns()

    @contextlib.contextmanager
    def _connected(self, scheme: str, host: str, port: int | None) -> Iterator[http.client.HTTPConnection]:
        port = port or (_HTTPS if scheme == "https" else _HTTP)
        connection = http.client.HTTPConnection(host, port)
        try:
            plain = self._hold(socket.create_connection((host, port), self._left()))
            refuse_itself(plain)
            connection.sock = self._encrypted(plain, host) if scheme == "https" else plain
        except OSError as error:
            self._close()
            raise NoConnection(self._why(error)) from error
        try:
            yield connection
        finally:
            self._close()

    def _encrypted(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        # Held before the handshake, so that a silent one can be ended, too.
        made = self._hold(_context().wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False))
        made.do_handshake()
        return made

    def _asked(self, connection: http.client.HTTPConnection, request: Request) -> "botocore.awsrequest.AWSResponse":
        where = urlsplit(request.url)
        path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        connection.putrequest(request.method, path, skip_host="Host" in request.headers, skip_accept_encoding=True)
        for name, value in request.headers.items():
            connection.putheader(name, value)
        connection.putheader("Connection", "close")
        body = request.body.encode() if isinstance(request.body, str) else request.body
        connection.endheaders(body)
        answer = connection.getresponse()
        self.status, self.date = answer.status, answer.headers.get("Date", "")
        # Of botocore all is loaded by the time that it sends something.
        return botocore.awsrequest.AWSResponse(
            request.url, answer.status, answer.headers.items(), _Body(self._read(answer))
        )

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        pieces, size = [], 0
        while piece := answer.read(_PIECE):
            size += len(piece)
            if size > LARGEST:
                raise http.client.HTTPException(f"the answer is longer than {LARGEST >> 20} MB")
            pieces.append(piece)
            self._left()
        if answer.length:  # what is still expected: `read` of so many bytes tells no end that came too early
            raise http.client.HTTPException("the answer was cut off")
        return b"".join(pieces)

    def _hold(self, made: S) -> S:
        with self._lock:
            self._open = made
        made.settimeout(self._left())
        return made

    def _leave(self) -> None:
        """Take note that something leaves from here on; after `end` nothing does."""
        with self._lock:
            if self._is_over:
                raise NoConnection("timed out")
            self.is_sent, self.sent = True, time.monotonic_ns()

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if self._is_over or left <= 0:
            raise TimeoutError("timed out")
        return left

    def _close(self) -> None:
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _why(self, error: Exception) -> str:
        if self._is_over or isinstance(error, TimeoutError):
            return "timed out"
        if isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead):
            return "the connection ended before the whole answer came"
        if isinstance(error, OSError):
            return why_silent(error)
        return f"no answer of HTTP: {reason(error)}"


_current: Final[ContextVar[Exchange]] = ContextVar("the exchange of this thread")


@contextlib.contextmanager
def through(exchange: Exchange) -> Iterator[None]:
    """Make what botocore sends within this block, in this thread, through an exchange."""
    token = _current.set(exchange)
    try:
        yield
    finally:
        _current.reset(token)


def before_send(request: Request, **_: object) -> "botocore.awsrequest.AWSResponse":
    """Send instead of botocore: a handler of its event `before-send`."""
    return _current.get().make(request)


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()
