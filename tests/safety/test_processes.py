"""P4, P5, P14 and the corners: real processes, real signals, a simulated place."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faildrill.guarding.holding import all_marks
from faildrill.timeline import (
    Applied,
    Confirmed,
    Fenced,
    GuardAnswered,
    Intended,
    Undoing,
)
from places import Place, ended, events, of_run, prober_of, recorded, runner_of, until

ABORTED, UNSAFE, REFUSED = 5, 6, 3


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Place(tmp_path)


def test_a_runner_that_is_stopped_is_as_good_as_dead(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        os.kill(runner_of(started.folder), signal.SIGSTOP)
        assert started.sentinel.wait(30) == ABORTED
        assert place.state("pay") == "up"


def test_the_prober_looks_on_while_the_sentinel_puts_back(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        prober = prober_of(started.folder)
        os.kill(runner_of(started.folder), signal.SIGKILL)
        recorded(started.folder, Fenced)
        assert prober in of_run(started.folder.name)
        assert started.sentinel.wait(30) == ABORTED
        assert prober_of(started.folder) == prober


def test_an_effect_that_is_still_ahead_when_the_runner_is_killed_never_comes(place: Place) -> None:
    place.fault("pay", apply="acts late", delay="1500ms")
    started = place.start()
    with ended(started):
        recorded(started.folder, Applied)
        os.kill(runner_of(started.folder), signal.SIGKILL)
        assert started.sentinel.wait(30) == ABORTED
        time.sleep(1.6)
        assert "late" not in place.deeds("pay")
        assert place.state("pay") == "up"


def test_a_third_signal_leaves_it_as_it_is_marked_for_recover(place: Place) -> None:
    place.fault("pay", undo="hangs")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        started.sentinel.send_signal(signal.SIGINT)
        recorded(started.folder, Undoing)
        for _ in range(2):
            started.sentinel.send_signal(signal.SIGINT)
            time.sleep(0.3)
        assert started.sentinel.wait(30) == UNSAFE
        assert place.state("pay") == "down"
        assert len(all_marks()) == 1


def test_whoever_started_it_is_killed_and_everything_is_put_back(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        assert started.sentinel.stdin
        started.sentinel.stdin.close()
        assert started.sentinel.wait(30) == ABORTED
        assert place.deeds("pay") == ["apply", "undo"]


def test_a_second_run_on_the_same_place_is_refused_and_told_who_holds_it(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    first = place.start()
    with ended(first):
        recorded(first.folder, Confirmed)
        second = place.start()
        with ended(second):
            assert second.sentinel.wait(30) == REFUSED
            [answer] = [one for one in events(second.folder, GuardAnswered) if isinstance(one, GuardAnswered)]
            assert answer.objection
            assert first.folder.name in answer.objection
            assert not events(second.folder, Intended)
        first.sentinel.send_signal(signal.SIGTERM)
        assert first.sentinel.wait(30) == ABORTED


def test_both_killed_the_place_is_dirty_refuses_the_next_run_and_recover_cleans_it(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        runner = runner_of(started.folder)
        started.sentinel.kill()
        os.kill(runner, signal.SIGKILL)
        started.sentinel.wait(10)
        until(lambda: not of_run(started.folder.name))
        assert place.state("pay") == "down"
        assert len(all_marks()) == 1
    again = place.start()
    with ended(again):
        assert again.sentinel.wait(30) == REFUSED
        assert "dirty" in str(events(again.folder, GuardAnswered))
    command = [sys.executable, "-m", "faildrill", "recover", str(started.folder)]
    recovered = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert recovered.returncode == 0, recovered.stderr
    assert place.deeds("pay") == ["apply", "undo"]
    assert all_marks() == {}
