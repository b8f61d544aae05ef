"""Guards on files and programs of this host: whatever is not exactly what was declared objects."""

import asyncio
import hashlib
import os
import socket
import sys
import time
from pathlib import Path

import pytest
from pydantic import JsonValue, ValidationError

from faildrill.adapters.file.guards import LARGEST
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.loading.environment_file import load_environment
from faildrill.ports.target import KindUse

GIVEN = CallContext("run-1", 2.0)


def said(kind: str, **params: JsonValue) -> str | None:
    guard = build(KindUse(kind=kind, params=params), "guard")
    answer: str | None = asyncio.run(guard.objection(GIVEN))
    return answer


@pytest.mark.parametrize("content", [b"staging 7", b"staging 7\n", b"  staging 7 \r\n"])
def test_the_declared_content_proves_the_host(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "place"
    path.write_bytes(content)
    assert said("file.identity", path=str(path), content="staging 7") is None
    assert said("file.identity", path=str(path), sha256=hashlib.sha256(content).hexdigest()) is None


@pytest.mark.parametrize("content", [b"", b"staging 8", b"staging 7x", b"xstaging 7", b"staging 7\0", b"STAGING 7"])
def test_any_other_content_objects(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "place"
    path.write_bytes(content)
    assert "does not hold what was declared" in str(said("file.identity", path=str(path), content="staging 7"))
    sha256 = hashlib.sha256(b"staging 7").hexdigest()
    assert "does not hold" in str(said("file.identity", path=str(path), sha256=sha256))


@pytest.mark.parametrize(("kind", "rest"), [("file.identity", "content: staging 7"), ("file.younger", "than: 1h")])
def test_a_path_begins_at_the_folder_of_the_environment_file_wherever_somebody_stands(
    tmp_path: Path, kind: str, rest: str
) -> None:
    place = tmp_path / "place.yaml"
    place.write_text(f"environment: place\nguards:\n  - {kind}: {{path: ../marks/place, {rest}}}\n")
    [use] = load_environment(place).guards
    assert use.params["path"] == str(tmp_path.parent / "marks" / "place")


def test_one_file_is_one_place_under_all_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "place").write_text("staging 7")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    def facts(folder: str) -> list[str]:
        path = str(tmp_path / folder / "place")
        proves = build(KindUse(kind="file.identity", params={"path": path, "content": "staging 7"}), "guard")
        found: list[str] = proves.facts()
        return found

    assert set(facts("real")) < set(facts("link"))
    former = [
        f"file {tmp_path}/link/place {hashlib.sha256(text).hexdigest()}" for text in (b"staging 7", b"staging 7\n")
    ]
    assert set(former) < set(facts("link"))  # what a version before has marked stays marked


def test_one_nginx_is_one_place_under_all_names_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").touch()
    (tmp_path / "link").symlink_to(tmp_path)

    def facts(config: Path) -> list[str]:
        params = {"config": str(config), "listens": ["127.0.0.1:80"], "machine": "0" * 32}
        found: list[str] = build(KindUse(kind="nginx.identity", params=params), "guard").facts()
        return found

    assert set(facts(tmp_path / "nginx.conf")) < set(facts(tmp_path / "link" / "nginx.conf"))
    assert f"machine {'0' * 32} nginx {tmp_path}/link/nginx.conf" in facts(tmp_path / "link" / "nginx.conf")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Staging.Internal.:8081", "staging.internal:8081"),
        ("127.0.0.1:8081", "localhost:8081"),
        ("[::1]:8081", "127.0.0.1:08081"),
        ("[2001:db8:0::1]:80", "2001:DB8::1:80"),
    ],
)
def test_what_listens_at_one_address_is_one_place_however_it_is_spelled(one: str, other: str) -> None:
    def facts(address: str, **named: JsonValue) -> list[str]:
        params = {**named, "command": "pay", "address": address, "machine": "0" * 32}
        found: list[str] = build(KindUse(kind="process.identity", params=params), "guard").facts()
        return found

    assert set(facts(one, service="payments")) & set(facts(other, pid_file="/run/pay.pid"))
    assert f"machine {'0' * 32} payments {one}" in facts(one, service="payments")


