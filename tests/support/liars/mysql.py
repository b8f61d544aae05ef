"""A MariaDB server with a liar in front of it."""

import asyncio
from typing import Final

from support.liars.between import Line, Wire

_QUERY: Final = 3
_CHANGES: Final = (b"SET GLOBAL", b"STOP SLAVE", b"RESET SLAVE", b"CHANGE MASTER", b"START SLAVE")
_OK, _ERROR, _END, _OTHER_LOGIN = 0x00, 0xFF, 0xFE, 0xFE
_LONGEST_END: Final = 9


async def _packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head[:3], "little"))


async def _hello(client: Line, server: Line) -> None:
    """Pass on how they meet: the greeting, and what is said until the login is taken or refused."""
    client[1].write(await _packet(server[0]))
    while True:
        server[1].write(await _packet(client[0]))
        said = await _packet(server[0])
        client[1].write(said)
        if said[4] in (_OK, _ERROR):
            return


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Read one command; one that is no query ends it, as a farewell does."""
    try:
        packet = await _packet(reader)
    except asyncio.IncompleteReadError:
        return b""
    return packet if packet[4] == _QUERY else b""


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """Read a word, or a table: how many columns, each of them, an end, the rows, an end."""
    whole = packet = await _packet(reader)
    if packet[4] in (_OK, _ERROR):
        return whole
    ends = 0
    while ends < 2 and packet[4] != _ERROR:
        packet = await _packet(reader)
        whole += packet
        ends += packet[4] == _END and len(packet) < _LONGEST_END + 4
    return whole


def _changes(request: bytes) -> bool:
    return b"/* faildrill" in request and any(one in request for one in _CHANGES)


def _said(payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + b"\x01" + payload


WIRE: Final = Wire(
    request=_request,
    answer=_answer,
    changes=_changes,
    other=bytes,
    yes=_said(b"\x00\x00\x00\x02\x00\x00\x00"),
    no=_said(b"\xff\x15\x04#28000Access denied"),
    keeps=True,
    hello=_hello,
)
