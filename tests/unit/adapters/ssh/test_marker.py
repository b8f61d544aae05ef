"""A file on the host of each member says which place it is, read through the reach that signals the member."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.adapters.ssh.marker import Marker
from faildrill.kinds.call_context import CallContext

SAYS = "staging 3f2a9c41"


def guard(folder: Path, kind: str = "local.process", file: str = "{member}/place") -> Marker:
    process = {"pid_file": str(folder / "{member}.pid"), "command": "server", "start_command": ["true"]}
    reach: Mapping[str, Any] = {"kind": kind, "params": process}
    members = {name: {"name": name, "reach": reach} for name in ("app1", "app2")}
    group = {"name": "servers", "members": members}
    return Marker.model_validate({"group": group, "file": f"{folder}/{file}", "content": SAYS})


def place(folder: Path, name: str, content: bytes) -> None:
    (folder / name).mkdir()
    (folder / name / "place").write_bytes(content)


def asked(marker: Marker) -> tuple[list[str], ...]:
    return tuple(asyncio.run(marker.ask_again(CallContext("run-of-a-test", 5.0))))


def test_what_every_host_holds_is_compared_with_what_was_declared(tmp_path: Path) -> None:
    place(tmp_path, "app1", f"{SAYS}\n".encode())
    place(tmp_path, "app2", b"production\n")
    proved, differs, silent = asked(guard(tmp_path))
    assert [one.partition(":")[0] for one in proved] == ["app1"]
    assert differs[0].startswith("app2: ")
    assert differs[0].endswith("holds 'production'")
    assert silent == []
    objection = asyncio.run(guard(tmp_path).objection(CallContext("run-of-a-test", 5.0)))
    assert objection == differs[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is no file that this user can see"), (b"x" * 257, "more than 256 bytes"), (b"\xff\xfe", "holds no text")],
)
def test_a_file_that_does_not_say_is_silent(content: bytes | None, words: str, tmp_path: Path) -> None:
    place(tmp_path, "app1", SAYS.encode())
    if content is not None:
        place(tmp_path, "app2", content)
    proved, differs, [silent] = asked(guard(tmp_path))
    assert (len(proved), differs) == (1, [])
    assert words in silent


def test_a_group_that_is_reached_otherwise_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="app1, app2 of servers is not reached by"):
        guard(tmp_path, kind="lab.supervisor")


def test_the_same_content_is_the_same_place_wherever_the_file_lies(tmp_path: Path) -> None:
    assert guard(tmp_path).facts() == guard(tmp_path / "elsewhere", file="place").facts()
