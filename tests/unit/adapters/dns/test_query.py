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
from faildrill.adapters.dns.records import LONGEST
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome

GIVEN = CallContext(run="run-1", timeout=5.0, every=0.1)
SOON = 0.3
NAME = "db.example."
OF_ANOTHER = "no A record of this name, only of another"
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
            answering('"v=1; " "x" "\\"y"', kind="TXT"),
            {"type": "TXT", "expect": ['v=1; x"y']},
            (Outcome.OK, 'v=1; x"y', ""),
        ),
        (answering('"v=1; " "x"', kind="TXT"), {"type": "TXT", "expect": ['"v=" "1; x"']}, (Outcome.OK, "v=1; x", "")),
        (answering('"a,b"', kind="TXT"), {"type": "TXT", "expect": ["a,b"]}, (Outcome.OK, "a\\044b", "")),
        (
            answering("2001:db8::1", kind="AAAA"),
            {"type": "AAAA", "expect": ["2001:0DB8:0::1"]},
            (Outcome.OK, "2001:db8::1", ""),
        ),
        (
            answering("10 Mail.Example.", kind="MX"),
            {"type": "MX", "expect": ["10  mail.example"]},
            (Outcome.OK, "10 mail.example", ""),
        ),
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


def test_the_fifth_record_that_moves_is_a_change() -> None:
    whole = [f"10.0.0.{number}" for number in range(1, 6)]
    before, after = look(answering(*whole)), look(answering(*whole[:4], "10.0.0.9"))
    assert before is not None
    assert after is not None
    assert (before.who, after.who) == (",".join(whole), ",".join([*whole[:4], "10.0.0.9"]))


def test_a_record_that_moves_among_more_than_can_be_named_is_a_change() -> None:
    whole = [f"10.0.{net}.{number}" for net in range(4) for number in range(200, 250)]
    before = look(answering(*whole), over="tcp")
    after = look(answering(*whole[:-1], "10.0.9.9"), over="tcp")
    assert before is not None
    assert after is not None
    *named, rest = before.who.split(",")
    assert named == sorted(whole)[: len(named)]
    assert len(before.who) < LONGEST + 40
    assert rest.startswith(f"and {200 - len(named)} more (")
    assert before.who != after.who
    assert named == after.who.split(",")[:-1]


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (["elsewhere.example. A 10.0.0.7"], (Outcome.WRONG, "", OF_ANOTHER)),
        ([f"{NAME} CNAME b.example.", "c.example. A 10.0.0.7"], (Outcome.WRONG, "", OF_ANOTHER)),
        ([f"{NAME} CNAME B.Example.", "b.example. A 10.0.0.7"], (Outcome.OK, "10.0.0.7", "")),
        (
            ["c.example. A 10.0.0.7", "b.example. CNAME c.example.", f"{NAME} CNAME b.example."],
            (Outcome.OK, "10.0.0.7", ""),
        ),
        ([f"{NAME} CNAME b.example.", f"b.example. CNAME {NAME}"], (Outcome.WRONG, "", "no A record")),
        (
            [
                f"{NAME} CNAME n0.example.",
                *(f"n{one}.example. CNAME n{one + 1}.example." for one in range(40)),
                "n40.example. A 10.0.0.7",
            ],
            (Outcome.WRONG, "", OF_ANOTHER),
        ),
        ([f"{NAME} A 10.0.0.7", "elsewhere.example. A 6.6.6.6"], (Outcome.OK, "10.0.0.7", "")),
        (["DB.Example. A 10.0.0.7"], (Outcome.OK, "10.0.0.7", "")),
    ],
)
def test_a_record_of_a_name_that_was_not_asked_about_answers_nothing(
    records: list[str], said: tuple[Outcome, str, str]
) -> None:
    def reply(asked: dns.message.Message) -> list[bytes]:
        answer = dns.message.make_response(asked)
        for name, kind, value in (one.split() for one in records):
            answer.answer.append(dns.rrset.from_text(name, 5, "IN", kind, value))
        return [answer.to_wire()]

    seen = look(reply)
    assert seen is not None
    assert (seen.outcome, seen.who, seen.detail) == said


