"""What a client of the API gets to see: an answer whole, or what is there instead of it."""

import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

_LINGER: Final = struct.pack("ii", 1, 0)
"""Closing resets the connection (socket(7), SO_LINGER)."""
_LONGEST: Final = 300.0
"""Seconds for which a client that waits is kept waiting."""
_BLOCK: Final = b" " * 4096
_ERROR: Final = (
    "<ErrorResponse><Error><Type>{type}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
)
_LOGIN: Final = "<!DOCTYPE html><html><title>Sign in</title><form method=post><input name=user></form></html>"


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = "text/xml"
    headers: tuple[tuple[str, str], ...] = ()

    def wire(self) -> bytes:
        """Return it as it is sent."""
        phrase = HTTPStatus(self.status).phrase
        headers = [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
            *self.headers,
        ]
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"HTTP/1.1 {self.status} {phrase}\r\n{lines}\r\n".encode("latin-1") + self.body


def error(status: int, code: str, message: str) -> Answer:
    """Return an error as a service of the query protocol tells it."""
    kind = "Receiver" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "Sender"
    return Answer(status, _ERROR.format(type=kind, code=code, message=message).encode())


INSTEAD: Final[dict[str, Answer]] = {
    "500": error(500, "InternalFailure", "An internal error has occurred. Please try your query again later."),
    "503": error(503, "ServiceUnavailable", "Service Unavailable. Please try again shortly."),
    "throttled": error(400, "Throttling", "Rate exceeded"),
    "html": Answer(200, _LOGIN.encode(), "text/html"),
}
"""Another answer than the true one."""


def send(connection: socket.socket, answer: Answer, how: str) -> None:
    """Send an answer as it is, or what is sent instead; a client that has gone away is no error."""
    with suppress(OSError):
        WAYS.get(how, _whole)(connection, INSTEAD.get(how, answer))


def _whole(connection: socket.socket, answer: Answer) -> None:
    connection.sendall(answer.wire())


def _reset(connection: socket.socket, _: Answer) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)


def _closed(connection: socket.socket, _: Answer) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _silent(connection: socket.socket, _: Answer) -> None:
    connection.settimeout(_LONGEST)
    connection.recv(1)


def _dripping(connection: socket.socket, answer: Answer) -> None:
    for byte in answer.wire():
        connection.sendall(bytes([byte]))
        time.sleep(1)


def _half(connection: socket.socket, answer: Answer) -> None:
    wire = answer.wire()
    connection.sendall(wire[: len(wire) - len(answer.body) // 2])


def _endless(connection: socket.socket, answer: Answer) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n" + answer.body)
    until = time.monotonic() + _LONGEST
    while time.monotonic() < until:
        connection.sendall(_BLOCK)
        time.sleep(0.05)


WAYS: Final[dict[str, Callable[[socket.socket, Answer], None]]] = {
    "reset": _reset,
    "closed": _closed,
    "silent": _silent,
    "dripping": _dripping,
    "half": _half,
    "endless": _endless,
}
"""How else an answer is sent than whole."""
