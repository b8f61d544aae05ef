"""Real receivers of notices on loopback, good and bad ones."""

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

HIDDEN: Final = "a-secret-path-of-the-hook"


class Hook:
    """A real web hook, which may refuse; it keeps what it is sent, and what `then` finds at that moment."""

    def __init__(self, status: int = 200, then: Callable[[], Any] = lambda: None) -> None:
        self.got: list[dict[str, str]] = []
        self.found: list[Any] = []
        hook = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                hook.found.append(then())
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"json://127.0.0.1:{self.server.server_port}/{HIDDEN}"


class Mailbox(socketserver.ThreadingTCPServer):
    """A real receiver of mail, as far as a mail needs it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.mails: list[str] = []
        self.url = f"mailto://127.0.0.1:{self.server_address[1]}/?from=drills@example.com&to=sre@example.com"


class Talk(socketserver.StreamRequestHandler):
    """One connection to it, as RFC 5321 has it."""

    server: Mailbox

    def handle(self) -> None:
        self._say("220 here")
        for line in self.rfile:
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                self.server.mails.append("".join(self._mail()))
            self._say("221 bye" if verb == b"QUIT" else "250 well")

    def _mail(self) -> Iterator[str]:
        for line in self.rfile:
            if line == b".\r\n":
                return
            yield line.decode()

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def dripping() -> Iterator[str]:
    """A receiver that answers a byte now and then and never ends: no time limit of a socket sees anything wrong."""
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip() -> None:
        taken, _ = listening.accept()
        with taken:
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not over.wait(0.2):
                try:
                    taken.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    try:
        yield f"json://127.0.0.1:{listening.getsockname()[1]}/{HIDDEN}"
    finally:
        over.set()
        listening.close()
