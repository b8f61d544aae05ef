"""Who listens at an address of this host, as the kernel tells it: the processes that would answer there."""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from faildrill.errors import CannotSee
from faildrill.ports import causes
from faildrill.system import processes
from faildrill.toolkit.connection_errors import of_name, outcome_of

_LISTEN: Final = "0A"
"""TCP_LISTEN of the kernel's tcp_states.h, in hexadecimal as /proc/net/tcp has it."""
_STOPPED: Final = "Tt"
"""States of processes that are held: by a signal, by a tracer."""
_TABLES: Final = (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6))
"""proc_pid_net(5): a file for each family; a socket of IPv6 may take connections of IPv4 as well."""
_LOCALHOST: Final = ("127.0.0.1", "::1")
_Host = ipaddress.IPv4Address | ipaddress.IPv6Address


class Listeners(NamedTuple):
    """The sockets that take connections to one address, by the processes that hold them."""

    address: str
    sockets: tuple[frozenset[int], ...]
    """Of each socket, the processes that hold it, as far as this user may see; a connection goes to any of them."""

    @property
    def pids(self) -> list[int]:
        """All processes that hold one of them, sorted."""
        return sorted({pid for pids in self.sockets for pid in pids})

    @property
    def is_seen(self) -> bool:
        """Of every socket somebody is known who holds it: where none is, nobody knows whose it is."""
        return all(self.sockets)

    def belong_to(self, pids: Collection[int]) -> bool:
        """Tell whether somebody listens, and each socket is held by one of these processes."""
        return bool(self.sockets) and all(holders & set(pids) for holders in self.sockets)

    def __str__(self) -> str:
        """Tell who listens, in words for a sentence."""
        if not self.sockets:
            return f"nobody listens at {self.address}"
        names = {pid: processes.name(pid) or "gone by now" for pid in self.pids}
        who = (
            ", ".join(f"process {pid} ({name})" for pid, name in names.items()) or "a process that this user can't see"
        )
        return f"{who} listens at {self.address}"


async def listeners(address: str, mine: Collection[int] = ()) -> Listeners:
    """Return who listens at HOST:PORT, which must lead to this host; others than `mine` only where those hold not all.

    CannotSee where the name leads nowhere, to another host, or the kernel's tables can't be read. A connection goes
    to the sockets that are bound to the very address; only where there are none, to those bound to all addresses.
    """
    host, port = parted(address)
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CannotSee(_unresolved(address, error)) from error
    # Without its scope (`fe80::1%eth0`), which no table of the kernel has.
    hosts = {ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in infos}
    if far := [address_of_host for address_of_host in hosts if not _is_here(address_of_host)]:
        raise CannotSee(f"{address} leads to {far[0]}, which is no address of this host: its process can't be seen")
    rows = list(_rows(port))
    inodes = {inode for local in hosts for inode in _taking(local, rows)}
    holders = _holders(inodes, mine)
    if not all(holders.values()):
        holders = _holders(inodes, processes.pids())
    return Listeners(address, tuple(frozenset(pids) for pids in holders.values()))


async def unaccepting(address: str, within: float) -> str:
    """Tell why HOST:PORT accepts no connection within float seconds; the empty string where it does."""
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(*parted(address))
    except (OSError, UnicodeError, CannotSee) as error:
        if not isinstance(error, OSError):
            return str(error)
        outcome, words = outcome_of(error)
        return words or outcome.in_words()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return ""


async def is_dark(address: str, within: float) -> bool:
    """Tell whether nobody takes connections at HOST:PORT: refused, reset, or silent for float seconds.

    CannotSee when that can't be told, e.g. as the name can't be resolved.
    """
    host, port = parted(address)
    try:
        async with asyncio.timeout(within):
            _, writer = await asyncio.open_connection(host, port)
    except (TimeoutError, ConnectionError) as error:
        if name := of_name(error):  # nobody was asked for a connection
            raise CannotSee(f"{address}: {name}") from error
        return True
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return True
        raise CannotSee(f"{address}: {error}") from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return False


def _unresolved(address: str, error: BaseException) -> str:
    words = of_name(error) or f"the name can't be asked for: {error}"
    return f"where {address} leads is unknown: {words}; {causes.what_to_do(words, address)}"


