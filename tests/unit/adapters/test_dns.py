"""`dns.query` against a small server on real sockets, which answers as it is told to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import uvloop
from pydantic import JsonValue, ValidationError

from faildrill.adapters.dns.query import PAYLOAD, Query
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome

GIVEN = CallContext(run="run-1", timeout=5.0, every=0.1)
SOON = 0.3
NAME = "db.example."
TWO: list[JsonValue] = ["10.0.0.7", "10.0.0.8"]
Reply = Callable[[dns.message.Message], list[bytes]]


def answering(*values: str, kind: str = "A", **changes: Any) -> Reply:
    """Answer with these values."""

    def reply(asked: dns.message.Message) -> list[bytes]:
        answer = dns.message.make_response(asked)
        if values:
            answer.answer.append(dns.rrset.from_text(asked.question[0].name, 5, "IN", kind, *values))
        for name, value in changes.items():
            setattr(answer, name, value)
        return [answer.to_wire()]

    return reply


def refusing(code: dns.rcode.Rcode) -> Reply:
    def reply(asked: dns.message.Message) -> list[bytes]:
        answer = dns.message.make_response(asked)
        answer.set_rcode(code)
        return [answer.to_wire()]

    return reply


def cut_off(asked: dns.message.Message) -> list[bytes]:
    answer = dns.message.make_response(asked)
    answer.flags |= dns.flags.TC
    return [answer.to_wire()]


def after_others(asked: dns.message.Message) -> list[bytes]:
    """Answer under another number first, to another question, with noise, with the question; at last what was asked."""
    other = dns.message.make_query("else.example.", "A", id=asked.id)
    [ours] = answering("10.0.0.7")(asked)
    forged = bytes([ours[0] ^ 1]) + answering("6.6.6.6")(asked)[0][1:]
    return [forged, *answering("6.6.6.6")(other), b"noise", asked.to_wire(), ours]


@dataclass
class Server:
    """Where it is, and what it was asked."""

    port: int = 0
    asked: list[dns.message.Message] = field(default_factory=list)


@asynccontextmanager
async def server(reply: Reply) -> AsyncIterator[Server]:
    """Answer on the same port over UDP and TCP."""
    it = Server()

    class Datagrams(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.DatagramTransport", transport)

        def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - asyncio's
            it.asked.append(dns.message.from_wire(data))
            for one in reply(it.asked[-1]):
                self.transport.sendto(one, addr)

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            length = int.from_bytes(await reader.readexactly(2), "big")
            it.asked.append(dns.message.from_wire(await reader.readexactly(length)))
            for one in reply(it.asked[-1]):
                for piece in (len(one).to_bytes(2, "big"), one[:5], one[5:]):
                    writer.write(piece)
                    await asyncio.sleep(0.005)  # so that the other side reads it by itself
        writer.close()

    tcp, udp = await on_one_port(stream, Datagrams)
    it.port = tcp.sockets[0].getsockname()[1]
    async with tcp:
        try:
            yield it
        finally:
            udp.close()


async def on_one_port(
    stream: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    datagrams: Callable[[], asyncio.DatagramProtocol],
) -> tuple[asyncio.Server, asyncio.DatagramTransport]:
    """Listen on a port that is free for both; the one that TCP gets may be taken for UDP."""
    while True:
        tcp = await asyncio.start_server(stream, "127.0.0.1", 0)
        where = tcp.sockets[0].getsockname()[:2]
        try:
            udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(datagrams, where)
        except OSError:
            tcp.close()
            continue
        return tcp, udp


async def looked(port: int, /, within: float = GIVEN.timeout, **params: Any) -> Seen | None:
    """Look once; None when it was cut off at its deadline."""
    query = Query.model_validate({"server": f"127.0.0.1:{port}", "name": NAME, **params})
    try:
        async with asyncio.timeout(within):
            return await query.look(GIVEN)
    except TimeoutError:
        return None


def look(reply: Reply, **params: Any) -> Seen | None:
    async def scene() -> Seen | None:
        async with server(reply) as it:
            return await looked(it.port, **params)

    return uvloop.run(scene())


both = pytest.mark.parametrize("over", ["udp", "tcp"])


@both
@pytest.mark.parametrize(
    ("reply", "params", "said"),
    [
        (answering("10.0.0.8", "10.0.0.7"), {}, (Outcome.OK, "10.0.0.7,10.0.0.8", "")),
        (
            answering("10.0.0.8", "10.0.0.7"),
            {"expect": ["10.0.0.7", "10.0.0.8"]},
            (Outcome.OK, "10.0.0.7,10.0.0.8", ""),
        ),
        (answering("10.0.0.8"), {"expect": ["10.0.0.7"]}, (Outcome.WRONG, "10.0.0.8", "not the expected answer")),
        (
            answering("10.0.0.7", "6.6.6.6"),
            {"expect": ["10.0.0.7"]},
            (Outcome.WRONG, "10.0.0.7,6.6.6.6", "not the expected answer"),
        ),
        (answering(), {}, (Outcome.WRONG, "", "no A record")),
        (answering("PG1.Example.", kind="CNAME"), {}, (Outcome.WRONG, "", "no A record")),
        (
            answering("PG1.Example.", kind="CNAME"),
            {"type": "CNAME", "expect": ["pg1.example"]},
            (Outcome.OK, "pg1.example", ""),
        ),
        (answering('"v=1"', kind="TXT"), {"type": "TXT", "expect": ["v=1"]}, (Outcome.OK, "v=1", "")),
        (refusing(dns.rcode.NXDOMAIN), {}, (Outcome.WRONG, "", "NXDOMAIN")),
        (refusing(dns.rcode.SERVFAIL), {}, (Outcome.WRONG, "", "SERVFAIL")),
        (answering("10.0.0.7", question=[]), {}, (Outcome.OK, "10.0.0.7", "")),
        (cut_off, {}, (Outcome.WRONG, "", "cut off: ask over tcp")),
        (after_others, {"expect": ["10.0.0.7"]}, (Outcome.OK, "10.0.0.7", "")),
    ],
)
def test_what_is_answered_is_weighed(
    over: str, reply: Reply, params: dict[str, JsonValue], said: tuple[Outcome, str, str]
) -> None:
    seen = look(reply, over=over, **params)
    assert seen is not None
    assert (seen.outcome, seen.who, seen.detail) == said
    assert seen.sent is not None
    assert seen.answered is not None
    assert seen.sent < seen.answered


def test_of_many_records_the_first_are_named() -> None:
    seen = look(answering(*(f"10.0.0.{number}" for number in range(1, 8))))
    assert seen is not None
    assert seen.who == "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4 and 3 more"


@both
def test_what_is_asked_is_the_question_and_no_more(over: str) -> None:
    async def scene() -> list[dns.message.Message]:
        async with server(answering("10.0.0.7")) as it:
            await looked(it.port, over=over)
            await looked(it.port, over=over, recurse=False, type="AAAA")
            return it.asked

    first, second = uvloop.run(scene())
    assert [str(one) for one in (*first.question, *second.question)] == ["db.example. IN A", "db.example. IN AAAA"]
    assert (first.flags & dns.flags.RD, second.flags & dns.flags.RD) == (dns.flags.RD, 0)
    if over == "udp":
        assert first.payload == PAYLOAD


@both
def test_a_server_that_says_nothing_is_silent_until_the_deadline(over: str) -> None:
    async def scene() -> Seen | None:
        async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        def nothing(asked: dns.message.Message) -> list[bytes]:
            del asked
            return []

        if over == "tcp":
            async with await asyncio.start_server(quiet, "127.0.0.1", 0) as tcp:
                return await looked(tcp.sockets[0].getsockname()[1], SOON, over=over)
        async with server(nothing) as it:
            return await looked(it.port, SOON, over=over)

    assert uvloop.run(scene()) is None


@both
def test_nobody_there_is_refused(over: str) -> None:
    async def scene() -> Seen | None:
        async with server(answering()) as it:
            port = it.port
        await asyncio.sleep(0.01)
        return await looked(port, over=over)

    seen = uvloop.run(scene())
    assert seen is not None
    assert seen.outcome is Outcome.REFUSED


def test_a_connection_that_ends_without_an_answer_is_reset() -> None:
    def nothing(asked: dns.message.Message) -> list[bytes]:
        del asked
        return []

    seen = look(nothing, over="tcp")
    assert seen is not None
    assert (seen.outcome, seen.detail) == (Outcome.RESET, "closed")


def test_what_answers_in_another_language_is_wrong_over_tcp() -> None:
    def web(asked: dns.message.Message) -> list[bytes]:
        return [asked.to_wire()[:2] + b"HTTP/1.1 400"]

    seen = look(web, over="tcp")
    assert seen is not None
    assert (seen.outcome, seen.detail) == (Outcome.WRONG, "not a message of DNS")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("10.0.0.2", ("10.0.0.2", 53)),
        ("ns1.example:5353", ("ns1.example", 5353)),
        ("[::1]:5353", ("::1", 5353)),
        ("[::1]", ("::1", 53)),
        ("::1", ("::1", 53)),
    ],
)
def test_a_server_is_a_host_with_or_without_a_port(text: str, place: tuple[str, int]) -> None:
    assert Query(server=text, name=NAME).place == place


@pytest.mark.parametrize("text", ["", ":53", "host:none", "host:0", "host:70000", "[::1", "host:-1"])
def test_a_server_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="HOST or HOST:PORT"):
        Query(server=text, name=NAME)


def test_a_name_that_can_be_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="not the name of anything in DNS"):
        Query(server="127.0.0.1", name="a..b")
