"""The control socket of a lab: one JSON object a line each way; only its owner may connect."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from faildrill.errors import FaildrillError

Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]
_LONGEST_LINE = 1 << 16


class NoLab(FaildrillError):
    """Nobody answers on the control socket."""


async def serve(path: Path, answer: Answer) -> asyncio.Server:
    """Answer every request on the socket at `path`; a FaildrillError becomes an answer, not the end."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _answered(line, answer)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(connected, path, limit=_LONGEST_LINE)
    os.chmod(path, 0o600)  # noqa: PTH101 - as quick as any call here
    return server


async def _answered(line: bytes, answer: Answer) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise FaildrillError("a request is a JSON object")  # noqa: TRY301 - answered like any other error
        return {"ok": True} | await answer(request)
    except (FaildrillError, ValueError, KeyError, TypeError, TimeoutError, OSError) as error:
        return {"ok": False, "error": f"{error}" or type(error).__name__}


def ask(path: Path, request: dict[str, Any], within: float) -> dict[str, Any]:
    """Ask a supervisor and return its answer.

    Raises NoLab when nobody is there, FaildrillError when it says no, TimeoutError after `within` seconds of silence.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(within)
        try:
            connection.connect(str(path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline()
        except (FileNotFoundError, NotADirectoryError, ConnectionError) as error:
            raise NoLab(f"no supervisor answers on {path}") from error
    if not line:
        raise NoLab(f"the supervisor on {path} has ended")
    answer: dict[str, Any] = json.loads(line)
    if not answer["ok"]:
        raise FaildrillError(answer["error"])
    return answer
