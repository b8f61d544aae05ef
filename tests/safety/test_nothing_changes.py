"""P22: `plan` and `validate` change nothing: whatever they ask, no call that changes something is among it."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from unit.adapters.patroni.two_nodes import TwoNodes, cluster
from unit.adapters.sockets import serving
from unit.guarding.postgres_says import Says, message

UID: Final = "3f2a9c41-aa17-4d5e-9f0b-b6b2a7f0c1de"
ACTIONS: Final[dict[str, dict[str, Any]]] = {
    "patroni.switchover": {"cluster": "payments"},
    "patroni.failover": {"cluster": "payments", "to": "pg2", "unwarranted": "deliberate"},
    "patroni.kill_primary": {"cluster": "payments"},
    "patroni.configure": {"cluster": "payments", "set": {"ttl": 30}},
    "patroni.cut_replication": {"cluster": "payments"},
    "command.run": {
        "argv": ["touch", "done"],
        "undo_argv": ["touch", "undone"],
        "verify_argv": ["sh", "-c", "test ! -e done && echo in_effect: false"],
    },
}


class Recording(Says):
    """A PostgreSQL that answers nothing of use, and keeps every question."""

    def __init__(self) -> None:
        super().__init__([25], [[b"7"]])
        self.asked: list[str] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._greet(reader, writer)
            while True:
                kind = await reader.readexactly(1)
                length = int.from_bytes(await reader.readexactly(4), "big")
                content = await reader.readexactly(length - 4)
                if kind in (b"Q", b"P"):
                    self.asked.append(content.decode("utf-8", "replace").strip("\0"))
                writer.write(message(b"E", b"SERROR\0C42501\0Mno\0\0") if kind == b"P" else self._reply(kind))
        except (asyncio.IncompleteReadError, ConnectionError):
            return


def files(folder: Path, apis: list[str], port: int) -> None:
    """Write a drill of all actions and the place that they are for, in JSON, which is YAML."""
    members = {
        name: {"api": api, "host": "127.0.0.1", "port": port} for name, api in zip(("pg1", "pg2"), apis, strict=True)
    }
    database = {"host": "127.0.0.1", "port": port, "database": "payments", "user": "u"}
    place = {
        "environment": "place",
        "drillable": True,
        "clusters": {"payments": {"scope": "payments", "user": "u", "members": members}},
        "databases": {"payments": database},
        "identity": [{"postgres.marker": {"cluster": "payments", "uid": UID}}],
        "guards": [{"postgres.replication": {"cluster": "payments"}}],
        "lock": {"postgres.advisory": {"database": "payments"}},
        "probes": {"writer": {"patroni.writer": {"cluster": "payments"}, "every": "1s"}},
        "blast_radius": {"clusters": {"payments": 1}, "unknown": "allowed"},
    }
    drill = {
        "drill": "everything",
        "environment": "place",
        "probes": {"write": {"postgres.write": {"database": "payments"}, "every": "1s"}},
        "steps": [{"name": kind, kind: params} for kind, params in ACTIONS.items()],
        "expect": [{"steady_again": {"within": "10s"}}],
    }
    (folder / "place.yaml").write_text(json.dumps(place))
    (folder / "drill.yaml").write_text(json.dumps(drill))


async def call(folder: Path, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "faildrill", *words),
        cwd=folder,
        env={**os.environ, "FAILDRILL_STATE": str(folder / "state")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 90)
    return said.decode()


@pytest.mark.parametrize(
    "words",
    [("plan", "drill.yaml", "--env", "place.yaml"), ("validate", "drill.yaml", "--env", "place.yaml")],
    ids=lambda words: words[0],
)
def test_no_call_that_changes_something_is_made(
    words: tuple[str, ...], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    nodes, database = TwoNodes(), Recording()

    async def story() -> str:
        async with cluster(nodes) as patroni, serving(database) as port:
            files(tmp_path, [member.api for member in patroni.members.values()], port)
            return await call(tmp_path, *words)

    said = asyncio.run(story())
    changing = [query for query in database.asked if not query.upper().startswith("SELECT")]
    assert ".yaml:1:" not in said, said  # the files are right
    if words[0] == "plan":
        assert "switchover from payments/pg1 to payments/pg2" in said, said  # it did look
        assert database.asked
    assert (nodes.calls, changing) == ([], [])
    assert not (tmp_path / "done").exists()
    assert not list(tmp_path.rglob("*.touched"))
    figure(f"P22 {words[0]}: 0 changing calls in {len(ACTIONS)} actions, {len(database.asked)} questions to PostgreSQL")
