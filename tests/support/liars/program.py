"""Programs with a liar in front of them: what a step runs asks the liar, which asks whoever does it or looks."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from support.liars.between import Wire

_CLIENT: Final = (
    "import socket, sys; line = socket.socket(socket.AF_UNIX); line.connect(sys.argv[1]);"
    "line.sendall(sys.argv[2].encode() + b'\\n'); said = line.makefile().read();"
    "code, _, words = said.partition(' '); print(words, end=''); sys.exit(int(code))"
)


async def _request(reader: asyncio.StreamReader) -> bytes:
    return await reader.readline()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    return await reader.read(-1)


def _changes(request: bytes) -> bool:
    return request in (b"on\n", b"off\n")


WIRE: Final = Wire(
    request=_request,
    answer=_answer,
    changes=_changes,
    other=lambda request: request,
    yes=b"0 done\n",
    no=b"1 not now\n",
)


def argv(socket: str, word: str) -> list[str]:
    """Return the program that a drill runs: it asks at a socket, prints what it is told, and ends with that code."""
    return [sys.executable, "-I", "-S", "-c", _CLIENT, socket, word]


@asynccontextmanager
async def served(socket: Path, effect: set[str]) -> AsyncIterator[None]:
    """Do what is honestly asked for at a socket: the effect is that `it` is in a set."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        word = (await reader.readline()).decode().strip()
        if word == "on":
            effect.add("it")
        elif word == "off":
            effect.discard("it")
        said = f"in_effect: {'true' if effect else 'false'}" if word == "look" else "done"
        writer.write(f"0 {said}\n".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(handle, socket):
        yield
