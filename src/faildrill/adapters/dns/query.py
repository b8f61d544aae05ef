"""`dns.query`: what one server answers to one question, over UDP or TCP."""

import asyncio
import contextlib
import re
import secrets
import socket
import time
from functools import cached_property
from typing import Annotated, Final, Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from faildrill.adapters.dns import records
from faildrill.adapters.tcp.connect import Way, failed, reset
from faildrill.ports import Given, Kind, Seen, Words
from faildrill.ports.addresses import LAST_PORT, in_ascii
from faildrill.record.samples import Outcome
from faildrill.system.resolver import is_address

PORT: Final = 53
"""Of DNS, where none is named (RFC 1035, 4.2)."""
PAYLOAD: Final = 1232
"""Bytes of an answer over UDP that we say we take: what passes unfragmented nearly everywhere."""
_LENGTH: Final = 2
"""Bytes before each message over TCP that give its length."""
_HOST: Final = re.compile(r"[\w.-]+")
"""What a host's name or address may be made of; whether it can be one is asked later."""
_KNOW_NO_EDNS: Final = (dns.rcode.FORMERR, dns.rcode.NOTIMP)
"""What a server says to a question with EDNS in it that has never heard of that (RFC 6891, 7; RFC 2671, 5.3)."""

Type = Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]


def _server(text: str) -> str:
    host, port = _place(text)
    named = is_address(host) if ":" in host or text.startswith("[") else _HOST.fullmatch(host)
    if not named or not 0 < port <= LAST_PORT:
        raise ValueError("a server is HOST or HOST:PORT, e.g. 127.0.0.53 or [::1]:5353")
    in_ascii(host)
    return text


def _place(text: str) -> tuple[str, int]:
    """Take a server apart into host and port; an empty host where it is none."""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        port = port.removeprefix(":") if closed else "none"
    # An IPv6 address without brackets, so it has no port behind it.
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not port:
        return host, PORT
    return (host, int(port)) if port.isascii() and port.isdecimal() else ("", 0)


def _name(text: str) -> str:
    try:
        dns.name.from_text(text)
    except dns.exception.DNSException as error:
        raise ValueError(f"not the name of anything in DNS: {error}") from None
    return text


