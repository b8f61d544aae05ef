"""One part of an undo that fails keeps no other one from being put back, and each is told."""

import asyncio
import json
from pathlib import Path

import pytest

from faildrill.adapters.redis.loss import LoseMaster
from faildrill.errors import ActionFailed, CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.toolkit.undo_parts import try_each


def test_every_part_is_tried_and_what_failed_is_told() -> None:
    done: list[str] = []

    async def part(name: str, error: Exception | None = None) -> None:
        done.append(name)
        if error is not None:
            raise error

    async def main() -> None:
        await try_each(
            lambda: part("first", ActionFailed("the first one broke")),
            lambda: part("second", CannotSee("the second one is not seen")),
            lambda: part("third"),
        )

    with pytest.raises(ActionFailed, match="the first one broke; the second one is not seen"):
        asyncio.run(main())
    assert done == ["first", "second", "third"]


def test_a_node_whose_link_does_not_open_is_started_all_the_same(tmp_path: Path) -> None:
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = json.loads(await reader.readline())
        asked.append(request["op"])
        status = {"ok": True, "nodes": {"r1": {"state": "absent"}}}
        said = {"ok": False, "error": "no such link"} if request["op"] == "link" else status
        writer.write(json.dumps(said).encode() + b"\n")
        writer.close()

    reach = {"kind": "lab.supervisor", "params": {"socket": str(tmp_path / "control.sock")}}
    members = {name: {"name": name, "host": "127.0.0.1", "port": 1, "reach": reach} for name in ("r1", "r2")}
    redis = {"name": "sessions", "master": "m", "members": members, "sentinels": ["127.0.0.1:2"]}

    async def main() -> None:
        async with await asyncio.start_unix_server(serve, tmp_path / "control.sock"):
            action = LoseMaster.model_validate({"redis": redis, "how": "cut_off"})
            await action.undo({"master": "r1"}, CallContext("run", 5.0))

    with pytest.raises(ActionFailed, match="no such link"):
        asyncio.run(main())
    assert asked == ["link", "status", "start"]
