"""The command line of a lab that isn't there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.lab import lab, table
from faildrill.errors import FaildrillError, WrongUsage
from faildrill.lab.core.folders import Place


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_status_of_no_lab_says_how_to_start_one(state: Path) -> None:
    result = CliRunner().invoke(lab, ["status"])
    assert (result.exit_code, result.output) == (1, "lab 'lab' is not up: faildrill lab up\n")
    assert not state.exists()


def test_status_of_no_lab_is_json_when_asked() -> None:
    result = CliRunner().invoke(lab, ["status", "-o", "json"])
    assert json.loads(result.output) == {"phase": "down", "nodes": {}, "links": {}}


def test_status_of_a_lab_that_was_killed_says_how_to_remove_it(state: Path) -> None:
    (state / "labs" / "two").mkdir(parents=True)
    result = CliRunner().invoke(lab, ["status", "--name", "two"])
    assert "has left something behind: faildrill lab down --name two" in result.output


def test_status_of_a_lab_that_is_up_names_the_nodes_that_are_not_running(state: Path) -> None:
    facts = {"part": "patroni", "since": 0.0, "starts": 1, "pids": []}
    states = {"pg1": "absent", "pg2": "running", "pay1": "stopped"}
    nodes = {name: {**facts, "state": one} for name, one in states.items()}
    place = Place("lab", state)
    said = next(table(place, {"phase": "ready", "nodes": nodes, "links": {}}))
    assert said == "lab 'lab' is ready, but pg1 is absent, pay1 is stopped"
    whole = {"pg2": nodes["pg2"]}
    assert next(table(place, {"phase": "ready", "nodes": whole, "links": {}})) == "lab 'lab' is ready"


def test_status_tells_where_the_environment_file_is(state: Path) -> None:
    folder = state / "labs" / "lab"
    folder.mkdir(parents=True)
    (folder / "environment.yaml").touch()
    assert f"\n  environment: {folder}/environment.yaml\n" in CliRunner().invoke(lab, ["status"]).output
    as_json = CliRunner().invoke(lab, ["status", "-o", "json"])
    assert json.loads(as_json.output)["environment"] == f"{folder}/environment.yaml"


def test_down_of_no_lab_says_so_and_is_no_error(state: Path) -> None:
    result = CliRunner().invoke(lab, ["down"])
    assert (result.exit_code, result.output) == (0, "lab 'lab' is not up\n")
    assert not state.exists()


def test_down_removes_what_a_killed_lab_left(state: Path) -> None:
    (state / "labs" / "lab" / "nodes" / "pg1").mkdir(parents=True)
    (state / "labs" / "lab.lock").touch()
    result = CliRunner().invoke(lab, ["down"])
    assert (result.exit_code, result.output) == (0, "lab 'lab' is down\n")
    assert not state.exists()


def test_logs_of_no_lab_are_refused() -> None:
    result = CliRunner().invoke(lab, ["logs"])
    assert isinstance(result.exception, FaildrillError)


@pytest.mark.parametrize("verb", ["up", "down", "status", "logs"])
def test_a_name_that_is_a_path_is_refused(verb: str, state: Path) -> None:
    result = CliRunner().invoke(lab, [verb, "--name", "../x"])
    assert isinstance(result.exception, WrongUsage)
    assert not state.exists()


def test_its_help_loads_no_part_of_the_lab() -> None:
    program = "import sys, faildrill.cli.lab; print([m for m in sys.modules if m in {'asyncpg', 'aiohttp', 'asyncio'}])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
