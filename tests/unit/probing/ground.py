"""A small HTTP server that goes dark on command and tells exactly when: the truth that a prober is measured against.

Run as a program it reads commands from stdin, one JSON object a line, and answers each with one line:
`{"mode": M, "for": SECONDS}` is in mode M for that long and says `{"began": [a, b], "ended": [c, d]}`: the change to M
happened between the monotonic moments a and b, the change back to `good` between c and d. Without `for` it stays.
"""

import asyncio
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO, Literal

Mode = Literal[
    "good",
    "refused",
    "reset",
    "silent",
    "held",
    "500",
    "one of three",
    "one of three fails",
    "drip",
    "endless",
    "hang up",
    "slow",
]
SLOWLY = 0.01
BACKLOG = 256
RESETTING = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Dark:
    """When it was dark, in monotonic ns: from within `began` to within `ended`."""

    began: tuple[int, int]
    ended: tuple[int, int]

    @property
    def surely(self) -> tuple[int, int]:
        """From and to when it was dark, beyond doubt."""
        return self.began[1], self.ended[0]

    @property
    def perhaps(self) -> tuple[int, int]:
        """The widest that it can have been dark."""
        return self.began[0], self.ended[1]


class Ground:
    """The server, seen from a test."""

    def __init__(self, process: "Popen[bytes]", stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.process = process
        self._in, self._out = stdin, stdout
        self.port = int(json.loads(stdout.readline())["port"])

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}/"

    def dark(self, mode: Mode, seconds: float) -> Dark:
        """Go dark for so long; return when it is over."""
        said = self._tell({"mode": mode, "for": seconds})
        return Dark(tuple(said["began"]), tuple(said["ended"]))  # type: ignore[arg-type]

    def turn(self, mode: Mode) -> None:
        """Go into a mode for good."""
        self._tell({"mode": mode})

    def count(self, what: Literal["requests", "connections"]) -> int:
        """Tell how many there were so far."""
        return self._tell({"count": what})["count"][0]

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Be stopped by a signal while the block runs."""
        self.process.send_signal(signal.SIGSTOP)
        self._await_state("T")
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stopped(self, seconds: float, backlog: int | None = None) -> Dark:
        """Be stopped by a signal for so long; return when it goes on.

        With a `backlog` of a few, the queue of connections is soon full, and the kernel drops every other SYN.
        """
        if backlog is not None:
            self._tell({"backlog": backlog})
        first = time.monotonic_ns()
        with self.hung():
            began = (first, time.monotonic_ns())
            time.sleep(seconds)
            last = time.monotonic_ns()
        self._tell({"mode": "good", "backlog": BACKLOG})
        return Dark(began, (last, time.monotonic_ns()))

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def _await_state(self, state: str) -> None:
        while Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != state:
            time.sleep(0.0001)

    def _tell(self, command: dict[str, object]) -> dict[str, list[int]]:
        self._in.write(json.dumps(command).encode() + b"\n")
        self._in.flush()
        said: dict[str, list[int]] = json.loads(self._out.readline())
        return said


@contextmanager
def ground(port: int = 0) -> Iterator[Ground]:
    """Serve while the block runs."""
    command = [sys.executable, __file__, str(port)]
    with Popen(command, stdin=PIPE, stdout=PIPE, env={"PATH": os.environ["PATH"]}) as process:
        with suppress(PermissionError):  # what it says of itself should be true on a busy machine, too
            os.sched_setscheduler(process.pid, os.SCHED_RR, os.sched_param(1))
        assert process.stdin
        assert process.stdout
        try:
            yield Ground(process, process.stdin, process.stdout)
        finally:
            process.kill()


class _Server:
    """What runs in the process."""

    def __init__(self, port: int) -> None:
        self.mode: Mode = "good"
        self.held: list[_Connection] = []
        self.connections: set[_Connection] = set()
        self.counts = {"requests": 0, "connections": 0}
        self.port = port
        self._listener: asyncio.Server | None = None

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", self.port, reuse_address=True, backlog=BACKLOG
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def turn(self, mode: Mode) -> tuple[int, int]:
        before = time.monotonic_ns()
        self.mode = mode
        if mode == "refused" and self._listener:
            self._listener.close()
            self._listener = None
            for one in list(self.connections):
                one.reset()
        elif mode != "refused" and self._listener is None:
            await self.listen()
        if mode == "hang up":
            self.hang_up()
        if mode == "good":
            held, self.held = self.held, []
            for one in held:
                one.answer(200, "s1")
        return before, time.monotonic_ns()

    def hang_up(self) -> None:
        for one in list(self.connections):
            if one.transport:
                one.transport.close()
        self.mode = "good"

    async def obey(self, command: dict[str, object]) -> dict[str, object]:
        if "count" in command:
            return {"count": [self.counts[str(command["count"])]]}
        if isinstance(backlog := command.get("backlog"), int) and self._listener:
            with socket.socket(fileno=os.dup(self._listener.sockets[0].fileno())) as listening:
                listening.listen(backlog)  # of one that listens already, it changes the length of the queue
            if "mode" not in command:
                return {}
        began = await self.turn(command["mode"])  # type: ignore[arg-type]
        seconds = command.get("for")
        if not isinstance(seconds, float):
            return {"began": began}
        await asyncio.sleep(seconds)
        return {"began": began, "ended": await self.turn("good")}


class _Connection(asyncio.Protocol):
    def __init__(self, server: _Server) -> None:
        self._server = server
        self.transport: asyncio.Transport | None = None
        self._drip: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.connections.add(self)
        self._server.counts["connections"] += 1

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.connections.discard(self)
        if self._drip:
            self._drip.cancel()

    def data_received(self, data: bytes) -> None:
        self._closing = b"Connection: close" in data
        server = self._server
        server.counts["requests"] += 1
        if server.mode in ("good", "500"):
            self.answer(500 if server.mode == "500" else 200, "s1")
        elif server.mode in ("one of three", "one of three fails") and server.counts["requests"] % 3:
            self.answer(200, f"s{server.counts['requests'] % 3}")
        elif server.mode == "one of three fails":
            self.answer(500, "s0")
        elif server.mode in ("reset", "refused"):  # refused: it was accepted just before the listener was closed
            self.reset()
        elif server.mode == "slow":
            asyncio.get_running_loop().call_later(SLOWLY, self.answer, 200, "s1")
        elif server.mode == "held":
            server.held.append(self)
        elif server.mode in ("drip", "endless"):
            self._drip = asyncio.get_running_loop().create_task(self._pour(server.mode))

    def answer(self, status: int, who: str) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        close = "Connection: close\r\n" if self._closing else ""
        head = f"HTTP/1.1 {status} Whatever\r\nX-Server: {who}\r\n{close}Content-Length: 8\r\n\r\n"
        self.transport.write(head.encode() + b"all good")
        if self._closing:
            self.transport.close()

    def reset(self) -> None:
        if self.transport:
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
            self.transport.abort()

    async def _pour(self, mode: Mode) -> None:
        assert self.transport
        self.transport.write(b"HTTP/1.1 200 OK\r\nX-Server: s1\r\n\r\n")
        while True:
            self.transport.write(b"." if mode == "drip" else b"." * 65536)
            await asyncio.sleep(0.05 if mode == "drip" else 0.0005)


async def _serve(port: int) -> None:
    server = _Server(port)
    await server.listen()
    print(json.dumps({"port": server.port}), flush=True)  # noqa: T201 - the protocol with the test
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(await server.obey(json.loads(line))), flush=True)  # noqa: T201 - the protocol with the test


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