async def is_held(address: str) -> bool | None:
    """Tell whether all that listens at HOST:PORT is stopped by a signal, as this host's kernel tells.

    None where that can't be seen from here: another host's, or another user's.
    """
    try:
        there = await listeners(address)
    except CannotSee:
        return None
    states = [state for pid in there.pids if (state := processes.state(pid))]
    # All: a connection goes to any process that holds the socket, so one that runs is enough to answer.
    return all(state in _STOPPED for state in states) if there.is_seen and states else None


async def greets(address: str, within: float) -> bool:
    """Tell whether who listens at HOST:PORT says a word to who connects, as MariaDB does; False when not in time."""
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(*parted(address))
            try:
                return bool(await reader.read(1))
            finally:
                writer.transport.abort()
    except OSError:
        return False


def parted(address: str) -> tuple[str, int]:
    """Part HOST:PORT; CannotSee where it is none."""
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()):
        raise CannotSee(f"{address!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def plain_address(address: str) -> str:
    """Return HOST:PORT in one spelling: small letters, no dot at the end, 127.0.0.1 and ::1 as localhost.

    Other loopback addresses are places of their own: another process may listen at each.
    """
    host, _, port = address.rpartition(":")
    name = host.strip("[]").lower().removesuffix(".")
    with suppress(ValueError):
        ip = ipaddress.ip_address(name)
        name = "localhost" if str(ip) in _LOCALHOST else str(ip)
    return f"{name}:{int(port) if port.isdecimal() else port}"


class _Row(NamedTuple):
    """A listening socket of this network namespace."""

    host: _Host
    inode: str


def _rows(port: int) -> Iterator[_Row]:
    for table, family in _TABLES:
        try:
            lines = Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue  # a kernel without IPv6
        except OSError as error:
            raise CannotSee(f"/proc/net/{table} can't be read: {error}") from error
        for line in lines:
            # Columns of /proc/net/tcp: sl, local_address, rem_address, st, …; the 10th is the socket's inode.
            fields = line.split()
            raw, _, at = fields[1].partition(":")
            if fields[3] == _LISTEN and int(at, 16) == port:
                yield _Row(_host(raw, family), fields[9])


def _host(raw: str, family: int) -> _Host:
    """Read an address as /proc/net has it: words of four bytes, each in the machine's own order."""
    words = bytes.fromhex(raw)
    whole = b"".join(words[at : at + 4][::-1] for at in range(0, len(words), 4))
    return ipaddress.ip_address(socket.inet_ntop(family, whole))


def _taking(host: _Host, rows: list[_Row]) -> list[str]:
    """Return the sockets that take connections to an address, by the most special of the addresses they have."""
    # As the kernel looks it up: the very address wins over all addresses, those of one family over those of both.
    for same in ({host, _mapped(host)}, {_any(host)}, {ipaddress.IPv6Address("::")}):
        if taking := [row.inode for row in rows if row.host in same]:
            return taking
    return []


def _mapped(host: _Host) -> _Host:
    return ipaddress.IPv6Address(f"::ffff:{host}") if isinstance(host, ipaddress.IPv4Address) else host


def _any(host: _Host) -> _Host:
    return ipaddress.IPv4Address(0) if isinstance(host, ipaddress.IPv4Address) else ipaddress.IPv6Address(0)


def _holders(inodes: Collection[str], pids: Iterable[int]) -> dict[str, set[int]]:
    """Return which of these processes hold each of these sockets, as far as this user may look."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    holders: dict[str, set[int]] = {inode: set() for inode in inodes}
    for pid in pids if wanted else ():
        with suppress(OSError):  # gone by now, or another user's
            for leads_to in processes.descriptors(pid):
                if leads_to in wanted:
                    holders[wanted[leads_to]].add(pid)
    return holders


def _is_here(host: _Host) -> bool:
    """Tell whether an address is one of this host's: only those can be bound."""
    if host.is_loopback:
        return True
    family = socket.AF_INET6 if isinstance(host, ipaddress.IPv6Address) else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            # ip(7): only a local address can be bound, unless `ip_nonlocal_bind` is set. Nothing is sent, port 0 is
            # any.
            asking.bind((str(host), 0))
        except OSError:
            return False
    return True
