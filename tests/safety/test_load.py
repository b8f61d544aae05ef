"""Load ends with its run, whatever becomes of whom: real processes, real signals, a simulated place."""

import os
import signal
from pathlib import Path

import pytest

from faildrill.record.samples import Files, Outcome, all_samples
from faildrill.record.timeline import Confirmed, Fenced, ProberStarted, RunEnded, SteadyAgain
from support.places import Place, ended, events, of_run, recorded, runner_of, until

ABORTED = 5


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    made = Place(tmp_path)
    made.fault("pay")
    users = made.probe("other", 0.01).model_copy(update={"name": "users", "by": "load", "most": 100_000})
    made.load = [users.model_copy(update={"in_flight": 100})]
    return made


def prober(folder: Path, name: str) -> int:
    started = [one for one in events(folder, ProberStarted) if isinstance(one, ProberStarted)]
    [found] = [one.pid for one in started if one.samples == name]
    return found


def test_load_is_sent_from_the_warm_up_until_all_is_steady_again(place: Place) -> None:
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(30) == 0
    sent = all_samples(Files(started.folder, "load"))
    steady = next(one for one in events(started.folder, SteadyAgain) if isinstance(one, SteadyAgain))
    assert {one.probe for one in sent} == {"users"}
    assert {one.outcome for one in sent} <= {Outcome.OK, Outcome.SKIPPED}
    assert sent[0].due < steady.since < sent[-1].due
    assert of_run(started.folder.name) == {}


def test_load_ends_before_the_sentinel_puts_back_and_the_probes_look_on(place: Place) -> None:
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        load, looking = prober(started.folder, "load"), prober(started.folder, "probes")
        os.kill(runner_of(started.folder), signal.SIGKILL)
        recorded(started.folder, Fenced)
        assert looking in of_run(started.folder.name)
        [fenced] = [one for one in events(started.folder, Fenced) if isinstance(one, Fenced)]
        assert [one for one in fenced.processes if one.startswith(f"{load} ")]
        assert started.sentinel.wait(30) == ABORTED
    assert place.state("pay") == "up"


def test_load_ends_when_nobody_is_left_of_its_run(place: Place) -> None:
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        load = prober(started.folder, "load")
        os.kill(started.sentinel.pid, signal.SIGSTOP)
        os.kill(runner_of(started.folder), signal.SIGKILL)
        assert load in of_run(started.folder.name)
        started.sentinel.kill()
        until(lambda: load not in of_run(started.folder.name), within=10)


def test_load_ends_when_the_runner_puts_back_in_the_place_of_its_sentinel(place: Place) -> None:
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        load = prober(started.folder, "load")
        started.sentinel.kill()
        recorded(started.folder, RunEnded)
        until(lambda: load not in of_run(started.folder.name), within=10)
    assert place.state("pay") == "up"
