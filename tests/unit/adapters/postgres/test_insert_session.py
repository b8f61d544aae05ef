"""The session that inserts, against servers that answer in pieces, late, wrongly or not at all: real sockets."""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from faildrill.adapters.postgres.client import LARGEST, NotPostgres, Row, Said
from faildrill.adapters.postgres.conninfo import Login
from faildrill.adapters.postgres.insert_session import Insert, Statement
from unit.adapters.sockets import serving

READY = b"Z\0\0\0\x05I"


def told(said: Row) -> str:
    return "/".join(str(one) for one in said)


STATEMENT = Statement("INSERT", ("run", "ledger"), 2, told)


def frame(kind: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content


def row(*values: str) -> bytes:
    fields = b"".join(struct.pack("!I", len(one)) + one.encode() for one in values)
    return frame(b"D", struct.pack("!H", len(values)) + fields)


def answer(*values: str) -> bytes:
    return frame(b"2") + row(*values) + frame(b"C", b"INSERT 0 1\0") + READY


def error(sqlstate: str) -> bytes:
    return frame(b"E", f"SERROR\0C{sqlstate}\0Mno\0\0".encode())


async def logged_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let anybody in, and say that the statement is prepared."""
    await reader.readexactly(8)
    writer.write(b"N")
    await reader.read(1000)
    writer.write(frame(b"R", struct.pack("!I", 0)) + READY)
    await reader.read(1000)
    writer.write(frame(b"1") + READY)


@asynccontextmanager
async def session(answers: Sequence[Sequence[bytes]]) -> AsyncIterator[tuple[Insert, list[bytes]]]:
    """Give a session with a server that gives these answers, each in these pieces, and then is silent."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await logged_in(reader, writer)
        for pieces in answers:
            asked.append(await reader.read(1000))
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.002 * (len(pieces) > 1))
        await reader.read()

    async with serving(serve) as port:
        insert = await Insert.begin(Login("127.0.0.1", port, "d", "u", None), STATEMENT)
        try:
            yield insert, asked
        finally:
            insert.end()


def test_every_write_gives_what_its_own_answer_says_also_where_the_one_before_was_another() -> None:
    said = ["a", "a", "b", "a", "b", "b"]

    async def story() -> None:
        async with session([[answer(one, "1")] for one in said]) as (insert, asked):
            assert [await insert.put(3, number) for number in range(6)] == [f"{one}/1" for one in said]
        assert [b"\0\0\0\x013\0\0\0\x01%d\0\0" % number in one for number, one in enumerate(asked)] == [True] * 6

    asyncio.run(story())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 20])
def test_an_answer_in_pieces_is_the_same_answer(size: int) -> None:
    whole = [answer("a", "1"), answer("b", "2"), answer("a", "1")]
    pieces = [[one[at : at + size] for at in range(0, len(one), size)] for one in whole]

    async def story() -> list[str]:
        async with session([*pieces[:2], whole[2:], *pieces[1:2]]) as (insert, _):
            return [await insert.put(1, number) for number in range(4)]

    assert asyncio.run(story()) == ["a/1", "b/2", "a/1", "b/2"]


def test_notices_between_and_before_answers_change_nothing() -> None:
    notice = frame(b"N", b"SNOTICE\0\0")
    noisy = notice + answer("a", "1")[:5] + frame(b"S", b"a\0b\0") + answer("a", "1")[5:] + notice

    async def story() -> list[str]:
        async with session([[noisy], [noisy], [answer("b", "1")]]) as (insert, _):
            return [await insert.put(1, number) for number in range(3)]

    assert asyncio.run(story()) == ["a/1", "a/1", "b/1"]


def test_a_row_that_was_not_committed_is_no_acknowledgement() -> None:
    async def story() -> None:
        refused = answer("a", "1").removesuffix(READY) + error("23505") + READY
        async with session([[answer("a", "1")], [refused]]) as (insert, _):
            await insert.put(1, 1)
            with pytest.raises(Said, match="23505"):
                await insert.put(1, 2)
            assert insert.is_over

    asyncio.run(story())


@pytest.mark.parametrize(
    "wrong",
    [
        READY,
        frame(b"2") + READY,
        row("a", "1") + READY,
        answer("a", "1")[:5] * 2,
        frame(b"2") + frame(b"D", b"\0\x02\0\0\0\x7fa") + READY,
        b"D\xff\xff\xff\xff",
        b"D\0\0\0\0",
        frame(b"N") * 10 + b"D" + struct.pack("!I", LARGEST + 1),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0" * 100,
    ],
)
def test_what_is_no_answer_to_an_insert_ends_the_session_and_says_so(wrong: bytes) -> None:
    async def story() -> None:
        async with session([[answer("a", "1")], [wrong]]) as (insert, _):
            await insert.put(1, 1)
            with pytest.raises(NotPostgres):
                await asyncio.wait_for(insert.put(1, 2), 5)
            assert insert.is_over
            with pytest.raises(NotPostgres):
                await insert.put(1, 3)

    asyncio.run(story())


def test_a_server_that_goes_away_between_two_writes_is_noticed_before_the_next() -> None:
    async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await logged_in(reader, writer)
        await reader.read(1000)
        writer.write(answer("a", "1") + error("57P01"))

    async def story() -> None:
        async with serving(gone) as port:
            insert = await Insert.begin(Login("127.0.0.1", port, "d", "u", None), STATEMENT)
            await insert.put(1, 1)
            for _ in range(500):
                await asyncio.sleep(0.0 if insert.is_over else 0.01)
            with pytest.raises(Said, match="57P01"):
                await insert.put(1, 2)

    asyncio.run(story())


def test_a_server_that_goes_away_while_it_is_asked_is_a_lost_connection() -> None:
    async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await logged_in(reader, writer)
        await reader.read(1000)

    async def story() -> None:
        async with serving(gone) as port:
            insert = await Insert.begin(Login("127.0.0.1", port, "d", "u", None), STATEMENT)
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(insert.put(1, 1), 5)

    asyncio.run(story())


def test_a_write_that_is_cut_off_ends_the_session() -> None:
    async def story() -> None:
        async with session([[answer("a", "1")]]) as (insert, _):
            await insert.put(1, 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(insert.put(1, 2), 0.05)
            assert insert.is_over

    asyncio.run(story())


def test_a_table_that_is_missing_is_said_when_the_session_begins() -> None:
    async def none(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")
        await reader.read(1000)
        writer.write(frame(b"R", struct.pack("!I", 0)) + READY)
        await reader.read(1000)
        writer.write(error("42P01") + READY)
        await reader.read()

    async def story() -> None:
        async with serving(none) as port:
            with pytest.raises(Said, match="42P01"):
                await Insert.begin(Login("127.0.0.1", port, "d", "u", None), STATEMENT)

    asyncio.run(story())
