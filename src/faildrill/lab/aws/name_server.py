"""A name server: `python -m faildrill.lab.aws.name_server ADDRESS PORT ZONE_FILE [SECONDS]`.

Over UDP. Authoritative, it reads its zone at every question, so that a name leads elsewhere from the moment at which
the file is replaced. With SECONDS it is the resolver of an office: it keeps what it has been told for that long,
whatever the zone says of it.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from faildrill.lab.aws import zone
from faildrill.lab.aws.zone import Zone

_A: Final = dns.rdatatype.A


class NameServer(asyncio.DatagramProtocol):
    """Answers for one zone."""

    def __init__(self, path: Path, keeps: float = 0.0) -> None:
        self._path = path
        self._keeps = keeps
        self._kept: dict[str, tuple[float, Zone]] = {}
        """Until when what is kept of each name, as it was asked for."""
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        """Take the socket to answer on."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question; what is no question gets no answer."""
        try:
            question = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        told = self.told(question, time.monotonic())
        if told is not None and self._transport is not None:
            self._transport.sendto(told.to_wire(), addr)

    def told(self, question: dns.message.Message, now: float) -> dns.message.Message | None:
        """Return the answer to a question at a moment, in seconds of any clock; None for silence."""
        if not self._keeps:
            current = zone.read(self._path)
            return None if current.mode == "silent" else answer(question, current)
        until, kept = self._kept.get(_key(question), (0.0, None))
        if kept is None or now >= until:
            current = zone.read(self._path)
            if current.mode != "answers":  # it goes on with what it had, as resolvers do (RFC 8767)
                return answer(question, kept, authoritative=False) if kept else None
            until, kept = self._kept[_key(question)] = now + self._keeps, current
        return answer(question, Zone(kept.names, max(1, int(until - now))), authoritative=False)


def answer(question: dns.message.Message, current: Zone, *, authoritative: bool = True) -> dns.message.Message:
    """Return the answer to a question, of a zone as it is."""
    response = dns.message.make_response(question)
    response.flags |= dns.flags.AA if authoritative else dns.flags.RA
    if current.mode == "servfail":
        response.set_rcode(dns.rcode.SERVFAIL)
        return response
    for asked in question.question:
        address = current.names.get(asked.name.to_text(omit_final_dot=True).lower())
        if address is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == _A:
            response.answer.append(dns.rrset.from_text(asked.name, current.ttl, "IN", "A", address))
    return response


def _key(question: dns.message.Message) -> str:
    return " ".join(asked.to_text().lower() for asked in question.question)


async def serve(address: str, port: int, path: Path, keeps: float) -> None:
    """Serve until ended."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: NameServer(path, keeps), local_addr=(address, port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), float((*sys.argv[4:], "0")[0])))
