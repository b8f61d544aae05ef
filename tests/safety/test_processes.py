"""P4, P5, P14 and the corners: real processes, real signals, a simulated place."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.main import cli
from faildrill.locking.dirty_marks import all_marks
from faildrill.model.drill import Step
from faildrill.ports.target import KindUse
from faildrill.record import second_copy
from faildrill.record.timeline import (
    FILE,
    Applied,
    Confirmed,
    Fenced,
    GuardAnswered,
    Intended,
    RunEnded,
    RunnerBroke,
    RunnerDied,
    Undoing,
    entries,
)
from faildrill.running.layout import start
from faildrill.running.run_processes import Pipes, Processes
from faildrill.running.sentinel import watch_over
from support.forks import fork
from support.places import Place, ended, events, of_run, prober_of, recorded, runner_of, until

ABORTED, UNSAFE, REFUSED, ERROR = 5, 6, 3, 7


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
        told = CliRunner().invoke(cli, ["status"])
        assert (told.exit_code, told.output.startswith("DIRTY simulation (")) == (UNSAFE, True), told.output
    again = place.start()
    with ended(again):
        assert again.sentinel.wait(30) == REFUSED
        assert "dirty" in str(events(again.folder, GuardAnswered))
    command = [sys.executable, "-m", "faildrill", "recover", str(started.folder)]
    recovered = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert recovered.returncode == 0, recovered.stderr
    assert place.deeds("pay") == ["apply", "undo"]
    assert all_marks() == {}


def test_a_timeline_altered_while_it_is_written_stops_nobody_from_putting_back(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        path = started.folder / FILE
        path.write_bytes(path.read_bytes().replace(b'"drillable"', b'"drillabla"', 1))
        os.kill(runner_of(started.folder), signal.SIGKILL)
        assert started.sentinel.wait(30) == UNSAFE
        assert place.deeds("pay") == ["apply", "undo"]
        assert len(all_marks()) == 1
        assert list(started.folder.glob("put-back-*.jsonl"))


def test_a_timeline_removed_under_a_living_run_is_put_back_from_what_the_runner_knows(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        (started.folder / FILE).unlink()
        started.sentinel.send_signal(signal.SIGINT)
        assert started.sentinel.wait(60) != 0
        assert place.deeds("pay") == ["apply", "undo"]


def test_an_empty_timeline_is_no_run_and_no_verdict(place: Place) -> None:
    place.fault("pay")
    folder = place.lay_out()
    (folder / FILE).write_bytes(b"")
    second_copy.forget(folder.name)
    started = start(folder)
    with ended(started):
        assert started.sentinel.wait(30) == ERROR
        assert "holds no run" in (folder / "sentinel.log").read_text()


def test_a_sentinel_that_is_stopped_is_as_good_as_dead(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        os.kill(started.sentinel.pid, signal.SIGSTOP)
        assert started.sentinel.wait(30) == -signal.SIGKILL
        assert place.deeds("pay") == ["apply", "undo"]
        assert (started.folder / "result.json").exists()
        until(lambda: not of_run(started.folder.name))
        assert all_marks() == {}


def test_recover_does_not_touch_a_run_that_is_under_way(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        asked = faildrill("recover", str(started.folder))
        assert asked.returncode not in (0, 1)
        assert f"being drilled by run {started.folder.name}" in asked.stderr + asked.stdout
        assert place.deeds("pay") == ["apply"]
        started.sentinel.send_signal(signal.SIGTERM)
        assert started.sentinel.wait(30) == ABORTED


def test_an_undo_that_hangs_in_recover_ends_at_its_limit_and_the_others_are_done(place: Place) -> None:
    place.fault("one")
    place.fault("two", undo="hangs")
    place.wait(60)
    started = place.start()
    with ended(started):
        until(lambda: len(events(started.folder, Confirmed)) == 2)
        os.kill(runner_of(started.folder), signal.SIGKILL)
        assert started.sentinel.wait(60) == UNSAFE
        assert (place.state("one"), place.state("two")) == ("up", "down")
        assert len(all_marks()) == 1


def test_what_a_step_left_running_is_ended_before_its_undo_in_a_run_that_lives(place: Place) -> None:
    place.fault("pay", within=1.0, apply="acts late", delay="2500ms")
    started = place.start()
    with ended(started):
        started.sentinel.wait(30)
        [fenced] = [one for one in events(started.folder, Fenced) if isinstance(one, Fenced)]
        assert len(fenced.processes) == 1
        time.sleep(2.0)
        assert place.deeds("pay") in (["undo"], [])


def test_a_run_within_a_run_is_put_back_by_its_own_sentinel(place: Place, tmp_path: Path) -> None:
    inner = Place(tmp_path / "inner")
    inner.identity = "inner"
    inner.fault("within")
    inner.wait(60)
    nested = inner.lay_out()
    script = "import sys, pathlib, faildrill.running.layout as s; s.start(pathlib.Path(sys.argv[1])).sentinel.wait()"
    params = {
        "argv": [sys.executable, "-c", script, str(nested)],
        "undo_argv": ["true"],
        "verify_argv": ["echo", "in_effect: false"],
        "env": {"FAILDRILL_STATE": os.environ["FAILDRILL_STATE"]},
    }
    use = KindUse.model_validate({"kind": "command.run", "params": params})
    place.fault("pay")
    place.steps.append(Step(id="nested", name="a run within", use=use, within=60.0, undo_within=5.0))
    place.probes.append(place.probe("nested"))
    started = place.start()
    with ended(started):
        recorded(nested, Confirmed)
        os.kill(runner_of(started.folder), signal.SIGKILL)
        assert started.sentinel.wait(60) == ABORTED
        assert place.state("pay") == "up"
        recorded(nested, RunEnded)
        assert inner.deeds("within") == ["apply", "undo"]
        until(lambda: not of_run(nested.name))
        until(lambda: all_marks() == {})


def test_a_prober_that_is_stopped_outlives_nothing(place: Place, many: Callable[[int, int], int]) -> None:
    if not many(0, 1):
        pytest.skip("waits 15 s for the prober: runs with --soak")
    place.fault("pay")
    place.wait(60)
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        os.kill(prober_of(started.folder), signal.SIGSTOP)
        os.kill(runner_of(started.folder), signal.SIGKILL)
        started.sentinel.wait(200)
        assert place.state("pay") == "up"
        assert of_run(started.folder.name) == {}


def test_an_undo_that_blocks_its_whole_process_keeps_no_other_from_being_done(
    place: Place, many: Callable[[int, int], int]
) -> None:
    if not many(0, 1):
        pytest.skip("waits for three processes to be silent for 20 s: runs with --soak")
    place.fault("one")
    place.fault("two", undo="blocks")
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(200) == UNSAFE
        assert (place.state("one"), place.state("two")) == ("up", "down")
        assert "gave no sign of life" in str(events(started.folder, RunnerDied))
        assert len(all_marks()) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_fence_is_up_within_a_second(
    place: Place, number: signal.Signals, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    took = []
    place.fault("pay")
    place.wait(60)
    for _ in range(many(2, 25)):
        started = place.start()
        with ended(started):
            recorded(started.folder, Confirmed)
            runner = runner_of(started.folder)
            died = time.monotonic_ns()
            os.kill(runner, number)
            assert started.sentinel.wait(30) == ABORTED
            [fenced] = [entry for entry in entries(started.folder / FILE) if isinstance(entry.what, Fenced)]
            took.append((fenced.at - died) / 1e9)
    figure(f"P5 fenced after {number.name}: at most {max(took):.3f} s in {len(took)} runs")
    assert max(took) <= many(10, 1)


def faildrill(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "faildrill", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


DRILL = """\
drill: simulated
environment: simulation
warm_up: 300ms
probes:
  pay: {{simulated.service: {{folder: "{place}", name: pay}}, every: 20ms}}
