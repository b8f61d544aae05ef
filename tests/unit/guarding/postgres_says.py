"""A small PostgreSQL of our own: speaks the protocol, and answers every question with the row that it is told."""

import asyncio
import struct
from collections.abc import Awaitable, Callable

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Sends what comes in place of the row: it, or anything else."""

_TEXT, _INT8, _BOOL = 25, 20, 16


def message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content


def described(types: list[int]) -> bytes:
    fields = b"".join(b"c\0" + struct.pack("!IHIhih", 0, 0, one, -1, -1, 0) for one in types)
    return message(b"T", struct.pack("!H", len(types)) + fields)


def row(values: list[bytes | None]) -> bytes:
    parts = [struct.pack("!i", -1) if one is None else struct.pack("!i", len(one)) + one for one in values]
    return message(b"D", struct.pack("!H", len(values)) + b"".join(parts))


class Says:
    """Answers with the rows it is given, each a list of values as text."""

    def __init__(self, types: list[int], rows: list[list[bytes | None]]) -> None:
        self.types = types
        self.rows = rows

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._greet(reader, writer)
        while True:
            kind = await reader.readexactly(1)
            [length] = struct.unpack("!I", await reader.readexactly(4))
            await reader.readexactly(length - 4)
            if kind == b"X":
                return
            writer.write(self._reply(kind))

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")  # no TLS
        [length] = struct.unpack("!I", await reader.readexactly(4))
        await reader.readexactly(length - 4)
        writer.write(message(b"R", struct.pack("!I", 0)))
        for name, value in ((b"server_version", b"18.6"), (b"client_encoding", b"UTF8")):
            writer.write(message(b"S", name + b"\0" + value + b"\0"))
        writer.write(message(b"K", struct.pack("!II", 1, 2)) + message(b"Z", b"I"))

    def _reply(self, kind: bytes) -> bytes:
        if kind != b"Q":
            return b""
        rows = b"".join(row(one) for one in self.rows)
        return described(self.types) + rows + message(b"C", b"SELECT 1\0") + message(b"Z", b"I")


def says_text(*values: bytes | None) -> Says:
    """One row with one text, or several rows."""
    return Says([_TEXT], [[value] for value in values])


def says_marker(count: int, *, drillable: bool | None, uid: bytes | None) -> Says:
    """What the question about a marker is answered with."""
    truth = None if drillable is None else b"t" if drillable else b"f"
    return Says([_INT8, _BOOL, _TEXT], [[b"%d" % count, truth, uid]])
