"""Whoever dies, everything is put back: real processes, real signals, a simulated place."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from places import Place, ended, events, of_run, prober_of, recorded, runner_of, until

from faildrill.guarding.holding import all_marks
from faildrill.timeline import (
    AbortAsked,
    Applied,
    Applying,
    Confirmed,
    Fenced,
    GuardAnswered,
    Intended,
    RunEnded,
    RunnerDied,
    SteadyAgain,
    Undoing,
    UndoVerified,
)

ABORTED, UNSAFE, REFUSED = 5, 6, 3


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Place(tmp_path)


def test_a_run_of_its_own_accord_ends_clean_and_leaves_nothing_running(place: Place) -> None:
    place.fault("pay")
    place.wait(0.3)
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(30) == 0
        assert place.deeds("pay") == ["apply", "undo"]
        assert of_run(started.folder.name) == {}
        assert all_marks() == {}


def test_kill_9_of_the_runner_puts_everything_back_and_the_story_is_whole(place: Place) -> None:
    place.fault("one")
    place.fault("two")
    place.wait(60)
    started = place.start()
    with ended(started):
        until(lambda: len(events(started.folder, Confirmed)) == 2)
        os.kill(runner_of(started.folder), signal.SIGKILL)
        assert started.sentinel.wait(30) == ABORTED
        assert [place.deeds(name) for name in ("one", "two")] == [["apply", "undo"]] * 2
        story = [type(one) for one in events(started.folder)]
        assert story.index(RunnerDied) < story.index(Fenced) < story.index(Undoing) < story.index(SteadyAgain)
        assert story[-1] is RunEnded
        assert all_marks() == {}


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


def test_when_the_sentinel_dies_the_runner_undoes_by_itself(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        os.kill(started.sentinel.pid, signal.SIGKILL)
        recorded(started.folder, RunEnded)
        assert [one.by for one in events(started.folder, AbortAsked) if isinstance(one, AbortAsked)] == ["sentinel"]
        assert place.deeds("pay") == ["apply", "undo"]
        until(lambda: (started.folder / "result.json").exists())
        until(lambda: not of_run(started.folder.name))
        assert all_marks() == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_it_and_puts_everything_back(place: Place, number: signal.Signals) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        started.sentinel.send_signal(number)
        assert started.sentinel.wait(30) == ABORTED
        assert place.deeds("pay") == ["apply", "undo"]
        assert all_marks() == {}


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


@pytest.mark.parametrize("moment", [Intended, Applying, Undoing, UndoVerified])
def test_kill_9_at_a_point_of_the_journal_leaves_nothing_on(place: Place, moment: type) -> None:
    place.fault("pay", delay="50ms")
    place.wait(0.2)
    started = place.start()
    with ended(started):
        runner = runner_of(started.folder)
        recorded(started.folder, moment)
        os.kill(runner, signal.SIGKILL)
        assert started.sentinel.wait(30) == ABORTED
        assert place.state("pay") == "up"
        assert all_marks() == {}
