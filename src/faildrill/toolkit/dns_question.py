"""One question to one DNS server, over UDP: an address of a name, and for how long that may be kept."""

import asyncio
import contextlib
import socket
from typing import Final

import dns.exception
import dns.message
import dns.rcode

_AGAIN: Final = 1.0
"""Seconds until a question is sent again, as it or its answer may be lost."""
_PAYLOAD: Final = 1232
"""Bytes of an answer that we say we take."""


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
    """Return an address and its TTL in seconds; None where there is none of that type, gaierror where nobody says."""
    query = dns.message.make_query(host, kind, use_edns=0, payload=_PAYLOAD)
    transport, asked = await asyncio.get_running_loop().create_datagram_endpoint(_Question, remote_addr=server)
    try:
        answer = await _answered(query, transport, asked)
    except OSError as error:
        raise socket.gaierror(socket.EAI_AGAIN, f"nobody answers at {server[0]}:{server[1]}") from error
    finally:
        transport.close()
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise socket.gaierror(socket.EAI_AGAIN, f"{server[0]}:{server[1]} says {dns.rcode.to_text(answer.rcode())}")
    if not isinstance(answer, dns.message.QueryMessage):
        return None
    chain = answer.resolve_chaining()
    if chain.answer is None:
        return None
    return str(next(iter(chain.answer)).address), float(chain.minimum_ttl)


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
                        answer = dns.message.from_wire(await asked.next())
                        if query.is_response(answer):
                            return answer
