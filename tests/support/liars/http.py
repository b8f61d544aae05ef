"""Patroni's interface with a liar in front of it."""

import asyncio
import re
from typing import Final

from support.liars.between import Wire

_LENGTH: Final = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


async def _answer(reader: asyncio.StreamReader) -> bytes:
    return await reader.read(-1)


def _changes(request: bytes) -> bool:
    return request.startswith((b"POST ", b"PATCH "))


def _said(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.0 " + status + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body


PATRONI: Final = Wire(
    request=_request,
    answer=_answer,
    changes=_changes,
    other=bytes,
    yes=_said(b"200 OK", b'Successfully switched over to "pg2"'),
    no=_said(b"412 Precondition Failed", b"leader name does not match"),
)
