"""A small HTTP server that notes when each request arrives: the one clock by which all tools are measured alike.

Run as a program it prints its port, then answers each line on stdin with the arrivals since the last, in monotonic ns.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

import uvloop

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nall good"


class Arrivals:
    """The server, seen from a measurement."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.port = int(self._read())

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}/"

    def taken(self) -> list[int]:
        """Return when requests arrived since this was asked last."""
        assert self._process.stdin  # noqa: S101 - it is a pipe
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        found: list[int] = json.loads(self._read())
        return found

    def _read(self) -> str:
        assert self._process.stdout  # noqa: S101 - it is a pipe
        return self._process.stdout.readline()


@contextmanager
def arrivals() -> Iterator[Arrivals]:
    """Serve while the block runs, in front of others where that is allowed, so that the notes are true."""
    command = [sys.executable, "-m", "benchmarks.arrivals"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(1))
        try:
            yield Arrivals(process)
        finally:
            process.kill()


class _Connection(asyncio.Protocol):
    def __init__(self, noted: list[int]) -> None:
        self._noted = noted
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        for _ in range(data.count(b"\r\n\r\n")):
            self._noted.append(now)
            if self._transport:
                self._transport.write(_ANSWER)


async def _serve() -> None:
    noted: list[int] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(noted), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        sys.stdout.write(f"{json.dumps(noted)}\n")
        sys.stdout.flush()
        noted.clear()


if __name__ == "__main__":
    uvloop.run(_serve())
