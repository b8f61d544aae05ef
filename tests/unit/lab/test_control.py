import asyncio
import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.core import control


async def answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] == "refuse":
        raise FaildrillError("not now")
    if request["op"] == "stall":
        await asyncio.sleep(5)
    return {"said": request["op"]}


@contextmanager
def served(path: Path) -> Iterator[Path]:
    """Serve `answer` on a socket, from a thread with a loop of its own."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def serve() -> None:
        server = await control.serve(path, answer)
        ready.set()
        try:
            await asyncio.Event().wait()
        finally:
            server.close()

    def run() -> None:
        serving = loop.create_task(serve())
        loop.call_soon(lambda: ends.append(serving.cancel))
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(serving)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    ends: list[Callable[[], object]] = []
    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(5)
    try:
        yield path
    finally:
        loop.call_soon_threadsafe(ends[0])
        thread.join()


def test_a_request_is_answered(tmp_path: Path) -> None:
    with served(tmp_path / "sock") as path:
        assert control.ask(path, {"op": "hello"}, 2) == {"ok": True, "said": "hello"}


def test_an_error_is_an_answer_and_the_next_request_is_served(tmp_path: Path) -> None:
    with served(tmp_path / "sock") as path:
        with pytest.raises(FaildrillError, match="not now"):
            control.ask(path, {"op": "refuse"}, 2)
        assert control.ask(path, {"op": "hello"}, 2)["said"] == "hello"


@pytest.mark.parametrize("line", [b"\n", b"{\n", b"[]\n", b'{"no": "op"}\n', b"\xff\xfe\n"])
def test_what_is_no_request_is_answered_and_harms_nobody(line: bytes, tmp_path: Path) -> None:
    with served(tmp_path / "sock") as path:
        with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as answers:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(line)
            assert json.loads(answers.readline())["ok"] is False
        assert control.ask(path, {"op": "hello"}, 2)["said"] == "hello"


def test_an_endless_line_ends_its_connection_only(tmp_path: Path) -> None:
    with served(tmp_path / "sock") as path:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.settimeout(5)
            with pytest.raises(OSError, match=r"pipe|reset"):
                client.sendall(b"x" * 10_000_000)
        assert control.ask(path, {"op": "hello"}, 2)["said"] == "hello"


def test_silence_ends_after_the_time_given(tmp_path: Path) -> None:
    with served(tmp_path / "sock") as path, pytest.raises(TimeoutError):
        control.ask(path, {"op": "stall"}, 0.1)


def test_nobody_there_is_said_as_such(tmp_path: Path) -> None:
    with pytest.raises(control.NoLab):
        control.ask(tmp_path / "sock", {"op": "hello"}, 1)


def test_the_socket_is_its_owners_alone(tmp_path: Path) -> None:
    with served(tmp_path / "sock") as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
