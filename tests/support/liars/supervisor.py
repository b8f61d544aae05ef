"""The control socket of a lab's supervisor with a liar in front of it: what reaches members, on its own word."""

import asyncio
import json
from typing import Final

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
