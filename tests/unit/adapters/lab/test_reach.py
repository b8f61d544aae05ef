"""What the lab's supervisor says is its answer, or none: garbage is no word of it, and no defect of ours."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from faildrill.adapters.lab.reach import Supervisor
from faildrill.errors import ActionRefused, CannotSee, OutcomeUnknown

GARBAGE = [
    b"null\n",
    b"[1]\n",
    b'"yes"\n',
    b"{}\n",
    b'{"ok": "of course"}\n',
    b'{"ok": true, "nodes": []}\n',
    b"\xff\n",
]
Ask = Callable[[Supervisor], Awaitable[object]]


def asked(folder: Path, says: bytes, ask: Ask) -> None:
    """Ask a supervisor that says the same to everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(says)
        writer.close()

    async def main() -> None:
        async with await asyncio.start_unix_server(serve, folder / "control.sock"):
            await ask(Supervisor(socket=str(folder / "control.sock")))

    folder.mkdir(exist_ok=True)
    asyncio.run(main())


@pytest.mark.parametrize("says", GARBAGE, ids=repr)
def test_garbage_after_a_change_leaves_it_open_whether_it_is_done(tmp_path: Path, says: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        asked(tmp_path, says, lambda reach: reach.signal("pay1", "KILL"))


@pytest.mark.parametrize("says", [*GARBAGE, b'{"ok": true, "nodes": {"pay1": {"state": "fine"}}}\n'], ids=repr)
def test_garbage_is_no_look(tmp_path: Path, says: bytes) -> None:
    with pytest.raises(CannotSee):
        asked(tmp_path, says, lambda reach: reach.state("pay1"))


def test_one_that_refuses_is_heard(tmp_path: Path) -> None:
    says = b'{"ok": false, "error": "not now"}\n'
    with pytest.raises(ActionRefused, match="not now"):
        asked(tmp_path, says, lambda reach: reach.signal("pay1", "KILL"))
    with pytest.raises(CannotSee, match="not now"):
        asked(tmp_path / "again", says, lambda reach: reach.state("pay1"))


def test_how_often_a_node_was_started_is_told_or_can_not_be_seen(tmp_path: Path) -> None:
    heard: list[int] = []

    async def hear(reach: Supervisor) -> None:
        heard.append(await reach.starts("pay1"))

    asked(tmp_path, b'{"ok": true, "nodes": {"pay1": {"state": "running", "starts": 3}}}\n', hear)
    assert heard == [3]
    with pytest.raises(CannotSee, match="does not tell how often it has started pay1"):
        asked(tmp_path / "again", b'{"ok": true, "nodes": {"pay1": {"state": "running"}}}\n', hear)
