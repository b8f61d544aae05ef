"""HAProxy's runtime socket with a liar in front of it."""

import asyncio
from pathlib import Path
from typing import Final

from support.liars.between import Wire


def _other(request: bytes) -> bytes:
    return request.replace(b"/s1 ", b"/s2 ")


def _changes(request: bytes) -> bool:
    return b"set server " in request


async def _request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readline()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    return await reader.read(-1)


_COLUMNS: Final = {"ready": {5: "2", 6: "0"}, "maint": {5: "0", 6: "1"}, "drain": {6: "8"}}
"""By state, the columns of `show servers state` that tell it, and their values: what runs, and what was asked."""


def _pretended(answer: bytes, request: bytes) -> bytes:
    """Say of the servers that they are what they were told to be."""
    rows = [line.split(" ") for line in answer.decode().split("\n")]
    for command in request.decode().split(";"):
        words = command.split()
        if words[:2] == ["set", "server"]:
            told = {7: words[4]} if words[3] == "weight" else _COLUMNS[words[4]]
            for row in rows:
                if len(row) > max(told) and f"{row[1]}/{row[3]}" == words[2]:
                    for column, value in told.items():
                        row[column] = value
    return "\n".join(" ".join(row) for row in rows).encode()


WIRE: Final = Wire(
    request=_request,
    answer=_answer,
    changes=_changes,
    other=_other,
    yes=b"\n",
    no=b"Permission denied\n",
    pretended=_pretended,
)


async def told(socket: Path, command: str) -> str:
    """Tell HAProxy something, past every liar."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(f"{command}\n".encode())
        return (await reader.read(-1)).decode()
    finally:
        writer.close()


async def servers(socket: Path) -> dict[str, tuple[str, str]]:
    """Return what was asked of each server, and its weight: the truth."""
    rows = [line.split(" ") for line in (await told(socket, "show servers state payments")).splitlines()[2:]]
    return {row[3]: (row[6], row[7]) for row in rows if len(row) > 7}  # admin state, user weight
