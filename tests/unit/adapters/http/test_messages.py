"""Which of the messages on a connection is the answer, where it ends, and what lines it may have."""

import asyncio

import pytest
from pydantic import JsonValue

from faildrill.adapters.http.request import Request
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from unit.adapters.http.looks import GIVEN, look
from unit.adapters.sockets import serving

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD = b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
HINTS = b"HTTP/1.1 103 Early Hints\r\nX-Server: edge\r\nContent-Encoding: br\r\nRetry-After: 9\r\n\r\n"
FOLLOWED = "HTTP 500, and more than this answer"
NO_TEXT = "not the expected text, and more than this answer"


@pytest.mark.parametrize(
    ("answer", "params", "expected"),
    [
        (BAD + GOOD, {}, (Outcome.WRONG, FOLLOWED)),
        (GOOD + BAD, {}, (Outcome.OK, "")),
        (GOOD + b"EXTRA", {}, (Outcome.OK, "")),
        (LAST + BAD, {}, (Outcome.OK, "")),
        (b"HTTP/1.1 204 Empty\r\n\r\n" + BAD, {}, (Outcome.OK, "")),
        (
            BAD + GOOD,
            {"text": "ok", "status": 500},
            (Outcome.WRONG, "not the expected text, and more than this answer"),
        ),
        (GOOD + BAD, {"lacks": "bad"}, (Outcome.OK, "")),
        (GOOD[:-2] + BAD, {"method": "HEAD"}, (Outcome.OK, "")),
        (BAD[:-3] + GOOD, {"method": "HEAD"}, (Outcome.WRONG, FOLLOWED)),
    ],
)
def test_of_several_messages_the_first_is_the_answer(
    answer: bytes, params: dict[str, JsonValue], expected: tuple[Outcome, str]
) -> None:
    seen = look(answer, **params)
    assert (seen.outcome, seen.detail) == expected


def looks(answer: bytes, count: int = 3, **params: JsonValue) -> tuple[list[Seen], int]:
    """Look several times over kept connections; gives also how many connections that took."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answer)

    async def scene() -> list[Seen]:
        async with serving(serve) as port:
            probe = Request.model_validate({"url": f"http://127.0.0.1:{port}/", "connection": "kept", **params})
            seen = [await probe.look(GIVEN) for _ in range(count)]
            await probe.close()
            return seen

    return asyncio.run(scene()), connections


@pytest.mark.parametrize("more", [BAD, GOOD, b"EXTRA"])
def test_a_connection_on_which_more_than_the_answer_came_is_not_used_again(more: bytes) -> None:
    seen, connections = looks(GOOD + more)
    assert [one.outcome for one in seen] == [Outcome.OK] * 3
    assert connections == 3


@pytest.mark.parametrize("hints", [HINTS, HINTS * 2, b"HTTP/1.1 100 Continue\r\nX-Server: edge\r\n\r\n"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_announces_an_answer_says_nothing_of_it(hints: bytes, method: str) -> None:
    answer = GOOD if method == "GET" else GOOD[:-2]
    params: dict[str, JsonValue] = {"text": "ok"} if method == "GET" else {}
    seen = look(hints + answer, method=method, **params)
    assert (seen.outcome, seen.who, seen.detail, seen.wait) == (Outcome.OK, "", "", 0.0)


def test_an_answer_to_head_that_is_only_announced_is_waited_for() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HINTS)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(GOOD[:-2])
        await reader.read()

    async def scene() -> Seen:
        async with serving(serve) as port:
            probe = Request.model_validate({"url": f"http://127.0.0.1:{port}/", "method": "HEAD"})
            seen = await probe.look(GIVEN)
            await probe.close()
            return seen

    assert asyncio.run(scene()).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("head", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\n\r\n", 1),
        (b"HTTP/1.1 204 OK\r\n\r\n", 1),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", 1),
        (HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n", 3),
        (b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\n\r\n", 3),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5000\r\n\r\n", 3),
        (b"HTTP/1.0 200 OK\r\n\r\n", 3),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5000\r\n\r\n", 1),
    ],
)
def test_a_connection_is_kept_also_where_only_heads_are_asked_for(head: bytes, connections: int) -> None:
    seen, opened = looks(head, method="HEAD", status=[200, 204, 304])
    assert [one.outcome for one in seen] == [Outcome.OK] * 3
    assert opened == connections


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\nX-Server: s1\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nX-Server: s1\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 103 Hints\n\nHTTP/1.1 200 OK\nX-Server: s1\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nX-A: b\r\n  c\r\nX-Server: s1\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Server:\r\n\ts1\r\nContent-Length:\r\n 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nX-Server:\n s1\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nX-Server: s1\r\nTransfer-Encoding:\r\n chunked\r\n\r\n2  \r\nok\r\n0\r\n\r\n",
    ],
)
def test_lines_that_every_client_takes_are_no_outage(answer: bytes) -> None:
    seen = look(answer, text="ok")
    assert (seen.outcome, seen.who, seen.detail) == (Outcome.OK, "s1", "")


@pytest.mark.parametrize("length", [1, 7])
def test_odd_lines_are_read_also_in_pieces(length: int) -> None:
    answer = b"HTTP/1.1 200 OK\nX-A: b\n  c\nX-Server:\r\n s1\nContent-Length: 2\n\nok"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(answer), length):
            writer.write(answer[start : start + length])
            await writer.drain()
            await asyncio.sleep(0.001)
        await reader.read()

    async def scene() -> Seen:
        async with serving(serve) as port:
            probe = Request.model_validate({"url": f"http://127.0.0.1:{port}/", "text": "ok"})
            seen = await probe.look(GIVEN)
            await probe.close()
            return seen

    seen = asyncio.run(scene())
    assert (seen.outcome, seen.who) == (Outcome.OK, "s1")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Server: a\x00b\r\nContent-Length: 2\r\n\r\nok",
        b"220 mail\r\n",
        b"\n\n\n<html>\n",
    ],
)
def test_what_no_client_takes_is_no_answer(answer: bytes) -> None:
    assert look(answer).outcome is Outcome.WRONG
