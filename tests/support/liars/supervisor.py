"""The control socket of a lab's supervisor with a liar in front of it: what reaches members, on its own word.

Where no lab runs, `Members` answers there: it holds what it was told, and does nothing to anybody.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from support.liars.between import Wire

_BECOMES: Final = {"KILL": "absent", "STOP": "stopped"}
_OTHERS: Final = {
    "pay1": "pay2",
    "pg1": "pg2",
    "pg2": "pg1",
    "r1": "r2",
    "r2": "r3",
    "r3": "r1",
    "m1": "m2",
    "m2": "m1",
}
"""By member of a lab, another one of its group."""
_SIGNALLED: Final = {**_BECOMES, "CONT": "running"}
_LOOKS: Final = ("status", "wait", "steady")


async def _line(reader: asyncio.StreamReader) -> bytes:
    return await reader.readline()


def _changes(request: bytes) -> bool:
    return json.loads(request)["op"] not in _LOOKS


def _other(request: bytes) -> bytes:
    asked = json.loads(request)
    where = "node" if "node" in asked else "name"
    return json.dumps({**asked, where: _OTHERS[asked[where]]}).encode() + b"\n"


def _pretended(answer: bytes, request: bytes) -> bytes:
    """Say of a node, or of a link, that it is what it was told to be."""
    told, asked = json.loads(answer), json.loads(request)
    if asked["op"] == "link":
        told["links"][asked["name"]]["mode"] = asked["mode"]
    else:
        told["nodes"][asked["node"]]["state"] = _BECOMES.get(asked.get("signal", ""), "running")
    return json.dumps(told).encode() + b"\n"


WIRE: Final = Wire(
    request=_line,
    answer=_line,
    changes=_changes,
    other=_other,
    yes=b'{"ok": true}\n',
    no=b'{"ok": false, "error": "not now"}\n',
    pretended=_pretended,
)


class Members:
    """Two members in no process: what state each is in, and what the link to it does."""

    def __init__(self, one: str, other: str) -> None:
        self.states = {one: "running", other: "running"}
        self.links = {one: "open", other: "open"}

    async def truth(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the states and the links."""
        return dict(self.states), dict(self.links)

    @asynccontextmanager
    async def served(self, socket: Path) -> AsyncIterator[None]:
        """Answer as the supervisor of a lab does."""

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._obey(json.loads(await reader.readline()))
            nodes = {name: {"state": state} for name, state in self.states.items()}
            links = {name: {"mode": mode, "delay_ms": 0} for name, mode in self.links.items()}
            writer.write(json.dumps({"ok": True, "nodes": nodes, "links": links}).encode() + b"\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_unix_server(handle, socket):
            yield

    def _obey(self, request: dict[str, Any]) -> None:
        match request:
            case {"op": "signal", "node": name, "signal": signal}:
                self.states[name] = _SIGNALLED[signal]
            case {"op": "start", "node": name}:
                self.states[name] = "running"
            case {"op": "link", "name": name, "mode": mode}:
                self.links[name] = mode
