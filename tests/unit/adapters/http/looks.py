"""Looks over HTTP at raw bytes from a real socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import JsonValue

from faildrill.adapters.http.request import Request
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen

GIVEN = CallContext(run="run-1", timeout=1.0, every=0.1)


@asynccontextmanager
async def saying(answer: bytes, trust: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve these bytes to whoever asks, and then hang up; gives the port and what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=trust)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


def look(answer: bytes, **params: JsonValue) -> Seen:
    async def scene() -> Seen:
        async with saying(answer) as (port, _):
            probe = Request.model_validate({"url": f"http://127.0.0.1:{port}/", **params})
            try:
                return await probe.look(GIVEN)
            finally:
                await probe.close()

    return asyncio.run(scene())
