"""One question to one DNS server: an address of a name, and for how long it may be kept. By UDP, or TCP if told to."""

import asyncio
import contextlib
import socket
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from faildrill.system.resolver import asking

_AGAIN: Final = 1.0
"""Seconds until a question is sent again, as it or its answer may be lost."""
_PAYLOAD: Final = 1232
"""Bytes of an answer that we say we take by UDP."""
_LENGTH: Final = 2
"""Bytes before a message on TCP that say how long it is (RFC 1035, 4.2.2)."""


class _Question(asyncio.DatagramProtocol):
    """Waits for an answer."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Keep what came."""
        self.came.put_nowait(data)

    async def next(self) -> bytes:
        """Return what comes next; OSError where nobody listens."""
        came = await self.came.get()
        if isinstance(came, OSError):
            raise came
        return came

    def error_received(self, error: Exception) -> None:
        """Keep that nobody listens there."""
        self.came.put_nowait(error if isinstance(error, OSError) else OSError(str(error)))


async def ask(server: tuple[str, int], host: str, kind: str) -> tuple[str, float] | None:
    """Return an address and its TTL in seconds; None where there is none of that type, gaierror where nobody says.

    Of several addresses it is the first one, as the server orders them.
    """
    query = dns.message.make_query(host, kind, use_edns=0, payload=_PAYLOAD)
    where = f"{server[0]}:{server[1]}"
    async with asking(host):
        answer = await _asked(query, server)
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise socket.gaierror(socket.EAI_AGAIN, f"{where} says {dns.rcode.to_text(answer.rcode())}")
    if not isinstance(answer, dns.message.QueryMessage):
        return None
    try:
        chain = answer.resolve_chaining()
    except dns.exception.DNSException as error:
        raise socket.gaierror(socket.EAI_AGAIN, f"{where} says what is no answer: {error}") from error
    if chain.answer is None:
        return None
    return str(next(iter(chain.answer)).address), float(chain.minimum_ttl)


async def _asked(query: dns.message.Message, server: tuple[str, int]) -> dns.message.Message:
    transport: asyncio.DatagramTransport | None = None
    try:
        transport, asked = await asyncio.get_running_loop().create_datagram_endpoint(_Question, remote_addr=server)
        answer = await _answered(query, transport, asked)
        return await _whole(query, server) if answer.flags & dns.flags.TC else answer
    except (OSError, EOFError, dns.exception.DNSException) as error:
        raise socket.gaierror(socket.EAI_AGAIN, f"nobody answers at {server[0]}:{server[1]}") from error
    finally:
        if transport is not None:
            transport.close()


async def _answered(
    query: dns.message.Message, transport: asyncio.DatagramTransport, asked: _Question
) -> dns.message.Message:
    """Send a question, again and again, until its answer comes; what is no answer to it is passed over."""
    while True:
        transport.sendto(query.to_wire())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_AGAIN):
                while True:
                    with contextlib.suppress(dns.exception.DNSException):
                        answer = _read(await asked.next())
                        if query.is_response(answer):
                            return answer


def _read(data: bytes) -> dns.message.Message:
    """Read a message, also one that was cut off, as its flag TC says; DNSException where it is none."""
    try:
        return dns.message.from_wire(data, raise_on_truncation=True)
    except dns.message.Truncated as error:
        cut: dns.message.Message = error.message()  # type: ignore[no-untyped-call] # dnspython does not say
        return cut


async def _whole(query: dns.message.Message, server: tuple[str, int]) -> dns.message.Message:
    """Ask again by TCP, for an answer that was too long for UDP; OSError, EOFError, DNSException."""
    reader, writer = await asyncio.open_connection(*server)
    with contextlib.closing(writer.transport):
        wire = query.to_wire()
        writer.write(len(wire).to_bytes(_LENGTH) + wire)
        answer = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(_LENGTH))))
    if not query.is_response(answer):
        raise dns.message.NotQueryResponse
    return answer
