"""What an observer makes of what an application tells of its database."""

import asyncio

import pytest

from faildrill.adapters.http.witness import Timing
from faildrill.kinds.call_context import CallContext
from faildrill.ports.witness import Says
from unit.adapters.sockets import serving, silent

GIVEN = CallContext("warrant", 2.0)


async def application(answer: bytes) -> tuple[Says, str]:
    """Hear a witness of an application that gives one answer to everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with serving(serve if answer else silent) as port:
        [one] = await Timing(url=f"http://127.0.0.1:{port}/", asks=3).testify(GIVEN)
    return one.says, one.because


def http(status: str, body: str) -> bytes:
    """Write an HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "says", "told"),
    [
        (http("200 OK", '{"database_ms": 3.5}'), Says.ALIVE, "its statements take 3.5 ms"),
        (http("200 OK", '{"database_ms": 900}'), Says.SLOW, "its statements take 900 ms"),
        (http("503 No", '{"error": "no connection"}'), Says.DEAD, "it can't reach its database: 503 no connection"),
        (http("503 No", "<html><h1>503 Service Unavailable"), Says.NOTHING, "503, and not the application's own"),
        (http("500 No", ""), Says.NOTHING, "it tells nothing: 500"),
        (http("200 OK", '{"database_ms": "fast"}'), Says.NOTHING, "no number called 'database_ms'"),
        (http("200 OK", "<html>"), Says.NOTHING, "no number called 'database_ms'"),
        (b"\x00\xff\r\n\r\n", Says.NOTHING, "it tells nothing"),
        (b"", Says.NOTHING, "it tells nothing: timed out"),
    ],
)
def test_an_application_tells_how_its_database_does_or_nothing(answer: bytes, says: Says, told: str) -> None:
    said, because = asyncio.run(application(answer))
    assert (said, told in because) == (says, True), because
