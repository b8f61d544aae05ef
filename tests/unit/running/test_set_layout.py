"""A set as it is laid out: what is written down before the first run, and when the rest is not started."""

from pathlib import Path

import pytest

from faildrill.clock import SystemClock
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.record import run_set
from faildrill.record.timeline import FILE, RunStarted, entries
from faildrill.running.set_layout import LaidOut, RunningSet, Wanted

PLACE = Environment(name="simulation", drillable=True)
LEAVES = [(3, "REFUSED"), (5, "ABORTED"), (6, "UNSAFE"), (7, "ERROR"), (9, "exit code 9")]


def drill(name: str) -> Drill:
    return Drill(name=name, environment="simulation", probes=(), steps=(), expect=())


def running(folder: Path, sort: run_set.Sort = "twins", times: int = 1) -> RunningSet:
    wanted = Wanted("crash", sort, {name: drill(name) for name in ("crash", "skew")}, times)
    return RunningSet(wanted, PLACE, folder, SystemClock())


def ending(one: RunningSet) -> run_set.SetEnded:
    last = run_set.entries(one.folder)[-1].what
    assert isinstance(last, run_set.SetEnded)
    return last


def test_every_blinded_set_draws_a_seed_of_its_own_and_writes_its_seal_only(tmp_path: Path) -> None:
    seals = {running(tmp_path).seal for _ in range(20)}
    assert len(seals) == 20
    one = running(tmp_path)
    [first] = run_set.entries(one.folder)
    assert isinstance(first.what, run_set.SetStarted)
    assert first.what.seal == one.seal
    told = (one.folder / run_set.FILE).read_text()
    assert (told.index("crash") < told.index("skew"), "seed" in told) == (True, False)


def test_a_set_that_is_not_blinded_goes_in_the_order_that_is_written(tmp_path: Path) -> None:
    one = running(tmp_path, "ways", times=2)
    assert (one.order, one.seal) == (["crash", "skew"] * 2, "")


def test_each_run_is_a_run_of_the_drill_that_is_due(tmp_path: Path) -> None:
    one = running(tmp_path, times=3)
    seen: list[str] = []

    def look(run: LaidOut) -> int:
        first = entries(run.folder / FILE)[0].what
        assert isinstance(first, RunStarted)
        assert first.run == run.folder.name
        seen.append(first.drill["name"])
        return (0, 1, 4)[run.number % 3]

    one.see_through(look)
    assert seen == one.order
    assert (ending(one).because, run_set.seal(ending(one).seed)) == ("", one.seal)


@pytest.mark.parametrize(("code", "word"), LEAVES)
def test_after_a_run_that_leaves_unknown_ground_the_rest_is_not_started(code: int, word: str, tmp_path: Path) -> None:
    one = running(tmp_path)
    one.see_through(lambda _: code)
    *_, begun, ended = [entry.what for entry in run_set.entries(one.folder)]
    assert isinstance(begun, run_set.RunBegun)
    assert begun.folder.startswith("run-1-")
    assert isinstance(ended, run_set.SetEnded)
    assert ended.because == f"run 1 ended {word}"


def test_however_a_set_is_left_its_end_and_its_seed_are_written(tmp_path: Path) -> None:
    one = running(tmp_path)

    def interrupted(_: LaidOut) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.see_through(interrupted)
    assert ending(one).because == "whoever ran the set went away"
    assert run_set.seal(ending(one).seed) == one.seal
