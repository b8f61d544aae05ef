"""The lock between hosts: two state folders are two hosts that share a place."""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.locking.dirty_marks import all_marks
from faildrill.ports.target import KindUse
from faildrill.record.timeline import AbortAsked, Confirmed, GuardAnswered, NotSteady, SteadyAgain
from support.places import Place, ended, events, of_run, recorded, runner_of, until

ABORTED, REFUSED, PASSED = 5, 3, 0
GUARD = "lock between hosts"


class Hosts:
    """Two hosts, each with its own state, and a lock that they share."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lock = folder / "lock"
        self._folder = folder
        self._monkeypatch = monkeypatch

    def on(self, host: str) -> Place:
        """Return the place as this host sees it; what is started next runs there."""
        self._monkeypatch.setenv("FAILDRILL_STATE", str(self._folder / host / "state"))
        place = Place(self._folder / host)
        place.declared = {"lock": KindUse(kind="simulated.lock", params={"path": str(self.lock)})}
        place.fault("pay")
        return place


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    return Hosts(tmp_path, monkeypatch)


def said(folder: Path) -> list[str | None]:
    answers = [one for one in events(folder, GuardAnswered) if isinstance(one, GuardAnswered)]
    return [one.objection for one in answers if one.guard == GUARD]


def test_another_host_is_refused_and_told_who_drills_until_the_run_is_over(hosts: Hosts) -> None:
    here = hosts.on("a")
    here.wait(60)
    first = here.start()
    with ended(first):
        recorded(first.folder, Confirmed)
        there = hosts.on("b")
        second = there.start()
        with ended(second):
            assert second.sentinel.wait(30) == REFUSED
            [objection] = said(second.folder)
            assert first.folder.name in str(objection)
            assert there.deeds("pay") == []
        first.sentinel.terminate()
        assert first.sentinel.wait(30) == ABORTED
        third = there.start()
        with ended(third):
            assert third.sentinel.wait(30) == PASSED


def test_a_run_that_loses_the_lock_does_nothing_more_and_puts_back_what_it_did(hosts: Hosts) -> None:
    here = hosts.on("a")
    here.wait(60)
    here.fault("later")
    started = here.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        Path(f"{hosts.lock}.lost").touch()
        assert started.sentinel.wait(30) == ABORTED
        [asked] = [one for one in events(started.folder, AbortAsked) if isinstance(one, AbortAsked)]
        assert (asked.by, "the lock between hosts is lost" in asked.because) == ("condition", True)
        assert (here.deeds("pay"), here.deeds("later")) == (["apply", "undo"], [])


def test_a_lock_that_can_t_be_asked_refuses(hosts: Hosts) -> None:
    hosts.lock.mkdir()
    here = hosts.on("a")
    started = here.start()
    with ended(started):
        assert started.sentinel.wait(30) == REFUSED
        assert "nobody knows whether another host drills here" in str(said(started.folder)[0])


def test_from_the_death_of_the_runner_to_the_last_undo_no_other_host_can_take_the_lock(
    hosts: Hosts, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    here = hosts.on("a")
    here.steps.clear()
    here.fault("pay", undo="works late", undo_delay="1500ms")
    here.wait(60)
    free = looks = 0
    for _ in range(many(1, 20)):
        started = here.start()
        with ended(started):
            recorded(started.folder, Confirmed)
            os.kill(runner_of(started.folder), signal.SIGKILL)
            while not events(started.folder, SteadyAgain, NotSteady):
                looks += 1
                free += not is_held(hosts.lock)
                time.sleep(0.001)
            assert started.sentinel.wait(30) == ABORTED
        until(lambda: not is_held(hosts.lock))
    figure(f"the lock between hosts was free in {free} of {looks} looks while a dead runner's faults were on")
    assert (free, looks > 10) == (0, True)


def test_a_lock_is_let_go_when_both_runner_and_sentinel_are_killed(hosts: Hosts) -> None:
    here = hosts.on("a")
    here.wait(60)
    started = here.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        runner = runner_of(started.folder)
        started.sentinel.kill()
        os.kill(runner, signal.SIGKILL)
        until(lambda: not is_held(hosts.lock))
        until(lambda: not of_run(started.folder.name))
        assert len(all_marks()) == 1


def is_held(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
