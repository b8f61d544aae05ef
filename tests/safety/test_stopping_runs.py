"""`abort`, `halt`, `resume` and `status` on runs in real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faildrill.locking.abort_request import sentinel_of, under_way
from faildrill.locking.dirty_marks import Mark, all_marks, mark
from faildrill.locking.machine_lock import Holder
from faildrill.locking.place_key import PlaceKey
from faildrill.record.timeline import (
    AbortAsked,
    Applying,
    Confirmed,
    GuardAnswered,
    PhaseStarted,
    Undoing,
    UndoVerified,
)
from support.places import Place, ended, events, of_run, recorded, runner_of, until

ID = "0123456789abcdef"
ABORTED, REFUSED, UNSAFE, USAGE = 5, 3, 6, 2


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Place(tmp_path)


def faildrill(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "faildrill", *words], capture_output=True, text=True, timeout=60, check=False
    )


def reasons(folder: Path) -> list[tuple[str, str]]:
    return [(one.by, one.because) for one in events(folder, AbortAsked) if isinstance(one, AbortAsked)]


def identity() -> str:
    [one] = under_way()
    return one


def test_abort_stops_a_run_puts_all_back_and_says_who_asked_and_why(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        done = faildrill("abort", str(started.folder), "--why", "customers call")
        assert "the run is over: ABORTED" in done.stdout
        assert done.returncode == 0
        assert started.sentinel.wait(10) == ABORTED
        [(by, because)] = reasons(started.folder)
        assert (by, because.rpartition(": ")[2]) == ("person", "customers call")
        assert place.deeds("pay") == ["apply", "undo"]
        assert all_marks() == {}


def test_three_aborts_hurry_a_run_but_never_leave_anything_on(place: Place) -> None:
    place.fault("pay", undo="works late", undo_delay="2s")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        sentinel = sentinel_of(next(iter(under_way().values())))
        assert sentinel
        for _ in range(3):
            sentinel.end()
            time.sleep(0.3)  # signals that wait to be taken are one
        assert started.sentinel.wait(20) == ABORTED
        assert place.deeds("pay") == ["apply", "undo"]
        assert events(started.folder, UndoVerified)
        assert all_marks() == {}
        sentinel.close()


@pytest.mark.says(
    "**Exit 6 as long as there is a mark.** While an environment is marked as not put back, `run`, `recover` and "
    "`abort` exit with 6, whatever else they have to say: also when every process of the run was killed and "
    "nobody judged it."
)
def test_abort_says_when_something_was_not_put_back(place: Place) -> None:
    place.fault("pay", undo="lies")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        done = faildrill("abort")
        assert "NOT everything is put back" in done.stderr
        assert done.returncode == UNSAFE


def test_abort_of_what_does_not_run_touches_nothing_and_says_what_runs(place: Place) -> None:
    done = faildrill("abort", "no-such-run")
    assert (done.returncode, "under way: none" in done.stderr) == (USAGE, True)
    assert place.reports.exists() is False


def test_a_pid_that_is_somebody_else_by_now_is_never_signalled() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        holder = Holder("some-run", "/nowhere", other.pid, "ada", "yesterday")
        assert sentinel_of(holder) is None
        assert sentinel_of(Holder("other-run", "/nowhere", os.getpid(), "ada", "today")) is None
        other.kill()


def test_halt_stops_what_runs_and_refuses_what_would_start_until_it_is_resumed(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        where = identity()
        done = faildrill("halt", where, "--why", "an incident is on")
        assert (done.returncode, "stops now" in done.stdout) == (0, True)
        assert started.sentinel.wait(20) == ABORTED
        assert [by for by, because in reasons(started.folder) if "an incident is on" in because] == ["condition"]
        assert place.deeds("pay") == ["apply", "undo"]

    refused = place.start()
    with ended(refused):
        assert refused.sentinel.wait(20) == REFUSED
        said = [one for one in events(refused.folder, GuardAnswered) if isinstance(one, GuardAnswered)]
        assert ["an incident is on" in str(one.objection) for one in said if one.guard == "halt"] == [True]
        assert not events(refused.folder, Applying)

    told = faildrill("status")
    assert (told.returncode, "HALTED" in told.stdout, where in told.stdout) == (REFUSED, True, True)
    assert faildrill("resume", where).returncode == 0
    assert faildrill("status").returncode == 0
    place.steps.pop()
    again = place.start()
    with ended(again):
        assert again.sentinel.wait(20) == 0


def test_halt_in_the_warm_up_ends_the_run_before_anything_is_touched(place: Place) -> None:
    place.warm_up = 30.0
    place.fault("pay")
    started = place.start()
    with ended(started):
        until(lambda: "warming up" in [one.phase for one in events(started.folder, PhaseStarted)])  # type: ignore[union-attr] # only phases are asked for
        assert faildrill("halt", identity(), "--why", "stop").returncode == 0
        assert started.sentinel.wait(20) == ABORTED
        assert place.deeds("pay") == []


def test_status_tells_what_runs_from_what_is_dirty(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        told = faildrill("status", "-o", "json")
        found = json.loads(told.stdout)
        assert [one["run"] for one in found["running"].values()] == [started.folder.name]
        assert (found["dirty"], found["halted"], told.returncode) == ({}, {}, 0)
        started.sentinel.send_signal(signal.SIGTERM)
        assert started.sentinel.wait(20) == ABORTED
        assert of_run(started.folder.name) == {}
    mark(PlaceKey(ID), Mark("run-1", "/nowhere", "drill", "yesterday"))
    assert faildrill("status").returncode == UNSAFE


def test_status_tells_who_puts_back_what_a_run_did_whose_sentinel_died(place: Place) -> None:
    place.fault("pay", undo="hangs")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        runner = runner_of(started.folder)
        started.sentinel.kill()
        recorded(started.folder, Undoing)
        told = faildrill("status")
        assert (told.returncode, f"is being put back by pid {runner}; wait for it" in told.stdout) == (UNSAFE, True)
        os.kill(runner, signal.SIGKILL)
        until(lambda: "put it back with: faildrill recover" in faildrill("status").stdout)
