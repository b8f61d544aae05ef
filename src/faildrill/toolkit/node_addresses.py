"""Which declared node an address means, however it is spelled: nodes name each other as their operators set them up.

`::1` is `0:0:0:0:0:0:0:1`, `::ffff:10.0.0.1` is `10.0.0.1`, `DB1.internal.` is `db1.internal`, and a name is what it
resolves to here. Where a node has another address in the others' network than in ours, nothing here can tell that:
its `known_as` does, in the environment file.
"""

import asyncio
import ipaddress
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

_RESOLVING: Final = 1.0
"""Seconds in which a name must resolve; one that doesn't is compared as it is spelled."""
_KEPT: Final = 10.0
"""Seconds for which an answer of the resolver is used again."""


class Address(NamedTuple):
    """A host as somebody spells it, and a port."""

    host: str
    port: int

    @classmethod
    def read(cls, text: str) -> "Address":
        """Read HOST:PORT, also `[::1]:6379` and, as Redis writes it, `::1:6379`; ValueError where it is none."""
        host, _, port = text.rpartition(":")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Directory:
    """The declared nodes by all the addresses that are theirs."""

    def __init__(self, members: Mapping[str, Iterable[Address]], resolved: Mapping[str, frozenset[str]]) -> None:
        self._members = {name: list(addresses) for name, addresses in members.items()}
        self._resolved = resolved

    def member(self, address: Address) -> str | None:
        """Return the one node that an address means; None where it means none, or more than one could be meant."""
        # By spelling first: two nodes behind one address (a host with two instances) are told apart by how they are
        # declared.
        spelled = canonical(address.host), address.port
        for name, own in self._members.items():
            if any((canonical(declared.host), declared.port) == spelled for declared in own):
                return name
        names = [
            name for name, own in self._members.items() if any(self._same(own_address, address) for own_address in own)
        ]
        # Several that could be meant are none: a node that is taken for another one would be acted on in its place.
        return names[0] if len(names) == 1 else None

    def _same(self, one: Address, other: Address) -> bool:
        return one.port == other.port and bool(self._hosts(one.host) & self._hosts(other.host))

    def _hosts(self, host: str) -> frozenset[str]:
        plain = canonical(host)
        return self._resolved.get(plain, frozenset()) | {plain}


def canonical(host: str) -> str:
    """Return the one spelling of an IP address, or of a name as it is compared."""
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return host.lower().rstrip(".")
    # RFC 4291, 2.5.5.2: a socket that serves both families tells its IPv4 peers so.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


async def directory(members: Mapping[str, Iterable[Address]], told: Iterable[Address]) -> Directory:
    """Resolve what nodes are declared as, and what they tell of each other, within a bound on time.

    Names are resolved only where something told is not spelled as declared.
    """
    declared = {name: list(addresses) for name, addresses in members.items()}
    known = {(canonical(address.host), address.port) for own in declared.values() for address in own}
    addresses = list(told)
    if all((canonical(address.host), address.port) in known for address in addresses):
        return Directory(declared, {})
    names = {canonical(address.host) for own in declared.values() for address in own} | {
        canonical(address.host) for address in addresses
    }
    looked_up = sorted(name for name in names if not _is_address(name))
    resolved = await asyncio.gather(*(_resolved(name) for name in looked_up))
    return Directory(declared, dict(zip(looked_up, resolved, strict=True)))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


_answers: Final[dict[str, tuple[float, frozenset[str]]]] = {}
"""By name: when it was answered (monotonic seconds), and with which addresses."""


async def _resolved(name: str) -> frozenset[str]:
    """Return the addresses of a name; none where it has none, or the resolver is silent."""
    at, resolved = _answers.get(name, (-_KEPT, frozenset[str]()))
    if time.monotonic() - at < _KEPT:
        return resolved
    try:
        async with asyncio.timeout(_RESOLVING):
            answers = await asyncio.get_running_loop().getaddrinfo(name, None)
    except (OSError, UnicodeError):  # a name that no resolver would be asked for is none
        return frozenset()
    resolved = frozenset(canonical(str(answer[-1][0])) for answer in answers)
    _answers[name] = time.monotonic(), resolved
    return resolved


def own_addresses(members: Mapping[str, Any]) -> dict[str, list[Address]]:
    """Return by member the addresses by which it may be named: its `host` and `port`, and its `known_as`."""
    return {
        name: [Address(host.host, host.port), *([Address.read(host.known_as)] if host.known_as else [])]
        for name, host in members.items()
    }
