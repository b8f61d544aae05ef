"""When a part of the lab is really ready: asked of the part itself, within a bound."""

import asyncio
import csv
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from faildrill.errors import FaildrillError, reason
from faildrill.lab.core.node import Node
from faildrill.lab.core.port_reservations import LOOPBACK

_PAUSE = 0.05
_LOOK_WITHIN = 2.0
_LOOK_FAILED = (OSError, TimeoutError, ValueError, EOFError)
Look = Callable[[], Awaitable[object]]


class NotReady(FaildrillError):
    """A part did not become ready; says which and why."""

    def __init__(self, part: str, why: str) -> None:
        super().__init__(f"{part} did not become ready: {why}")
        self.part = part


async def seen(look: Look, within: float) -> bool:
    """Look again and again until `look` answers something true; false when it did not within that many seconds."""
    deadline = asyncio.get_running_loop().time() + within
    while asyncio.get_running_loop().time() < deadline:
        with suppress(*_LOOK_FAILED):
            async with asyncio.timeout(_LOOK_WITHIN):
                if await look():
                    return True
        await asyncio.sleep(_PAUSE)
    return False


async def until(node: Node, what: str, look: Look, within: float) -> None:
    """Look again and again until `look` answers something true.

    Raises NotReady when the node ends by itself, or after `within` seconds.
    """
    name = node.recipe.name
    deadline = asyncio.get_running_loop().time() + within
    last = "nothing answered"
    while True:
        if node.exited is not None or node.gone.is_set():
            raise NotReady(name, f"it ended by itself (status {node.exited}) before there was {what}")
        try:
            async with asyncio.timeout(_LOOK_WITHIN):
                if await look():
                    return
        except _LOOK_FAILED as error:
            last = reason(error)
        if asyncio.get_running_loop().time() > deadline:
            raise NotReady(name, f"no {what} within {within:g} s; last seen: {last}")
        await asyncio.sleep(_PAUSE)


async def fetch(port: int, path: str, body: str = "", host: str = LOOPBACK) -> tuple[int, bytes]:
    """Ask a server on the loopback over HTTP/1.0; returns status and body. Posts when there is a body."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        method = "POST" if body else "GET"
        head = f"{method} {path} HTTP/1.0\r\nHost: lab\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        head_of_answer, _, content = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    _version, _, status = head_of_answer.partition(b" ")
    if not status.strip():
        raise ValueError("an empty answer")
    return int(status.split()[0]), content


async def healthy(port: int, path: str) -> bool:
    """Whether a server answers 200."""
    return (await fetch(port, path))[0] == HTTPStatus.OK


async def streaming_standbys(api_port: int) -> int:
    """Return how many standbys stream from the primary whose Patroni listens there."""
    status, content = await fetch(api_port, "/patroni")
    state: dict[str, Any] = json.loads(content) if status == HTTPStatus.OK else {}
    return sum(standby.get("state") == "streaming" for standby in state.get("replication", []))


async def servers_up(socket_path: Path, backend: str) -> set[str]:
    """Return the servers of a backend that HAProxy's checks hold for up."""
    reader, writer = await asyncio.open_unix_connection(socket_path)
    try:
        writer.write(b"show stat\n")
        text = (await reader.read()).decode()
    finally:
        writer.close()
    rows = csv.DictReader(text.removeprefix("# ").splitlines())
    return {
        row["svname"]
        for row in rows
        if row["pxname"] == backend and row["svname"] not in {"FRONTEND", "BACKEND"} and row["status"] == "UP"
    }