steps:
  - name: take it down
    simulated.fault: {{folder: "{place}", name: pay}}
    within: 2s
expect:
  - steady_again: {{within: 10s}}
"""
ENVIRONMENT = """\
environment: simulation
drillable: true
identity:
  - simulated.word: {{about: "{place}"}}
"""


def test_a_verdict_does_not_hang_on_somebody_reading_it(place: Place, tmp_path: Path) -> None:
    environment = tmp_path / "environment.yaml"
    environment.write_text(ENVIRONMENT.format(place=place.folder))
    drill = tmp_path / "drill.yaml"
    drill.write_text(DRILL.format(place=place.folder))
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "faildrill", "run", str(drill), "--env", str(environment)]
    run = subprocess.run(
        [*command, "--reports", str(place.reports)], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert run.returncode == 0, run.stderr
    assert place.deeds("pay") == ["apply", "undo"]


def test_a_runner_that_can_t_be_started_is_an_error_and_nothing_is_touched(place: Place) -> None:
    place.fault("pay")
    folder = place.lay_out()
    refusing = Pipes(stdin=0)

    class NoRunner(Processes):
        def runner(self, folder: Path, run: str, lines: Pipes) -> int:
            raise OSError(errno.EAGAIN, f"no more processes for {run} in {folder} on {lines}")

    pid = fork(lambda: watch_over(folder, NoRunner()), refusing)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == ERROR
    assert "could not be started" in str(events(folder, RunnerBroke))
    assert place.deeds("pay") == []
    assert all_marks() == {}
