"""The links between the database nodes: a TCP proxy that can be cut, blackholed or delayed without rights."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, get_args

from faildrill.errors import FaildrillError
from faildrill.lab.core.port_reservations import LOOPBACK

Mode = Literal["open", "cut", "blackhole", "delay"]
MODES = get_args(Mode)
_CHUNK = 65536
_LOST = (ConnectionError, TimeoutError, OSError)


@dataclass
class Link:
    """The way by which other nodes reach one node's PostgreSQL.

    `open` passes everything; `cut` resets every connection and refuses new ones; `blackhole` keeps connections,
    takes new ones and passes nothing until it is opened again, when what was held is passed; `delay` passes
    everything `delay_ms` later, each way, each piece by up to `jitter_ms` more or less, in the order it came. A change
    may carry a time limit, after which the link opens by itself, whoever asked for it.
    """

    name: str
    port: int
    to_port: int
    mode: Mode = "open"
    delay_ms: int = 0
    jitter_ms: int = 0
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _limit: asyncio.TimerHandle | None = None
    _opening: asyncio.Task[None] | None = None
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _passing: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Begin to listen."""
        await self.set(self.mode, self.delay_ms, self.jitter_ms)

    def told(self) -> dict[str, str | int]:
        """Return what it does now."""
        return {"mode": self.mode, "delay_ms": self.delay_ms, "jitter_ms": self.jitter_ms}

    async def set(self, mode: Mode, delay_ms: int = 0, jitter_ms: int = 0, seconds: float | None = None) -> None:
        """Change what the link does, now, for the connections that exist and for new ones; for float seconds or longer.

        FaildrillError, with nothing changed, when the times make no sense.
        """
        if not 0 <= jitter_ms <= delay_ms:
            raise FaildrillError("a delay is no less than 0 ms, and its jitter no more than it")
        self._hold(seconds)
        async with self._changing:
            if mode != "cut" and self._server is None:
                self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
            self.mode = mode
            self.delay_ms, self.jitter_ms = (delay_ms, jitter_ms) if mode == "delay" else (0, 0)
            if mode == "blackhole":
                self._passing.clear()
            else:
                self._passing.set()
            if mode == "cut":
                self._shut()

    def _hold(self, seconds: float | None) -> None:
        """Open by itself after float seconds; an earlier limit counts no more."""
        for earlier in (self._limit, self._opening):
            if earlier is not None and earlier is not asyncio.current_task():
                earlier.cancel()
        self._limit = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._reopen)

    def _reopen(self) -> None:
        self._opening = asyncio.get_running_loop().create_task(self.set("open"))

    async def close(self) -> None:
        """Refuse new connections and reset those that exist, for good."""
        self._hold(None)
        self._shut()

    def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._passing.wait()
            onward_reader, onward = await asyncio.open_connection(LOOPBACK, self.to_port)
        except _LOST:
            self._drop(writer)
            return
        self._writers.add(onward)
        if self.mode == "cut":
            self._drop(writer, onward)
            return
        there = asyncio.create_task(self._pump(reader, onward))
        back = asyncio.create_task(self._pump(onward_reader, writer))
        try:
            await asyncio.gather(there, back)
        finally:
            there.cancel()
            back.cancel()
            self._drop(writer, onward)

    def _drop(self, *writers: asyncio.StreamWriter) -> None:
        for writer in writers:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one direction until it ends, each piece as late as the delay says; then end the other's reading."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=64)
        feeding = asyncio.create_task(self._feed(reader, pieces))
        loop = asyncio.get_running_loop()
        try:
            with suppress(*_LOST):
                while True:
                    due, piece = await pieces.get()
                    if due > loop.time():
                        await asyncio.sleep(due - loop.time())
                    await self._passing.wait()
                    if not piece:  # the other direction goes on until it ends, too: TCP closes each by itself
                        writer.write_eof()
                        return
                    writer.write(piece)
                    await writer.drain()
        finally:
            feeding.cancel()

    async def _feed(self, reader: asyncio.StreamReader, pieces: asyncio.Queue[tuple[float, bytes]]) -> None:
        loop = asyncio.get_running_loop()
        piece = b"first"
        while piece:
            try:
                piece = await reader.read(_CHUNK)
            except _LOST:
                piece = b""
            late = self.delay_ms + random.uniform(-self.jitter_ms, self.jitter_ms)  # noqa: S311 - no secret
            await pieces.put((loop.time() + late / 1000, piece))
