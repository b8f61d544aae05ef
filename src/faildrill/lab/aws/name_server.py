"""The name server of the cluster: `python -m faildrill.lab.aws.name_server ADDRESS PORT ZONE_FILE`.

Authoritative, over UDP. It reads its zone at every question, so a name leads elsewhere from the moment at which the
file was replaced.
"""

import asyncio
import sys
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

    def __init__(self, path: Path) -> None:
        self._path = path
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
        current = zone.read(self._path)
        if current.mode != "silent" and self._transport is not None:
            self._transport.sendto(answer(question, current).to_wire(), addr)


def answer(question: dns.message.Message, current: Zone) -> dns.message.Message:
    """Return the answer to a question, of a zone as it is."""
    response = dns.message.make_response(question)
    response.flags |= dns.flags.AA
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


async def serve(address: str, port: int, path: Path) -> None:
    """Serve until ended."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: NameServer(path), local_addr=(address, port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
