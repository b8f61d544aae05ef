"""A kept connection that the server ends under a request proves nothing: RFC 9112, 9.3.1."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import JsonValue

from faildrill.adapters.http.request import Request
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from unit.probing.watched import MILLISECOND, plan, watching

GIVEN = CallContext(run="run-1", timeout=1.0, every=0.1)
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Server: s1\r\n\r\nok"
TIMED_OUT = b"HTTP/1.1 408 Request Time-out\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
RESETTING = struct.pack("ii", 1, 0)
CLOSING = "the server was ending the connection"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def ends(how: str, later: bytes | None = GOOD) -> Serve:
    """Answer the first request of the first connection well, and end it under the second; `later` answers others."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            await reader.readuntil(b"\r\n\r\n")
            if later is None:
                await asyncio.sleep(30)
            writer.write(later or b"")
            writer.close()
            return
        await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)
        await reader.readuntil(b"\r\n\r\n")
        if how == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
        writer.write({"half": b"HTTP/1.1 200 OK\r\nContent-Le", "408": TIMED_OUT}.get(how, b""))
        if how == "reset":
            writer.transport.abort()
        writer.close()

    return serve


def second(serve: Serve, **params: JsonValue) -> Seen:
    """Return what the second of two looks over kept connections saw."""

    async def scene() -> Seen:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        probe = Request.model_validate({"url": f"http://127.0.0.1:{port}/", "connection": "kept", **params})
        try:
            assert (await probe.look(GIVEN)).outcome is Outcome.OK
            return await probe.look(GIVEN)
        finally:
            await probe.close()
            server.close()

    return asyncio.run(scene())


@pytest.mark.parametrize("how", ["closed", "reset", "408"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_request_is_sent_once_more_on_a_new_connection(how: str, method: str) -> None:
    answer = GOOD[:-2] if method == "HEAD" else GOOD
    began = time.monotonic_ns()
    seen = second(ends(how, answer), method=method)
    assert (seen.outcome, seen.who) == (Outcome.OK, "s1")
    assert seen.sent
    assert seen.sent > began


@pytest.mark.parametrize("how", ["closed", "reset", "408"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_any_other_request_is_open_and_never_sent_twice(how: str, method: str) -> None:
    seen = second(ends(how), method=method)
    assert (seen.outcome, seen.detail) == (Outcome.OPEN, CLOSING)


def test_a_part_of_an_answer_on_a_kept_connection_is_dark() -> None:
    seen = second(ends("half"))
    assert (seen.outcome, seen.detail) == (Outcome.RESET, "closed in the middle of an answer")


def test_a_new_connection_that_ends_as_well_is_dark() -> None:
    seen = second(ends("reset", b""))
    assert (seen.outcome, seen.detail) == (Outcome.RESET, "closed without an answer")


def test_the_first_request_on_a_connection_is_dark_where_no_answer_comes() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def scene() -> Seen:
        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        probe = Request.model_validate({"url": url, "connection": "kept", "method": "POST"})
        seen = await probe.look(GIVEN)
        await probe.close()
        server.close()
        return seen

    assert asyncio.run(scene()).outcome is Outcome.RESET


def test_silence_after_the_second_sending_is_dated_to_it(tmp_path: Path) -> None:
    ended: list[int] = []
    inner = ends("closed", None)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await inner(_Slow(reader, ended), writer)  # type: ignore[arg-type] # as much of a reader as is needed

    async def scene() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        kept = plan(url=url, every=0.4, timeout=0.3, connection="kept")
        async with watching(tmp_path, [kept], settle=0.9) as watched:
            pass
        server.close()
        silent = [one for one in watched.of() if one.outcome is Outcome.TIMED_OUT]
        assert ended
        assert silent
        assert silent[0].sent >= ended[0]
        assert silent[0].answered - silent[0].due < 400 * MILLISECOND, "the deadline stays that of the look"

    asyncio.run(scene())


class _Slow:
    """Reads requests, the second one 100 ms after it came, and tells when that was."""

    def __init__(self, reader: asyncio.StreamReader, ended: list[int]) -> None:
        self._reader, self._ended, self._read = reader, ended, 0

    async def readuntil(self, end: bytes) -> bytes:
        found = await self._reader.readuntil(end)
        self._read += 1
        if self._read > 1:
            await asyncio.sleep(0.1)
            self._ended.append(time.monotonic_ns())
        return found
