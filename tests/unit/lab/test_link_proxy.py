import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.payments.link_proxy import Link, Mode

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing() -> AsyncIterator[Link]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    with socket.create_server((LOOPBACK, 0)) as probe:
        free = probe.getsockname()[1]
    link = Link("pg1", free, server.sockets[0].getsockname()[1])
    await link.open()
    yield link
    await link.close()
    server.close()
    await asyncio.sleep(0.01)


async def connect(link: Link) -> Pair:
    return await asyncio.open_connection(LOOPBACK, link.port)


async def says(pair: Pair, text: bytes, within: float = 2.0) -> bytes:
    reader, writer = pair
    writer.write(text)
    return await asyncio.wait_for(reader.readexactly(len(text)), within)


def run(scene: Callable[[Link], Awaitable[None]]) -> None:
    async def play() -> None:
        async with echoing() as link:
            await scene(link)

    asyncio.run(play())


def test_an_open_link_passes_everything() -> None:
    async def scene(link: Link) -> None:
        pair = await connect(link)
        text = b"x" * 3_000_000
        writing = asyncio.create_task(says(pair, text, 10))
        assert await writing == text
        pair[1].close()

    run(scene)


def test_the_end_of_one_direction_passes_and_the_other_goes_on() -> None:
    async def scene(link: Link) -> None:
        reader, writer = await connect(link)
        writer.write(b"last words")
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 2) == b"last words"
        writer.close()

    run(scene)


def test_a_cut_link_resets_its_connections_and_refuses_new_ones() -> None:
    async def scene(link: Link) -> None:
        pair = await connect(link)
        await says(pair, b"hello")
        await link.set("cut")
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await says(pair, b"anyone?")
        with pytest.raises(ConnectionRefusedError):
            await connect(link)
        pair[1].close()

    run(scene)


def test_a_link_that_was_cut_passes_again_when_opened() -> None:
    async def scene(link: Link) -> None:
        await link.set("cut")
        await link.set("open")
        pair = await connect(link)
        assert await says(pair, b"hello") == b"hello"
        pair[1].close()

    run(scene)


def test_a_blackhole_keeps_connections_and_passes_nothing_until_opened() -> None:
    async def scene(link: Link) -> None:
        pair = await connect(link)
        await says(pair, b"hello")
        await link.set("blackhole")
        pair[1].write(b"held")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pair[0].read(1), 0.2)
        await link.set("open")
        assert await asyncio.wait_for(pair[0].readexactly(4), 2) == b"held"
        pair[1].close()

    run(scene)


def test_a_blackhole_takes_new_connections_and_answers_nothing() -> None:
    async def scene(link: Link) -> None:
        await link.set("blackhole")
        pair = await connect(link)
        with pytest.raises(TimeoutError):
            await says(pair, b"hello", 0.2)
        pair[1].close()

    run(scene)


def test_a_delay_is_added_each_way_and_keeps_the_order() -> None:
    async def scene(link: Link) -> None:
        pair = await connect(link)
        await link.set("delay", 60)
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert await says(pair, b"one") == b"one"
        assert 0.12 <= loop.time() - before < 1
        assert await says(pair, b"two") == b"two"
        pair[1].close()

    run(scene)


def test_a_jitter_makes_pieces_more_or_less_late_and_never_changes_their_order() -> None:
    async def scene(link: Link) -> None:
        pair = await connect(link)
        await link.set("delay", 40, 40)
        loop = asyncio.get_running_loop()
        soonest, text = 1.0, bytes(range(200))
        for one in text:
            sent = loop.time()
            assert await says(pair, bytes([one]), 20) == bytes([one])
            soonest = min(soonest, loop.time() - sent)
            if soonest < 0.07:
                break
        assert soonest < 0.07, "without jitter no answer comes in less than twice the delay"
        assert await says(pair, text * 100, 20) == text * 100
        pair[1].close()

    run(scene)


@pytest.mark.parametrize(("delay", "jitter"), [(-1, 0), (10, 11), (10, -1)])
def test_a_delay_that_makes_no_sense_changes_nothing(delay: int, jitter: int) -> None:
    async def scene(link: Link) -> None:
        with pytest.raises(FaildrillError, match="its jitter no more than it"):
            await link.set("delay", delay, jitter)
        assert link.told() == {"mode": "open", "delay_ms": 0, "jitter_ms": 0}

    run(scene)


@pytest.mark.parametrize("mode", ["cut", "blackhole", "delay"])
def test_a_link_opens_by_itself_when_its_limit_is_over(mode: Mode) -> None:
    async def scene(link: Link) -> None:
        await link.set(mode, 10_000, 0, 0.1)
        assert link.mode == mode
        async with asyncio.timeout(20):
            while link.mode != "open":  # noqa: ASYNC110 - it is what is looked at
                await asyncio.sleep(0.01)
        pair = await connect(link)
        assert await says(pair, b"hello", 10) == b"hello"
        pair[1].close()

    run(scene)


def test_what_was_changed_since_is_not_touched_by_an_old_limit() -> None:
    async def scene(link: Link) -> None:
        await link.set("blackhole", 0, 0, 0.05)
        await link.set("open")
        await link.set("cut")
        await asyncio.sleep(0.2)
        assert link.mode == "cut"

    run(scene)


def test_a_link_to_nobody_closes_what_connects() -> None:
    async def scene(link: Link) -> None:
        with socket.create_server((LOOPBACK, 0)) as probe:
            link.to_port = probe.getsockname()[1]
        pair = await connect(link)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await says(pair, b"anyone?")
        pair[1].close()

    run(scene)
