"""Whether a member on a host is what answers at an address: a connection of our own is seen to arrive there."""

import asyncio
import ipaddress
from contextlib import suppress
from typing import Final, NamedTuple

from faildrill.errors import CannotSee
from faildrill.toolkit.listeners import parted

CONNECTED_WITHIN: Final = 3.0
"""Seconds for one connection."""
_Host = ipaddress.IPv4Address | ipaddress.IPv6Address


class End(NamedTuple):
    """One end of a connection."""

    host: _Host
    port: int

    def __str__(self) -> str:
        """Write it as /proc/net/tcp does where the smallest byte is the first: words of four bytes, turned around."""
        packed = self.host.packed
        words = [packed[at : at + 4][::-1].hex().upper() for at in range(0, len(packed), 4)]
        return f"{''.join(words)}:{self.port:04X}"

    @property
    def mapped(self) -> "End":
        """The same as a socket of IPv6 has it that takes connections of IPv4."""
        return End(ipaddress.IPv6Address(f"::ffff:{self.host}"), self.port)


class Connection(NamedTuple):
    """A connection to an address, by its two ends, as /proc/net/tcp of a host has them."""

    family: int
    local4: str
    remote4: str
    local6: str
    remote6: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words of an order."""
        return (str(self.family), self.local4, self.remote4, self.local6, self.remote6)


class Connected:
    """Holds a connection to HOST:PORT while the host is asked whether it has arrived; CannotSee where none is made."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECTED_WITHIN):
                _, self._writer = await asyncio.open_connection(*parted(self._address))
        except (OSError, UnicodeError) as error:
            raise CannotSee(f"nobody takes connections at {self._address}") from error
        ends = (self._writer.get_extra_info("peername"), self._writer.get_extra_info("sockname"))
        if not all(ends):
            raise CannotSee(f"the connection to {self._address} was ended at once")
        return between(*(End(_host(end[0]), int(end[1])) for end in ends))

    async def __aexit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()


def between(there: End, here: End) -> Connection:
    """Return a connection as the host at its other end has it: that end is local to it."""
    if isinstance(there.host, ipaddress.IPv4Address):
        return Connection(4, str(there), str(here), str(there.mapped), str(here.mapped))
    return Connection(6, "-", "-", str(there), str(here))


def _host(text: str) -> _Host:
    # Without its scope (`fe80::1%eth0`), which no table of the kernel has.
    return ipaddress.ip_address(text.partition("%")[0])
