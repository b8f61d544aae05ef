"""The control socket of a lab's supervisor with a liar in front of it: what reaches members, on its own word."""

import asyncio
import json
from typing import Final

from support.liars.between import Wire

_BECOMES: Final = {"KILL": "absent", "STOP": "stopped"}
_LOOKS: Final = ("status", "wait", "steady")


async def _line(reader: asyncio.StreamReader) -> bytes:
    return await reader.readline()


def _changes(request: bytes) -> bool:
    return json.loads(request)["op"] not in _LOOKS


def _other(request: bytes) -> bytes:
    return request.replace(b'"pay1"', b'"pay2"')


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