def test_a_record_of_another_class_answers_nothing() -> None:
    def chaos(asked: dns.message.Message) -> list[bytes]:
        answer = dns.message.make_response(asked)
        answer.answer.append(dns.rrset.from_text(NAME, 5, "CH", "TXT", "x"))
        return [answer.to_wire()]

    seen = look(chaos, type="TXT")
    assert seen is not None
    assert seen.outcome is Outcome.WRONG


def plain_dns(then: Reply, code: dns.rcode.Rcode = dns.rcode.FORMERR) -> Reply:
    """Answer as a server that has never heard of EDNS."""

    def reply(asked: dns.message.Message) -> list[bytes]:
        if asked.edns < 0:
            return then(asked)
        answer = dns.message.Message(asked.id)
        answer.flags = dns.flags.QR
        answer.set_rcode(code)
        return [answer.to_wire()]

    return reply


@both
@pytest.mark.parametrize("code", [dns.rcode.FORMERR, dns.rcode.NOTIMP])
def test_a_server_that_knows_no_edns_is_asked_without_it_from_then_on(over: str, code: dns.rcode.Rcode) -> None:
    async def scene() -> tuple[list[Seen], list[dns.message.Message]]:
        async with server(plain_dns(answering("10.0.0.7"), code)) as it:
            query = Query.model_validate({"server": f"127.0.0.1:{it.port}", "name": NAME, "over": over})
            return [await query.look(GIVEN) for _ in range(3)], it.asked

    looks, asked = uvloop.run(scene())
    assert [(one.outcome, one.who) for one in looks] == [(Outcome.OK, "10.0.0.7")] * 3
    assert [one.edns for one in asked] == [0, -1, -1, -1]


@pytest.mark.parametrize("reply", [refusing(dns.rcode.FORMERR), plain_dns(refusing(dns.rcode.FORMERR))])
def test_a_server_that_understands_no_question_at_all_is_wrong(reply: Reply) -> None:
    seen = look(reply)
    assert seen is not None
    assert (seen.outcome, seen.detail) == (Outcome.WRONG, "FORMERR")


def test_what_is_cut_off_without_edns_is_asked_with_it_once_the_server_knows_it() -> None:
    knows = False

    def reply(asked: dns.message.Message) -> list[bytes]:
        if asked.edns < 0:
            return (cut_off if knows else answering("10.0.0.7"))(asked)
        return (answering("10.0.0.8") if knows else plain_dns(cut_off))(asked)

    async def scene() -> list[str]:
        nonlocal knows
        async with server(reply) as it:
            query = Query.model_validate({"server": f"127.0.0.1:{it.port}", "name": NAME})
            before = await query.look(GIVEN)
            knows = True
            return [before.who, (await query.look(GIVEN)).who, (await query.look(GIVEN)).who]

    assert uvloop.run(scene()) == ["10.0.0.7", "10.0.0.8", "10.0.0.8"]


def test_what_a_server_without_edns_cuts_off_is_said_to_be() -> None:
    seen = look(plain_dns(cut_off))
    assert seen is not None
    assert (seen.outcome, seen.detail) == (Outcome.WRONG, "cut off: ask over tcp")


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


@pytest.mark.parametrize(
    "text",
    [
        *("", ":53", "host:none", "host:0", "host:70000", "[::1", "host:-1"),
        *("1.1.1.1,8.8.8.8", "127.0.0.1 ", " 127.0.0.1", "[host]:53", "http://1.1.1.1", "1:2:3", "a b"),
    ],
)
def test_a_server_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="HOST or HOST:PORT"):
        Query(server=text, name=NAME)


def test_a_name_that_can_be_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="not the name of anything in DNS"):
        Query(server="127.0.0.1", name="a..b")


@pytest.mark.parametrize(
    ("kind", "value"), [("A", "10.0.0.07"), ("A", "::1"), ("AAAA", "10.0.0.7"), ("MX", "mail.example"), ("TXT", '"v')]
)
def test_a_value_that_no_such_record_can_have_is_refused(kind: str, value: str) -> None:
    with pytest.raises(ValidationError, match=f"is not the value of a record {kind}") as refused:
        Query.model_validate({"server": "127.0.0.1", "name": NAME, "type": kind, "expect": [value]})
    assert [one["loc"] for one in refused.value.errors()] == [("expect",)]
