"""A TCP pipe that takes its time in each direction, as a network does: between a prober and a service far away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_Piece = tuple[float, bytes]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[_Piece] = asyncio.Queue()

    async def deliver() -> None:
        with suppress(OSError):
            while True:
                at, data = await under_way.get()
                await asyncio.sleep(at - loop.time())
                if not data:
                    break
                writer.write(data)
        writer.close()

    async def take() -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                under_way.put_nowait((loop.time() + delay, data))
        under_way.put_nowait((loop.time() + delay, b""))

    await asyncio.gather(take(), deliver())


@asynccontextmanager
async def far(port: int, delay: float = 0.015) -> AsyncIterator[int]:
    """Give a port that leads to another one of this host, each way taking float seconds."""
    pipes: set[asyncio.Task[object]] = set()

    async def both(near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(_pump(near, to_there, delay), _pump(there, to_near, delay))
        finally:
            to_there.transport.abort()
            to_near.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task: asyncio.Task[object] = asyncio.create_task(both(reader, writer))
        pipes.add(task)
        task.add_done_callback(pipes.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in pipes:
            one.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)
        await asyncio.sleep(0)  # what was aborted is closed in the next turn
