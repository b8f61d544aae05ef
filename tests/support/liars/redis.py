"""A Redis node, or a Sentinel, with a liar in front of it."""

import asyncio
from typing import Final

import hiredis

from support.liars.between import Wire


async def _request(reader: asyncio.StreamReader) -> bytes:
    """Read one command: an array of strings, each with its length before it."""
    whole = head = await reader.readline()
    for _ in range(int(head[1:]) if head else 0):
        size = await reader.readline()
        whole += size + await reader.readexactly(int(size[1:]) + 2)
    return whole


async def _answer(reader: asyncio.StreamReader) -> bytes:
    parser, whole = hiredis.Reader(), b""
    while parser.gets() is False:
        chunk = await reader.read(1 << 16)
        if not chunk:
            raise EOFError
        parser.feed(chunk)
        whole += chunk
    return whole


def _changes(request: bytes) -> bool:
    return b"\r\nFAILOVER\r\n" in request.upper() or b"\r\nSET\r\n" in request.upper()


WIRE: Final = Wire(
    request=_request,
    answer=_answer,
    changes=_changes,
    other=bytes,
    yes=b"+OK\r\n",
    no=b"-NOGOODSLAVE No suitable replica to promote\r\n",
    keeps=True,
)
