"""Whoever dies, everything is put back: real processes, real signals, a simulated place."""

import os
import signal
from pathlib import Path

import pytest

from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import AbortAsked, Confirmed, Fenced, RunEnded, RunnerDied, SteadyAgain, Undoing
from support.places import Place, ended, events, of_run, recorded, runner_of, until

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
        until((started.folder / "result.json").exists)
        until(lambda: not of_run(started.folder.name))
        assert all_marks() == {}


def test_one_signal_stops_it_and_puts_everything_back(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        started.sentinel.send_signal(signal.SIGINT)
        assert started.sentinel.wait(30) == ABORTED
        assert place.deeds("pay") == ["apply", "undo"]
        assert all_marks() == {}
