"""The connection to a MariaDB, on small servers that answer as told."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from faildrill.adapters.mariadb.nodes import sighted
from faildrill.adapters.mariadb.promote import Promote
from faildrill.adapters.mariadb.status import Node
from faildrill.adapters.mariadb.succession import Sight
from faildrill.adapters.mariadb.target import MariaDB, MariaDBMember
from faildrill.kinds.call_context import CallContext


def of(port: int) -> MariaDB:
    member = MariaDBMember(name="m1", host="127.0.0.1", port=port)
    return MariaDB(name="m", database="d", user="u", admin="a", replication_user="r", members={"m1": member})


@contextlib.asynccontextmanager
async def greeting(words: bytes) -> AsyncIterator[int]:
    """Greet whoever connects, and then be silent until they leave; gives the port."""
    left: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone = asyncio.Event()
        left.append(gone)
        writer.write(words)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.transport.abort()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for one in left:
            await one.wait()
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    "words", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x05\x00\x00\x00\x0a5.5\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9]
)
def test_a_server_that_speaks_something_else_is_seen_as_one_that_does_not_prove_anything(words: bytes) -> None:
    async def story() -> None:
        async with greeting(words) as port:
            sight = await sighted(of(port), 0.5)
        assert sight.leading == []
        assert sight.nodes["m1"].silent in ("garbage", "timed out", "reset")

    asyncio.run(story())


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    async def story() -> None:
        async with greeting(b"") as port:
            sight = await sighted(of(port), 0.3)
        assert sight.missing() == ["no writer", "m1 timed out"]

    asyncio.run(story())


def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        sight = asyncio.run(sighted(of(held.getsockname()[1]), 2.0))
    assert sight.missing() == ["no writer", "m1 refused"]


@pytest.mark.parametrize(("was", "told"), [("writes", ["m1"]), ("refused", [])])
def test_a_server_that_does_not_tell_what_it_still_has_to_do_is_none_that_has_nothing(
    was: str, told: list[str]
) -> None:
    """Of one that was down before, nobody waits for an answer."""

    async def story() -> list[str]:
        async with greeting(b"") as port:
            step = Promote(mariadb=of(port))
            return await step._left({"members": {"m1": was}}, CallContext("run-1", 1.0))

    found = asyncio.run(story())
    assert [one.partition(" does not tell what of this run it still has to do")[0] for one in found] == told


def test_a_server_with_the_same_number_on_another_host_is_another_one() -> None:
    first, now = (Sight({"m1": Node("m1", settings={"server_id": "1", "hostname": one})}) for one in ("db1", "db2"))
    assert now.strangers(first.as_data()) == ["m1 is another one: server 1 on db2, it was server 1 on db1"]
