"""The links between the database nodes: a TCP proxy that can be cut, blackholed or delayed without rights."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, get_args

from faildrill.lab.reservations import LOOPBACK

Mode = Literal["open", "cut", "blackhole", "delay"]
MODES = get_args(Mode)
_CHUNK = 65536
_LOST = (ConnectionError, TimeoutError, OSError)


@dataclass
class Link:
    """The way by which other nodes reach one node's PostgreSQL.

    `open` passes everything; `cut` resets every connection and refuses new ones; `blackhole` keeps connections,
    takes new ones and passes nothing until it is opened again, when what was held is passed; `delay` passes
    everything `delay_ms` later, each way.
    """

    name: str
    port: int
    to_port: int
    mode: Mode = "open"
    delay_ms: int = 0
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _passing: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Begin to listen."""
        await self.set(self.mode, self.delay_ms)

    async def set(self, mode: Mode, delay_ms: int = 0) -> None:
        """Change what the link does, now, for the connections that exist and for new ones."""
        self.mode, self.delay_ms = mode, delay_ms if mode == "delay" else 0
        if mode == "blackhole":
            self._passing.clear()
        else:
            self._passing.set()
        if mode == "cut":
            await self.close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def close(self) -> None:
        """Refuse new connections and reset those that exist."""
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
                    if not piece:
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
            await pieces.put((loop.time() + self.delay_ms / 1000, piece))
