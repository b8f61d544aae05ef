"""Runs whose processes all died when everything was put back, but before anybody judged them."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.locking.dirty_marks import all_marks
from faildrill.locking.machine_lock import Holder, hold
from faildrill.locking.place_key import PlaceKey
from faildrill.record.timeline import FILE
from faildrill.restoring.recovery import started
from support.places import Place, ended

PASSED = 0


@pytest.fixture
def unjudged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run as it is when all of its processes are killed between its end and its judgement."""
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    place = Place(tmp_path)
    place.fault("pay")
    run = place.start()
    with ended(run):
        assert run.sentinel.wait(30) == PASSED
    for path in run.folder.iterdir():
        if path.name in {"result.json", "junit.xml", "report.md", "report.html"}:
            path.unlink()
    assert all_marks() == {}
    return run.folder


def recover(*run: str) -> Result:
    return CliRunner().invoke(cli, ["recover", *run])


def verdict(folder: Path) -> str:
    return str(json.loads((folder / "result.json").read_bytes())["verdict"])


def test_recover_judges_a_run_whose_processes_died_when_it_was_over(unjudged: Path) -> None:
    told = recover(str(unjudged))
    assert told.exit_code == 0, told.output
    assert "it had no verdict yet: PASSED" in told.output
    assert verdict(unjudged) == "PASSED"
    assert (unjudged / "report.html").exists()


def test_it_is_found_without_being_named(unjudged: Path) -> None:
    assert f"{unjudged} ended with everything put back" in recover().output
    assert verdict(unjudged) == "PASSED"
    assert "no environment of this machine is dirty" in recover().output


def test_one_whose_timeline_was_altered_is_left_alone(unjudged: Path) -> None:
    timeline = unjudged / FILE
    timeline.write_bytes(timeline.read_bytes().replace(b"steadying", b"steadyinx", 1))
    assert "no environment of this machine is dirty" in recover().output
    told = recover(str(unjudged))
    assert (told.exit_code, "can't be judged" in told.output) == (0, True), told.output
    assert not (unjudged / "result.json").exists()


def test_one_that_somebody_is_still_at_is_not_judged_beside_them(unjudged: Path) -> None:
    first = started(unjudged)
    place = PlaceKey.of(first)
    locks = hold(place, Holder(first.run, str(unjudged), 1, "somebody", "now", place.identity))
    told = recover(str(unjudged)), recover()
    for lock in locks:
        os.close(lock)
    assert "is being drilled by" in told[0].output + str(told[0].exception)
    assert "no environment of this machine is dirty" in told[1].output
    assert not (unjudged / "result.json").exists()