def test_what_is_no_plain_file_of_a_sane_size_objects(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("pipe", "large", "circle", "missing", "."):
        assert "can't be read" in str(said("file.identity", path=str(tmp_path / name), content="x")), name


def test_content_and_digest_at_once_or_neither_is_a_mistake() -> None:
    for params in ({}, {"content": "a", "sha256": "0" * 64}):
        with pytest.raises(ValidationError, match="either `content` or `sha256`"):
            build(KindUse.model_validate({"kind": "file.identity", "params": {"path": "/x", **params}}), "guard")


@pytest.mark.parametrize(("age", "word"), [(10, None), (3500, None), (3700, "older than 1 h"), (-600, "future")])
def test_a_file_must_be_younger(tmp_path: Path, age: float, word: str | None) -> None:
    path = tmp_path / "backup"
    path.touch()
    os.utime(path, (time.time() - age,) * 2)
    answer = said("file.younger", path=str(path), than="1h")
    assert answer is None if word is None else word in str(answer)


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "kernel", "link to a folder"])
def test_only_a_regular_file_is_young_by_its_time(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "backup"
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "folder":
            path.mkdir()
        elif kind == "socket":
            listener.bind(str(path))
        elif kind == "kernel":
            path = Path("/proc/self/status")
        else:
            path.symlink_to(tmp_path)
        answer = str(said("file.younger", path=str(path), than="1h"))
    assert "its time says nothing" in answer if kind == "kernel" else "no regular file" in answer


def test_an_empty_file_and_a_link_to_one_are_young_by_the_time_of_what_was_touched(tmp_path: Path) -> None:
    (tmp_path / "2026-11-29").touch()
    (tmp_path / "last-success").symlink_to("2026-11-29")
    assert said("file.younger", path=str(tmp_path / "last-success"), than="1h") is None
    os.utime(tmp_path / "2026-11-29", (time.time() - 7200,) * 2)
    assert "older than 1 h" in str(said("file.younger", path=str(tmp_path / "last-success"), than="1h"))


def test_a_file_that_is_missing_is_not_young(tmp_path: Path) -> None:
    assert "can't be looked at" in str(said("file.younger", path=str(tmp_path / "no"), than="1h"))


PYTHON: list[JsonValue] = [sys.executable, "-c"]


@pytest.mark.parametrize(
    ("program", "word"),
    [
        ("import time; print('log'); print(time.time() - 10)", None),
        ("import datetime; print(datetime.datetime.now(datetime.UTC).isoformat())", None),
        ("import time; print(int(time.time()) - 7200)", "older than 1 h"),
        ("print('2026-11-22T10:30:00')", "no time with its zone"),
        ("print('yesterday')", "no time"),
        ("print('-1')", "no time"),
        ("print('9' * 400)", "no time"),
        ("print('nan')", "no time"),
        ("pass", "no time"),
        ("import time; print(time.time()); exit(3)", "ended with 3"),
        ("import time; print(time.time(), flush=True); time.sleep(60)", "did not end in time"),
    ],
)
def test_a_program_must_tell_a_young_time(program: str, word: str | None) -> None:
    answer = said("command.younger", argv=[*PYTHON, program], than="1h")
    assert answer is None if word is None else word in str(answer)


def test_a_program_that_is_not_there_objects() -> None:
    assert "can't be started" in str(said("command.younger", argv=["/no/such/program"], than="1h"))


def test_a_file_that_is_there_objects_with_its_first_line_and_one_that_is_gone_does_not(tmp_path: Path) -> None:
    mark = tmp_path / "INCIDENT"
    assert said("file.absent", path=str(mark)) is None
    mark.write_text("payments are slow\nsince noon\n", encoding="utf-8")
    assert said("file.absent", path=str(mark)) == f"{mark} is there: payments are slow; drill when it is gone"


@pytest.mark.parametrize("target", ["ada@host:4711", "/nowhere/at/all", "there"])
def test_a_link_is_there_whatever_it_leads_to(tmp_path: Path, target: str) -> None:
    mark = tmp_path / ".#lock"
    mark.symlink_to(target)
    assert said("file.absent", path=str(mark)) == f"{mark} is there: a link to {target}; drill when it is gone"
    (tmp_path / target.replace("/", "_")).touch()
    assert "is there" in str(said("file.absent", path=str(mark)))


def test_where_nobody_can_tell_whether_a_file_is_there_that_objects(tmp_path: Path) -> None:
    assert "nobody can tell" in str(said("file.absent", path=str(tmp_path / "not-mounted" / "INCIDENT")))
    (tmp_path / "INCIDENT").mkdir()
    assert said("file.absent", path=str(tmp_path / "INCIDENT"))


def test_a_program_agrees_by_ending_with_0_and_by_nothing_else() -> None:
    assert said("command.agrees", argv=["true"]) is None
    assert "ended with 3; it said: INC-7 is open" in str(
        said("command.agrees", argv=["sh", "-c", "echo INC-7 is open; exit 3"])
    )
    assert "can't be started" in str(said("command.agrees", argv=["/nowhere/at/all"]))
    assert "did not end in time" in str(said("command.agrees", argv=["sleep", "60"]))
