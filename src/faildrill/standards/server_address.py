"""The address of a server in one form, however it is written: of HAProxy, of NGINX, or in a standard."""

import ipaddress
import re
from typing import Final

_FAMILY: Final = re.compile(r"^(?:ipv4|ipv6|tcp|tcp4|tcp6|mptcp4?|mptcp6?|quic4|quic6|udp|udp4|udp6|stream|dgram)\+?@")
_SOCKET: Final = re.compile(r"^(?:stream\+|dgram\+)?unix[@:]|(?=^/)")
_PORT: Final = re.compile(r"([+-]?)([0-9]{1,9})")
_ANY: Final = "0.0.0.0"  # noqa: S104 - nothing is bound to it
"""What `*`, or a port alone, stands for."""


def canonical(address: str) -> str:
    """Return an address in one form: names in lower case, IPv6 as short as it goes, the port where there is one."""
    bare = _FAMILY.sub("", address.strip())
    if _SOCKET.match(bare):
        return "unix:" + _SOCKET.sub("", bare, count=1)
    host, colon, port = bare.rpartition(":")
    match = _PORT.fullmatch(port)
    if not colon or match is None or bare.endswith("]"):
        host, match = bare.removesuffix(":"), None
    host = _host(host)
    if match is None or not int(match[2]):
        return host
    return f"{host} {'-' if match[1] == '-' else ''}{int(match[2])}"


def is_name(address: str | None) -> bool:
    """Tell whether an address is a name, which may stand for several servers."""
    host = canonical(address or "unix:").partition(" ")[0]
    if host == "localhost" or host.startswith("unix:"):
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return False


def is_local(address: str | None) -> bool:
    """Tell whether an address is on the host of whoever connects to it: a socket, or a loopback address."""
    host = canonical(address or "").partition(" ")[0]
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def port(address: str | None) -> int | None:
    """Return the port of an address; None where it names none, or one that is reckoned from the client's."""
    _, _, number = canonical(address or "").partition(" ")
    return int(number) if number.isdigit() else None


def _host(text: str) -> str:
    bare = text.removeprefix("[").removesuffix("]")
    if bare in ("", "*"):
        return _ANY
    try:
        return ipaddress.ip_address(bare).compressed
    except ValueError:
        return bare.lower().removesuffix(".")
