"""Metrics over HTTP, in the format that the reader asks for; nothing else is served there."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

import click

from faildrill.cli.options import address
from faildrill.errors import FaildrillError, WrongUsage, reason
from faildrill.system import redaction

PATH: Final = "/metrics"
_OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_OLDER: Final = "text/plain; version=0.0.4; charset=utf-8"
_PLAIN: Final = "text/plain; charset=utf-8"
_PATIENCE: Final = 10.0
"""Seconds for a reader to ask, and to take the answer."""
_ENDS: Final = {signal.SIGINT, signal.SIGTERM}
Made = Callable[[], bytes]


def serve(listen: str, made: Made) -> None:
    """Serve what is made at /metrics until a signal ends it; WrongUsage where it can't listen."""
    host, port = address(listen)
    with _ended_by_signals() as ending, _opened(host, port, made) as server:
        there = f"[{host}]" if ":" in host else host
        click.echo(f"metrics at http://{there}:{server.server_port}{PATH}")
        serving = threading.Thread(
            target=server.serve_forever, args=(0.1,), daemon=True
        )  # looks ten times a second whether it is to end
        serving.start()
        ending.wait()
        server.shutdown()
    click.echo("ended as asked")


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """Give what is set by the signals that end a command."""
    ending = threading.Event()
    before = {number: signal.signal(number, lambda *_: ending.set()) for number in _ENDS}
    try:
        yield ending
    finally:
        for number, what in before.items():
            signal.signal(number, what)


def _opened(host: str, port: int, made: Made) -> ThreadingHTTPServer:
    try:
        return _Server(host, port, made)
    except OSError as error:
        raise WrongUsage(f"can't listen on {host}:{port}: {reason(error)}") from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, made: Made) -> None:
        self._alone = threading.Lock()
        self._made = made
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Reader)

    def text(self) -> bytes:
        """Make the metrics anew; one at a time, however many ask."""
        with self._alone:
            return self._made()


class _Reader(BaseHTTPRequestHandler):
    server: _Server
    timeout = _PATIENCE
    server_version = "faildrill"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the metrics; 503 and the reason where they can't be told."""
        if urlsplit(self.path).path != PATH:
            self._answer(HTTPStatus.NOT_FOUND, _PLAIN, f"metrics are at {PATH}\n".encode())
            return
        try:
            text = self.server.text()
        except FaildrillError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, _PLAIN, redaction.clean(f"{error}\n").encode())
            return
        is_new = "application/openmetrics-text" in self.headers.get("Accept", "")
        self._answer(HTTPStatus.OK, _OPEN_METRICS if is_new else _OLDER, text)

    def _answer(self, status: HTTPStatus, sort: str, text: bytes) -> None:
        with contextlib.suppress(OSError):  # a reader that is gone
            self.send_response(status)
            self.send_header("Content-Type", sort)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing: who reads is no news."""
