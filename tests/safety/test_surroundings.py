"""What is set around a run is read before and after it, whatever becomes of the reading, and what was left is told."""

import json
import os
import signal
from pathlib import Path

import pytest

from faildrill.ports.target import KindUse
from faildrill.record.timeline import Confirmed, PhaseStarted
from support.places import Place, ended, events, recorded, runner_of

ABORTED = 5
SET = {"backends": {"payments": {"servers": {"pay1": {"weight": 1}, "pay2": {"weight": 1}}}}}
LEFT = {"backends": {"payments": {"servers": {"pay1": {"weight": 70}, "pay2": {"weight": 1}}}}}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    made = Place(tmp_path)
    made.folder.mkdir(exist_ok=True)
    listed(made)
    board(made).write_text(json.dumps(SET), encoding="utf-8")
    made.fault("pay")
    return made


def listed(place: Place, **params: str) -> None:
    board = KindUse(kind="simulated.settings", params={"folder": str(place.folder), **params})
    place.declared["settings"] = {"board": board}


def board(place: Place) -> Path:
    return place.folder / "settings.json"


def residual(place: Place, between: str = "") -> tuple[int, str]:
    """Run the drill, with something set meanwhile; return its exit code, and what its review says is left."""
    place.wait(0.3)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        if between:
            board(place).write_text(between, encoding="utf-8")
        code = started.sentinel.wait(60)
    review = (started.folder / "report.md").read_text(encoding="utf-8")
    return code, review.split("### Residual impact")[1].split("## Corrective")[0]


def test_what_somebody_left_set_otherwise_is_told_and_changes_no_verdict(place: Place) -> None:
    code, told = residual(place, json.dumps(LEFT))
    assert "not as before: what is set at board: weight of payments/pay1: 70, 1 before `surroundings:1`" in told
    assert code == 0


def test_what_is_set_as_before_shows_no_difference(place: Place) -> None:
    code, told = residual(place)
    assert "no difference seen: what is set at board `surroundings:1` `surroundings:2`" in told
    assert code == 0


def test_whoever_puts_back_after_the_runner_died_reads_it_too(place: Place) -> None:
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        board(place).write_text(json.dumps(LEFT), encoding="utf-8")
        os.kill(runner_of(started.folder), signal.SIGKILL)
        assert started.sentinel.wait(60) == ABORTED
    assert place.state("pay") == "up"
    review = (started.folder / "report.md").read_text(encoding="utf-8")
    assert "not as before: what is set at board: weight of payments/pay1: 70, 1 before" in review


@pytest.mark.parametrize("how", ["garbage", "gone", "a pipe", "silent"])
def test_a_board_that_tells_nothing_ends_no_run_and_is_never_called_the_same(place: Place, how: str) -> None:
    if how == "garbage":
        board(place).write_text("{", encoding="utf-8")
    elif how == "silent":
        listed(place, delay="1h")
    else:
        board(place).unlink()
    if how == "a pipe":
        os.mkfifo(board(place))
    code, told = residual(place)
    assert code == 0
    assert "not known: what is set at board: " in told
    assert "what is set at board `" not in told


def test_it_is_read_before_anything_is_looked_at_and_after_all_is_put_back(place: Place) -> None:
    listed(place, delay="700ms")
    place.wait(0.1)
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(60) == 0
    phases = {one.phase for one in events(started.folder, PhaseStarted) if isinstance(one, PhaseStarted)}
    assert "steadying" in phases
    lines = (started.folder / "surroundings.jsonl").read_text(encoding="utf-8").splitlines()
    assert ['"when":"before"' in lines[0], '"when":"after"' in lines[1], len(lines)] == [True, True, 2]
    assert place.state("pay") == "up"
