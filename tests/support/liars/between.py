"""The liar: it lies between faildrill and a real server, passes what is honest on, and lies about the rest."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from support.liars.lies import Lie

Meddle = Callable[[], Awaitable[object]]
Where = Path | int
"""A Unix socket, or a port of this host."""
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Wire:
    """How a server is spoken to: one request, one answer, and which requests change something."""

    request: Callable[[asyncio.StreamReader], Awaitable[bytes]]
    """Reads one request; empty at the end."""
    answer: Callable[[asyncio.StreamReader], Awaitable[bytes]]
    changes: Callable[[bytes], bool]
    other: Callable[[bytes], bytes]
    """The same request, to another member."""
    yes: bytes
    no: bytes
    keeps: bool = False
    """A connection takes more than one request."""
    hello: Callable[[Line, Line], Awaitable[None]] | None = None
    """What both sides say before the first request: passed on as it is."""
    pretended: Callable[[bytes, bytes], bytes] | None = None
    """An answer to a look as it would be if this changing request had been done; None where it can't be made up."""


@dataclass
class Liar:
    """One liar, for one step and its undo. `real` and `another` are where two real servers listen."""

    lie: Lie
    wire: Wire
    real: Where
    another: Where
    meddle: Meddle
    asked: list[bytes] = field(default_factory=list)
    """The changing requests that faildrill has made."""
    _read: dict[bytes, list[bytes]] = field(default_factory=dict)
    _looks: int = 0
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _lines: list[dict[Where, Line]] = field(default_factory=list)
    """The connections to those behind, of each connection to it."""
    _serving: set["asyncio.Task[object]"] = field(default_factory=set)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        lines: dict[Where, Line] = {}
        self._lines.append(lines)
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(OSError, EOFError):
                await self._serve(reader, writer, lines)
        finally:
            self._serving.discard(task)
            writer.transport.abort()
            if not self._tasks:  # what comes late, comes over them
                _let_go(lines)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lines: dict[Where, Line]
    ) -> None:
        if self.wire.hello is not None:
            lines[self.real] = await opened(self.real)
            await self.wire.hello((reader, writer), lines[self.real])
        while request := await self.wire.request(reader):
            if self.wire.changes(request):
                self.asked.append(request)
                await self._change(request, (reader, writer), lines)
            else:
                writer.write(await self._look(request, lines))
                await writer.drain()
            if not self.wire.keeps:
                writer.close()
                await writer.wait_closed()
                return

    async def _change(self, request: bytes, line: Line, lines: dict[Where, Line]) -> None:
        _, writer = line
        number = len(self.asked)
        lie = self.lie if number == self.lie.about else Lie("honest", frozenset())
        where = self._behind(number)
        if lie.operator == "before the request" or (self.lie.operator == "before the undo" and number == 2):
            await self.meddle()
        if lie.late:
            self._later(self._done(request, lie, where, lines), lie.late)
            said = self.wire.yes
        else:
            said = await self._done(request, lie, where, lines)
        if lie.operator == "in mid-step":
            self._later(self._meddled(), 1.0)
        await _say(writer, lie, said, self.wire)

    async def _done(self, request: bytes, lie: Lie, where: Where, lines: dict[Where, Line]) -> bytes:
        said = self.wire.yes
        targets = {"ours": [request], "other": [self.wire.other(request)], "both": [request, self.wire.other(request)]}
        for one in targets[lie.to] * lie.times:
            said = await self.forward(one, where, lines)
        return said

    async def _meddled(self) -> bytes:
        await self.meddle()
        return b""

    def _later(self, what: Awaitable[bytes], seconds: float) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            await what

        task = asyncio.create_task(later())
        self._tasks.add(task)

    async def _look(self, request: bytes, lines: dict[Where, Line]) -> bytes:
        self._looks += 1
        said = await self.forward(request, self._behind(len(self.asked)), lines)
        if self.lie.reads == "as it was told" and self.asked and self.wire.pretended:
            return self.wire.pretended(said, self.asked[-1])
        before = self._read.setdefault(request, [])
        if not self.asked:
            before.append(said)
        is_stale = self.lie.reads == "stale" or (self.lie.reads == "alternating" and self._looks % 2)
        return before[-1] if before and self.asked and is_stale else said

    def _behind(self, number: int) -> Where:
        """Return who is behind the address now."""
        if self.lie.behind == "one after the other":
            self._looks += 1
            return (self.real, self.another)[self._looks % 2]
        return self.another if self.lie.behind == "another from the undo on" and number >= 2 else self.real

    async def forward(self, request: bytes, where: Where, lines: dict[Where, Line]) -> bytes:
        """Pass a request on and return the answer; over the connection that is kept, where one is."""
        known = lines if self.wire.keeps else {}
        reader, writer = known.get(where) or await opened(where)
        known[where] = reader, writer
        try:
            writer.write(request)
            return await self.wire.answer(reader)
        finally:
            if known is not lines:
                writer.close()

    async def settle(self) -> None:
        """Wait until all that comes late has come, and end what still serves."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for lines in self._lines:
            _let_go(lines)


@contextlib.asynccontextmanager
async def between(liar: Liar, path: Path | None = None) -> AsyncIterator[int]:
    """Have a liar listen on a socket, or on a free port of this host, which is given."""
    if path is not None:
        server: asyncio.Server = await asyncio.start_unix_server(liar.handle, path)
    else:
        server = await asyncio.start_server(liar.handle, "127.0.0.1", 0)
    try:
        yield 0 if path is not None else server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await liar.settle()


def _let_go(lines: dict[Where, Line]) -> None:
    for _, one in lines.values():
        one.transport.abort()
    lines.clear()


async def opened(where: Where) -> Line:
    """Connect to one of the servers."""
    if isinstance(where, int):
        return await asyncio.open_connection("127.0.0.1", where)
    return await asyncio.open_unix_connection(where)


async def _say(writer: asyncio.StreamWriter, lie: Lie, said: bytes, wire: Wire) -> None:
    words = {"honest": said, "yes": wire.yes, "no": wire.no, "garbage": b"\x00\xff" * 150, "closed": b""}
    if lie.answer == "silence":
        await asyncio.sleep(60)
    whole = words.get(lie.answer, said)
    writer.write(whole[: max(1, len(whole) // 2)] if lie.answer == "half" else whole)
    await writer.drain()
