"""Names of hosts as they are asked for: in ASCII, which is how resolvers, certificates and requests hold them."""

from typing import Final

LONGEST: Final = 253
"""Characters of a name (RFC 1035, 2.3.4, without the bytes of its form on the wire) …"""
LONGEST_LABEL: Final = 63
"""… and of each of its parts between dots."""


def in_ascii(host: str) -> str:
    """Return a host as it is asked for: a name of other letters in Punycode (RFC 5891), anything else as it is.

    ValueError where it can't be one: a part of it is empty or too long, or has letters that no name can have.
    """
    # No name has a colon (RFC 1123, 2.1), and every IPv6 address has two.
    if ":" in host:
        return host  # an address of IPv6
    found = host if host.isascii() else _punycode(host)
    # A dot at the end makes a name absolute (RFC 1034, 3.1): no search domain is tried, and none of its parts is
    # empty.
    parts = found.removesuffix(".").split(".")
    if not all(parts):
        raise ValueError(f"{host!r} is no name of a host: it has nothing between two dots")
    if len(found) > LONGEST or max(map(len, parts)) > LONGEST_LABEL:
        most = f"{LONGEST} characters, and each part of it {LONGEST_LABEL}"
        raise ValueError(f"{host[:20]!r}… is too long for a host: its name has at most {most}")
    return found


def _punycode(host: str) -> str:
    import idna  # noqa: PLC0415 - large, and hardly anybody needs it

    try:
        # UTS 46 first, as browsers do: capitals and full-width letters mean the same name; IDNA 2008 alone refuses
        # them.
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{host[:LONGEST]!r} is no name of a host: {error}") from None
