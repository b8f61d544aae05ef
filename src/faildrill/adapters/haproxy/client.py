"""HAProxy's runtime socket: one command, one answer."""

import asyncio
import csv
from typing import Final

LARGEST: Final = 1 << 22
"""Bytes in an answer."""


async def tell(socket: str, command: str, *, then_end: bool = False) -> str:
    """Send one command and return the whole answer; ValueError when it is not a bounded text, OSError as it comes.

    The caller's deadline ends it. With `then_end` our side of the connection ends after the command: a master process
    ends its own only then.
    """
    host, colon, port = socket.rpartition(":")
    if colon and port.isdecimal() and "/" not in socket:
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    else:
        reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(f"{command}\n".encode())
        if then_end:
            writer.write_eof()
        answer = bytearray()
        while chunk := await reader.read(1 << 16):
            answer += chunk
            if len(answer) > LARGEST:
                raise ValueError("an answer too long to be HAProxy's")
    finally:
        writer.transport.abort()
    return answer.decode(errors="replace")


def statistics(answer: str) -> list[dict[str, str]] | None:
    """Read the rows of `show stat`, by their columns' names; None when it is something else."""
    if not answer.startswith("# pxname,svname,"):
        return None
    rows = csv.DictReader(answer.removeprefix("# ").splitlines())
    return [{key: value or "" for key, value in row.items() if key} for row in rows if row.get("svname")]
