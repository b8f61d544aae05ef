"""A request that changes something is counted by a server that ends the connection and answers nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import pytest

from faildrill.adapters.patroni.changes import Call, tell
from faildrill.errors import OutcomeUnknown
from faildrill.toolkit.single_request import Once
from unit.adapters.patroni.two_nodes import declared


@asynccontextmanager
async def counting(came: list[str]) -> AsyncIterator[str]:
    """Serve nobody: note the verb of each request, and end the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        came.append(head.split(b" ", 1)[0].decode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def asked(verb: str, **how: Any) -> list[str]:
    came: list[str] = []
    async with counting(came) as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            async with session.request(verb, url, **how):
                pass
    return came


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "POST", "PATCH"])
def test_a_request_that_passes_it_is_sent_once(verb: str) -> None:
    assert asyncio.run(asked(verb, middlewares=(Once(),))) == [verb]


def test_the_library_by_itself_sends_what_it_calls_idempotent_twice() -> None:
    assert asyncio.run(asked("PUT")) == ["PUT", "PUT"]


@pytest.mark.parametrize("verb", ["POST", "PATCH", "PUT"])
def test_no_client_repeats_a_change_that_is_asked_of_patroni(verb: str) -> None:
    async def told() -> list[str]:
        came: list[str] = []
        async with counting(came) as url:
            with pytest.raises(OutcomeUnknown):
                await tell(declared(url, url), "pg1", Call(cast("Any", verb), "/config"), {}, 5.0)
        return came

    assert asyncio.run(told()) == [verb]
