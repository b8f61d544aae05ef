"""A file that a person names has no end, waits for a writer, or hangs: the drill is refused, in little memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.hanging_files import hanging

MEMORY = 300 << 20
"""Bytes that a process may grow to, where a secret without an end once took fifteen gigabytes."""
_PROGRAM = (
    "import resource; from faildrill.cli.main import main; resource.setrlimit(resource.RLIMIT_DATA, ({0}, {0})); main()"
)
_DRILL = """drill: without-end
environment: place
warm_up: 200ms
probes:
  pay: {{simulated.service: {{folder: {folder}, name: pay}}, every: 100ms}}
steps:
  - name: fault
    {step}
    within: 5s
expect:
  - steady_again: {{within: 20s}}
"""
_NEEDS_A_FILE = (
    "command.run: {{argv: ['true'], undo_argv: ['true'], verify_argv: ['true'], secrets: {{PW: 'file:{file}'}}}}"
)
_NEEDS_A_PID = "process.kill: {{pid_file: {file}, command: payments, start: ['true']}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "environments").mkdir()
    (tmp_path / "pay.state").write_text("ok\n", encoding="ascii")
    (tmp_path / "identity").write_text("staging", encoding="ascii")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "place").write_bytes(b"4711\n")
    (tmp_path / "environments" / "place.yaml").write_text(
        "environment: place\ndrillable: true\n"
        f"identity: [{{file.identity: {{path: {tmp_path}/identity, content: staging}}}}]\n",
        encoding="utf-8",
    )
    return tmp_path


def _faildrill(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(MEMORY), *words],
        env=os.environ | {"FAILDRILL_STATE": str(folder / "state")},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _drill(folder: Path, step: str, file: str) -> str:
    path = folder / "drill.yaml"
    path.write_text(_DRILL.format(folder=folder, step=step.format(file=file)), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("step", [_NEEDS_A_FILE, _NEEDS_A_PID], ids=["a secret", "a pid file"])
@pytest.mark.parametrize("file", ["/dev/zero", "{folder}/pipe", "{folder}"])
def test_a_drill_that_needs_a_file_without_an_end_is_refused(folder: Path, step: str, file: str) -> None:
    drill = _drill(folder, step, file.format(folder=folder))
    for command in (["plan"], ["run", "-q"]):
        done = _faildrill(folder, *command, drill)
        assert done.returncode == 3, (command, done.stdout, done.stderr)
        assert "can't be read" in done.stdout
        assert "it is no regular file" in done.stdout


@pytest.mark.parametrize("step", [_NEEDS_A_FILE, _NEEDS_A_PID], ids=["a secret", "a pid file"])
def test_a_drill_that_needs_a_file_that_hangs_is_refused(folder: Path, step: str) -> None:
    drill = _drill(folder, step, f"{folder}/place")
    with hanging(folder / "place"):
        done = _faildrill(folder, "run", "-q", drill)
    assert done.returncode == 3, (done.stdout, done.stderr)
    assert "does its file system hang" in done.stdout


def test_a_drill_whose_secret_is_not_there_is_refused_before_anything_is_touched(folder: Path) -> None:
    done = _faildrill(folder, "run", "-q", _drill(folder, _NEEDS_A_FILE, f"{folder}/none"))
    assert done.returncode == 3
    assert "No such file" in done.stdout


@pytest.mark.parametrize("file", ["/dev/zero", "pipe", "."])
def test_a_drill_file_without_an_end_is_no_drill(folder: Path, file: str) -> None:
    for command in ("validate", "plan", "run"):
        done = _faildrill(folder, command, file)
        assert done.returncode == 2
        folder_of_drills = command == "run" and file == "."
        why = "there is no *.yaml in it that begins a drill" if folder_of_drills else "it is no regular file"
        assert why in done.stdout + done.stderr
