"""TCP: `tcp.connect`, and what every probe over TCP needs: where a name leads, and what a failed connection means."""

import asyncio
import socket
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeVar

from pydantic import Field

from faildrill.ports import Given, Kind, Seen
from faildrill.ports.addresses import Address, host_and_port
from faildrill.record.samples import Outcome
from faildrill.system.resolver import RESETTING, is_address, telling
from faildrill.toolkit.connection_errors import outcome_of

LARGEST: Final = 1 << 20
"""Bytes of an answer that are read at the most."""
CUT_AFTER: Final = 4
"""A way is cut when connecting takes longer than this many times the slowest that succeeded …"""
CUT_FROM: Final = 5_000_000
"""… at the least for this (ns) …"""
CUT_BY: Final = 100_000_000
"""… and at the most, as an attempt that TCP repeated took longer than the way is long."""
FORGETTING: Final = 10
"""The slowest is forgotten by a 2 to the power of this part with each other attempt."""
P = TypeVar("P", bound=asyncio.BaseProtocol)


def failed(error: OSError, sent: int) -> Seen:
    """Turn an error into what a look saw that began at `sent`."""
    answered = time.monotonic_ns()
    outcome, detail = outcome_of(error)
    return Seen(outcome, detail=detail, sent=sent, answered=answered)


class Way:
    """The way to a host and port: an address is taken as it is, a name is resolved for every connection anew."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._address = (host, port) if is_address(host) else None
        self._waiting: dict[object, int] = {}
        self._reached = 0
        self._slowest = 0

    def is_cut(self, now: int) -> bool:
        """Tell whether attempts to connect get no answer at all, for longer than they ever took to succeed.

        A service that hangs goes on being connected to, by its kernel. So whoever can't connect is not noticed by it:
        packets are dropped on the way, or its queue of connections is full.
        """
        # A dict keeps the order of insertion, so the first one is the oldest.
        oldest = next(iter(self._waiting.values()), None)
        tolerated = min(max(CUT_AFTER * self._slowest, CUT_FROM), CUT_BY)
        return oldest is not None and now - max(oldest, self._reached) > tolerated

    async def connect(self, factory: Callable[[], P], **tls: Any) -> tuple[asyncio.Transport, P]:
        """Connect to the first address that takes it; OSError of the last one when none does."""
        if tls:  # a service that hangs doesn't answer its greeting either, but has it to read when it wakes
            return await self._connect(factory, **tls)
        attempt, began = object(), time.monotonic_ns()
        self._waiting[attempt] = began
        try:
            connected = await self._connect(factory)
        except OSError:
            self._reached = time.monotonic_ns()
            raise
        else:
            self._reached = time.monotonic_ns()
            self._slowest = max(self._reached - began, self._slowest - (self._slowest >> FORGETTING))
            return connected
        finally:
            del self._waiting[attempt]

    async def _connect(self, factory: Callable[[], P], **tls: Any) -> tuple[asyncio.Transport, P]:
        loop = asyncio.get_running_loop()
        if self._address:
            return await loop.create_connection(factory, *self._address, **tls)
        errors: list[OSError] = []
        for *_, where in await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM):
            try:
                return await loop.create_connection(factory, str(where[0]), self._port, **tls)
            except OSError as error:
                errors.append(error)
        raise telling(errors)


def reset(transport: asyncio.Transport) -> None:
    """Close a connection so that neither side keeps anything of it."""
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
    transport.abort()


class Connect(Kind):
    """Opens a TCP connection at each look; can also send a text and wait for an expected one.

    OK when the connection stands and, with `expect`, when that text has come. WRONG when the other side said something
    else and closed, or sent more than 1 MiB without the text. Whoever accepts is good: a load balancer without servers
    behind it accepts too, so ask for an answer if you can.
    """

    address: Address = Field(description="HOST:PORT")
    send: str | None = Field(default=None, description="sent as soon as the connection stands")
    expect: str | None = Field(default=None, min_length=1, description="text that must come")

    @cached_property
    def way(self) -> Way:
        """The way to the address."""
        return Way(*host_and_port(self.address))

    def is_cut(self, now: int) -> bool:
        """Tell whether a look would not even get to the address."""
        return self.way.is_cut(now)

    async def look(self, given: Given) -> Seen:
        """Connect, talk where asked to, and hang up."""
        del given
        way = self.way
        sent = time.monotonic_ns()
        try:
            transport, talk = await way.connect(lambda: _Talk(self, sent))
        except OSError as error:
            return failed(error, sent)
        try:
            talk.start(transport)
            return await talk.seen
        finally:
            reset(transport)


class _Talk(asyncio.Protocol):
    """One connection: sends what is to be sent and reads until it has seen what it is to see."""

    def __init__(self, kind: Connect, sent: int) -> None:
        self._send = (kind.send or "").encode()
        self._expect = (kind.expect or "").encode()
        self._sent = sent
        self._read = bytearray()
        self._length = 0
        self.seen: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()

    def start(self, transport: asyncio.Transport) -> None:
        """Talk over a connection that stands now."""
        if self._send:
            transport.write(self._send)
        if not self._expect:
            self._end(Outcome.OK)

    def data_received(self, data: bytes) -> None:
        self._read += data
        self._length += len(data)
        if self._expect in self._read:
            self._end(Outcome.OK)
        elif self._length > LARGEST:
            self._end(Outcome.WRONG, "more than 1 MiB, and not what is expected")
        # Only as much is kept as the begun text could need: the rest can't become part of it any more.
        del self._read[: 1 - len(self._expect) or None]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._length:
            self._end(Outcome.WRONG, "not what is expected")
        else:
            self._end(Outcome.RESET, "reset" if exc else "closed")

    def _end(self, outcome: Outcome, detail: str = "") -> None:
        if not self.seen.done():
            self.seen.set_result(Seen(outcome, detail=detail, sent=self._sent, answered=time.monotonic_ns()))
