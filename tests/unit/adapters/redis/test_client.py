"""The connection to a Redis, on small servers that answer as told."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from faildrill.adapters.redis.client import Login, NotRedis, Said, Talk
from faildrill.adapters.redis.loss import answers
from faildrill.adapters.redis.nodes import sighted
from faildrill.adapters.redis.status import Node, Replica, Watch
from faildrill.adapters.redis.succession import Sight
from faildrill.adapters.redis.target import Redis, RedisMember
from faildrill.toolkit.node_addresses import Address


@contextlib.asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[int]:
    """Serve these answers, one a read, and give the port; after the last one, silence."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            for answer in answers:
                await reader.read(1 << 16)
                writer.write(answer)
            await reader.read()
        writer.transport.abort()
        ended.set()

    ended = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await ended.wait()
    await asyncio.sleep(0)


def test_what_a_server_refuses_is_told_with_its_code_and_the_connection_goes_on() -> None:
    async def story() -> None:
        async with answering(b"-READONLY You can't write\r\n", b"+OK\r\n") as port:
            talk = await Talk.begin(Login("127.0.0.1", port))
            with pytest.raises(Said) as refused:
                await talk.ask("SET", "a", 1)
            assert refused.value.code == "READONLY"
            assert await talk.ask("PING") == "OK"
            talk.end()

    asyncio.run(story())


def test_a_server_that_speaks_something_else_is_told_as_no_redis() -> None:
    async def story() -> None:
        async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
            talk = await Talk.begin(Login("127.0.0.1", port))
            with pytest.raises(NotRedis):
                await talk.ask("PING")
            assert talk.is_over

    asyncio.run(story())


def test_the_answer_to_a_command_that_was_cut_off_is_nobodys() -> None:
    async def story() -> None:
        async with answering() as port:
            talk = await Talk.begin(Login("127.0.0.1", port))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await talk.ask("GET", "first")
            assert talk.is_over

    asyncio.run(story())


@pytest.mark.parametrize(
    "answer",
    [b"*1\r\n$6\r\nmaster\r\n", b"*3\r\n$6\r\nmaster\r\n$1\r\nx\r\n*0\r\n", b"$6\r\nmaster\r\n", b":1\r\n", b"*-1\r\n"],
)
def test_a_role_that_is_none_is_garbage_and_no_master(answer: bytes) -> None:
    async def story() -> None:
        async with answering(answer) as port:
            member = RedisMember(name="r1", host="127.0.0.1", port=port)
            redis = Redis(name="s", master="s", sentinels=[f"127.0.0.1:{port}"], members={"r1": member})
            sight = await sighted(redis, 2.0, sentinels_too=False)
        assert sight.leading == []
        assert sight.missing() == ["no master", "r1 garbage"]

    asyncio.run(story())


@pytest.mark.parametrize("says", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-NOAUTH no\r\n", b"+PONG\r\n"])
def test_whatever_answers_at_a_masters_address_is_not_cut_off(says: bytes) -> None:
    async def story() -> bool:
        async with answering(says) as port:
            member = RedisMember(name="r1", host="127.0.0.1", port=port)
            redis = Redis(name="r", master="r", sentinels=["127.0.0.1:1"], members={"r1": member})
            return await answers(redis, f"127.0.0.1:{port}", 5.0)

    assert asyncio.run(story())


@pytest.mark.parametrize(
    ("remembered", "told"),
    [("h1", []), ("h3", ["its history does not go on from that of r1: there was more than one failover"])],
)
def test_failovers_are_counted_by_the_history_that_a_master_goes_on_from(remembered: str, told: list[str]) -> None:
    first = Sight({"r1": Node("r1", leads=True, info={"master_replid": "h1"})})
    info = {"master_replid": "h9", "master_replid2": remembered}
    now = Sight({"r1": Node("r1"), "r2": Node("r2", leads=True, info=info)})
    assert now.miscounted(first.as_data()) == told


@pytest.mark.parametrize(("uptime", "told"), [("90", ["r1 is another one: p2, it was p1"]), ("0", [])])
def test_a_process_that_ran_already_is_another_one_and_one_that_was_started_since_is_a_restart(
    uptime: str, told: list[str]
) -> None:
    was = Sight({"r1": Node("r1", leads=True, info={"run_id": "p1", "uptime_in_seconds": "3600"})}).as_data()
    now = Sight({"r1": Node("r1", leads=True, info={"run_id": "p2", "uptime_in_seconds": uptime})})
    assert now.strangers(was) == told


@pytest.mark.parametrize(
    ("reported", "told"), [("slave", []), ("master", ["Sentinel s1 has not seen yet that r2 follows"])]
)
def test_a_sentinel_that_takes_a_replica_for_a_master_still_would_undo_a_failover(
    reported: str, told: list[str]
) -> None:
    known = Replica(Address("127.0.0.1", 2), run_id="p2", reported=reported)
    nodes = {"r1": Node("r1", leads=True), "r2": Node("r2", info={"run_id": "p2"})}
    assert [one.told for one in Sight(nodes, watches=[Watch("s1", replicas=(known,))]).belated()] == told


@pytest.mark.parametrize(("epochs", "told"), [([4, 5, None], 5), ([None], None), ([], None)])
def test_the_newest_epoch_that_a_sentinel_knows_counts_the_failovers(
    epochs: list[int | None], told: int | None
) -> None:
    watches = [Watch(f"s{number}", epoch=one) for number, one in enumerate(epochs)]
    assert Sight({"r1": Node("r1", leads=True)}, watches=watches).epoch() == told