class Query(Kind):
    """Asks one DNS server one question; good when a record of the type comes, and with `expect` exactly those values.

    Every look is one question to this server: nothing is retried, so a lost packet is a look that timed out. The look
    is `wrong`, with the server's own code (`NXDOMAIN`, `SERVFAIL`), if there is no record of the type, if the answer
    was cut off (then ask over tcp), or if the values are not those of `expect`, in any order. Answers to another
    question or from another server are ignored, and so are records of another name than the one asked about, unless
    CNAMEs in the answer lead there. A server that says it doesn't know EDNS is asked again without, as by any resolver.

    `who` is the values of the answer, so that `never: {of, changes: true}` sees a record that moves. The values of
    `expect` may be spelled in any way that means the same. A TXT is what its strings say together: written so, or as in
    a zone file, `'"v=1" "; x"'`. A caching server goes on answering after the server behind it is gone, so give each
    server a probe of its own.

        probes:
          name: {dns.query: {server: 127.0.0.53, name: db.internal, expect: [10.0.0.7]}, every: 100ms}
    """

    server: Annotated[str, AfterValidator(_server)] = Field(description="HOST or HOST:PORT")
    name: Annotated[str, AfterValidator(_name)] = Field(description="the name asked about")
    type: Type = Field(default="A", description="the type of record asked for")
    over: Literal["udp", "tcp"] = Field(default="udp", description="how it is asked; tcp connects for every look")
    expect: tuple[Words, ...] | None = Field(
        default=None, min_length=1, description="exactly the values that must come"
    )
    recurse: bool = Field(
        default=True, description="whether the server may ask others if it doesn't know the answer itself"
    )

    @cached_property
    def place(self) -> tuple[str, int]:
        """The server's host and port."""
        host, port = _place(self.server)
        return in_ascii(host), port

    @field_validator("expect")
    @classmethod
    def _can_come(cls, expect: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        for value in expect or ():
            if "type" in info.data:
                records.read(value, info.data["type"])
        return expect

    @cached_property
    def _wanted(self) -> frozenset[str] | None:
        return None if self.expect is None else frozenset(records.read(value, self.type) for value in self.expect)

    @cached_property
    def _without_edns(self) -> set[tuple[str, int]]:
        """Holds the server, once it is known not to know EDNS."""
        return set()

    async def look(self, given: Given) -> Seen:
        """Ask once."""
        del given
        sent = time.monotonic_ns()
        try:
            answer = await self._answer()
        except OSError as error:
            return failed(error, sent)
        answered = time.monotonic_ns()
        if isinstance(answer, str):
            outcome = Outcome.RESET if answer == _CLOSED else Outcome.WRONG
            return Seen(outcome, detail=answer, sent=sent, answered=answered)
        return self._weighed(answer)._replace(sent=sent, answered=answered)

    async def _answer(self) -> "_Answer":
        """Ask in the way that this server is known to understand, and in the other one where that is of no use.

        Without EDNS only 512 bytes come over UDP, so where that cuts an answer off, it is tried again with it: another
        server may have come behind the address.
        """
        plainly = bool(self._without_edns)
        answer = await self._ask(edns=not plainly)
        if not plainly and _knows_no_edns(answer):
            answer = await self._ask(edns=False)
            if not _knows_no_edns(answer):
                self._without_edns.add(self.place)
        elif plainly and isinstance(answer, dns.message.Message) and answer.flags & dns.flags.TC:
            whole = await self._ask(edns=True)
            if not _knows_no_edns(whole):
                self._without_edns.clear()
                return whole
        return answer

    async def _ask(self, *, edns: bool) -> "_Answer":
        flags = dns.flags.RD if self.recurse else 0
        payload = PAYLOAD if self.over == "udp" else 0
        question = dns.message.make_query(
            self.name, self.type, flags=flags, use_edns=0 if edns else False, payload=payload if edns else None
        )
        return await (_over_udp if self.over == "udp" else _over_tcp)(self.place, _Asked(question))

    def _weighed(self, answer: dns.message.Message) -> Seen:
        """Tell what an answer to our question is worth."""
        if answer.rcode() != dns.rcode.NOERROR:
            return Seen(Outcome.WRONG, detail=dns.rcode.to_text(answer.rcode()))
        if answer.flags & dns.flags.TC:
            return Seen(Outcome.WRONG, detail="cut off: ask over tcp")
        # Made anew, as servers and aliases may spell the name in other letters; names compare without regard to case.
        [asked] = dns.message.make_query(self.name, self.type).question
        values = records.values(answer, asked)
        if not values:
            stray = any(rrset.rdtype == asked.rdtype for rrset in answer.answer)
            return Seen(Outcome.WRONG, detail=f"no {self.type} record{' of this name, only of another' * stray}")
        who = records.named(values)
        if self._wanted is not None and self._wanted != frozenset(values):
            return Seen(Outcome.WRONG, who, "not the expected answer")
        return Seen(Outcome.OK, who)


_CLOSED: Final = "closed"
"""What a connection that the server has ended comes to."""
_Answer = dns.message.Message | str
"""What came back, or why nothing can any more."""


def _knows_no_edns(answer: _Answer) -> bool:
    return isinstance(answer, dns.message.Message) and answer.edns < 0 and answer.rcode() in _KNOW_NO_EDNS


class _Asked:
    """One question under a number of its own, and what answers it."""

    def __init__(self, question: dns.message.Message) -> None:
        # At random (RFC 5452): an answer to another look's question, or a forged one, must not fit by counting on.
        self._number = secrets.randbits(16)
        self._asked = question.question
        self.wire = self._number.to_bytes(2, "big") + question.to_wire()[2:]

    def heard(self, wire: bytes) -> _Answer | None:
        """Return the answer that a message is to this question; None when it is to another one, or none at all."""
        try:
            answer = dns.message.from_wire(wire, ignore_trailing=True)
        except (dns.exception.DNSException, ValueError):
            return None if wire[:2] != self.wire[:2] else "not a message of DNS"
        ours = answer.id == self._number and answer.flags & dns.flags.QR
        # A server that could not read the question, or refuses it, may leave it out of its answer.
        return answer if ours and (answer.question == self._asked or not answer.question) else None


async def _over_udp(place: tuple[str, int], asked: _Asked) -> _Answer:
    loop = asyncio.get_running_loop()
    if not is_address(place[0]):
        [*_, where] = (await loop.getaddrinfo(*place, type=socket.SOCK_DGRAM))[0]
        place = str(where[0]), place[1]
    # Connected: the kernel hands over only what this server sends, and tells ICMP's "port unreachable" as an error
    # (udp(7)).
    transport, hearing = await loop.create_datagram_endpoint(lambda: _Datagrams(asked), remote_addr=place)
    try:
        transport.sendto(asked.wire)
        return await hearing.answer
    finally:
        transport.close()


async def _over_tcp(place: tuple[str, int], asked: _Asked) -> _Answer:
    transport, hearing = await Way(*place).connect(lambda: _Stream(asked))
    try:
        transport.write(len(asked.wire).to_bytes(_LENGTH, "big") + asked.wire)
        return await hearing.answer
    finally:
        # Reset: a look a hundred times a second would fill this host with ports in TIME_WAIT.
        reset(transport)


class _Datagrams(asyncio.DatagramProtocol):
    """A socket that only hears the server; a port that nobody listens at is told by the network, as an error."""

    def __init__(self, asked: _Asked) -> None:
        self._asked = asked
        self.answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        answer = self._asked.heard(data)
        if answer is not None and not self.answer.done():
            self.answer.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


class _Stream(asyncio.Protocol):
    """A connection on which messages come, each after its length."""

    def __init__(self, asked: _Asked) -> None:
        self._asked = asked
        self._read = bytearray()
        self.answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self._read += data
        # Several messages may come (RFC 7766, 6.2.1.1); those that are none of ours are passed over.
        while len(self._read) >= _LENGTH:
            end = _LENGTH + int.from_bytes(self._read[:_LENGTH], "big")
            if len(self._read) < end:
                return
            self._end(self._asked.heard(bytes(self._read[_LENGTH:end])))
            del self._read[:end]

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None or not isinstance(exc, OSError):
            self._end(_CLOSED)
        elif not self.answer.done():
            self.answer.set_exception(exc)
            with contextlib.suppress(asyncio.InvalidStateError):
                self.answer.exception()  # when nobody waits any more, it is not worth a word

    def _end(self, answer: _Answer | None) -> None:
        if answer is not None and not self.answer.done():
            self.answer.set_result(answer)
