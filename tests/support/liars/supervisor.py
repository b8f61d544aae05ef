"""The control socket of a lab's supervisor with a liar in front of it: what reaches members, on its own word."""

import asyncio
import json
from typing import Final

from support.liars.between import Wire

_LOOKS: Final = ("status", "wait", "steady")


async def _line(reader: asyncio.StreamReader) -> bytes:
    return await reader.readline()


def _changes(request: bytes) -> bool:
    return json.loads(request)["op"] not in _LOOKS


def _other(request: bytes) -> bytes:
    return request.replace(b'"pay1"', b'"pay2"')


WIRE: Final = Wire(
    request=_line,
    answer=_line,
    changes=_changes,
    other=_other,
    yes=b'{"ok": true}\n',
    no=b'{"ok": false, "error": "not now"}\n',
)


def pretending(answer: bytes, node: str, state: str) -> bytes:
    """Say of a node that it is in a state, whatever it is in."""
    told = json.loads(answer)
    if "nodes" in told:
        told["nodes"][node]["state"] = state
    return json.dumps(told).encode() + b"\n"
