"""What hosts, addresses and URLs look like where a file names them; each is refused at its place where it is none."""

import re
from ipaddress import ip_address
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

LAST_PORT: Final = 65535
"""The highest number of a port."""
LONGEST: Final = 253
"""Characters of a name (RFC 1035, 2.3.4, without the bytes of its form on the wire) …"""
LONGEST_LABEL: Final = 63
"""… and of each of its parts between dots."""
_NOT_IN_A_NAME: Final = re.compile(r"[\s\x00-\x1f\x7f/@,;?#\\\"'<>|%]")
"""What no name of a host has in it, though resolvers ask for it: what was typed means something else."""
_NOT_IN_A_URL: Final = re.compile(r"[\x00-\x20\x7f]")
"""Spaces, and what would end a line of a request or be taken for its end by somebody on the way."""
_PORTS: Final = {"http": 80, "https": 443}


def in_ascii(host: str) -> str:
    """Return a host as it is asked for: a name of other letters in Punycode (RFC 5891), anything else as it is.

    ValueError where it can't be one: a part of it is empty or too long, or has letters that no name can have.
    """
    # No name has a colon (RFC 1123, 2.1), and every IPv6 address has two.
    if ":" in host:
        return host  # an address of IPv6
    name = host if host.isascii() else _punycode(host)
    # A dot at the end makes a name absolute (RFC 1034, 3.1): no search domain is tried, and none of its parts is
    # empty.
    parts = name.removesuffix(".").split(".")
    if not all(parts):
        raise ValueError(f"{host!r} is no name of a host: it has nothing between two dots")
    if len(name) > LONGEST or max(map(len, parts)) > LONGEST_LABEL:
        most = f"{LONGEST} characters, and each part of it {LONGEST_LABEL}"
        raise ValueError(f"{host[:20]!r}… is too long for a host: its name has at most {most}")
    return name


def a_host(text: str) -> str:
    """Accept a name or an IP address, as it is; ValueError where it is none, or has a port, a scheme or brackets."""
    if "://" in text:
        raise ValueError(f"a host is a name or an IP address, not a URL such as {text!r}")
    if text.startswith("["):
        raise ValueError(f"the brackets around {text!r} belong to an address with a port: write the host without them")
    if ":" in text and not _is_ip(text):
        raise ValueError(f"{text!r} is no host: it is a name or an IP address, and a port has a key of its own")
    if not text or (":" not in text and _NOT_IN_A_NAME.search(text)):
        raise ValueError(f"{text!r} is no name of a host, and no IP address")
    in_ascii(text)
    return text


def an_address(text: str) -> str:
    """Accept HOST:PORT, as it is, with brackets around an IPv6 address or without; ValueError otherwise."""
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) <= LAST_PORT):
        raise ValueError(f"an address is HOST:PORT, e.g. 10.0.0.1:6379 or [2001:db8::1]:6379, not {text!r}")
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if inner != host and not _is_ip(inner):
        raise ValueError(f"in {text!r} there is no IPv6 address between the brackets")
    a_host(inner)
    return text


def host_and_port(address: str) -> tuple[str, int]:
    """Take an address apart, as `an_address` accepts it; the host as it is asked for."""
    host, _, port = address.rpartition(":")
    return in_ascii(host[1:-1] if host.startswith("[") else host), int(port)


def a_url(text: str) -> str:
    """Accept a URL that can be asked over HTTP, as it is; ValueError otherwise, or where a password is in it."""
    if _NOT_IN_A_URL.search(text):
        raise ValueError("a URL has no spaces or control characters in it")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is no URL: {error}") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError(f"a URL looks like http://HOST:PORT/PATH or https://…, not {text!r}")
    if parts.username is not None:
        raise ValueError("no user and password in a URL: give them as secret_headers")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(f"{text!r} has a colon and no port behind it" if port is None else "0 is no port")
    a_host(host)
    return text


def of_url(url: str) -> str:
    """Return the HOST:PORT that a URL leads to; what is no URL comes back as it is."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return url
    return f"[{parts.hostname}]:{port}" if ":" in (parts.hostname or "") else f"{parts.hostname}:{port}"


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _punycode(host: str) -> str:
    import idna  # noqa: PLC0415 - large, and hardly anybody needs it

    try:
        # UTS 46 first, as browsers do: capitals and full-width letters mean the same name; IDNA 2008 alone refuses
        # them.
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{host[:LONGEST]!r} is no name of a host: {error}") from None


Host = Annotated[str, AfterValidator(a_host)]
"""A field that holds the name or the IP address of a host; its port has a field of its own."""
Address = Annotated[str, AfterValidator(an_address)]
"""A field that holds HOST:PORT."""
Url = Annotated[str, AfterValidator(a_url)]
"""A field that holds a URL of HTTP or HTTPS."""
