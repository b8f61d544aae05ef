"""Exit codes keep their promise, whoever is killed, and one run hides no other: 6 wherever a mark is left."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.main import cli
from faildrill.errors import JournalDamaged, NotJudged, WrongUsage
from faildrill.judging import defects
from faildrill.judging.result import Verdict
from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, Confirmed, WaitStarted
from faildrill.running.layout import Started, start
from faildrill.system.exit_codes import ExitCode
from support.places import Place, ended, of_run, recorded, runner_of, until

DRILL = """drill: long
environment: place
warm_up: 200ms
probes:
  pay: {{simulated.service: {{folder: {folder}, name: pay}}, every: 50ms}}
steps:
  - name: fault
    simulated.fault: {{folder: {folder}, name: pay}}
    within: 20s
  - wait: 60s
expect:
  - steady_again: {{within: 60s}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a drill that leaves a fault on for a minute; what it leaves is put back at the end."""
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    (tmp_path / "environments").mkdir()
    (tmp_path / "place").write_text("staging", encoding="ascii")
    identity = f"[{{file.identity: {{path: {tmp_path}/place, content: staging}}}}]"
    declared = f"environment: place\ndrillable: true\nidentity: {identity}\n"
    (tmp_path / "environments" / "place.yaml").write_text(declared, encoding="utf-8")
    (tmp_path / "drill.yaml").write_text(DRILL.format(folder=tmp_path), encoding="utf-8")
    yield tmp_path
    CliRunner().invoke(cli, ["recover"])


def faildrill(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [str(Path(sys.executable).parent / "faildrill"), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)


def under_way(folder: Path) -> Path:
    """Wait until the fault of the only run is on, and return its folder."""
    until(lambda: [*(folder / "reports").glob("*/" + FILE)])
    [run] = [one.parent for one in (folder / "reports").glob("*/" + FILE)]
    recorded(run, Confirmed)
    return run


def kill_all(run: Path) -> None:
    """End sentinel, runner, probers: everything that could put the run back, at once."""
    pids = of_run(run.name)
    for signal_number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: none of them sees another one die
        for pid in pids:
            os.kill(pid, signal_number)
    until(lambda: not of_run(run.name))


def sentinel_of(run: Path) -> int:
    [pid] = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"running.sentinel" in (words := path.read_bytes()) and run.name.encode() in words
    ]
    return pid


@pytest.mark.says(
    "**Exit 6 as long as there is a mark.** While an environment is marked as not put back, `run`, `recover` and "
    "`abort` exit with 6, whatever else they have to say: also when every process of the run was killed and "
    "nobody judged it."
)
def test_sentinel_and_runner_killed_with_the_fault_on_exit_6(folder: Path) -> None:
    command = faildrill(folder, "run", "drill.yaml")
    run = under_way(folder)
    os.kill(sentinel_of(run), signal.SIGSTOP)
    os.kill(runner_of(run), signal.SIGKILL)
    os.kill(sentinel_of(run), signal.SIGKILL)
    _, said = command.communicate(timeout=60)
    assert all_marks()
    assert command.returncode == ExitCode.UNSAFE, said
    assert f"the environment is DIRTY; put it back with: faildrill recover {Path('reports') / run.name}" in said


def test_the_same_in_a_set_of_runs_which_ends_there(folder: Path) -> None:
    command = faildrill(folder, "run", "drill.yaml", "--times", "2", "-q")
    until(lambda: [*(folder / "reports").glob("*/*/" + FILE)])
    [run] = [one.parent for one in (folder / "reports").glob("*/*/" + FILE)]
    recorded(run, Confirmed)
    os.kill(sentinel_of(run), signal.SIGSTOP)
    os.kill(runner_of(run), signal.SIGKILL)
    os.kill(sentinel_of(run), signal.SIGKILL)
    _, said = command.communicate(timeout=60)
    assert command.returncode == ExitCode.UNSAFE, said


def left_behind(folder: Path, name: str) -> Started:
    """Leave a run of a place of its own behind, with its fault on."""
    (folder / name).mkdir()
    place = Place(folder / name)
    place.fault("pay")
    place.wait(60)
    started = start(place.lay_out())
    recorded(started.folder, WaitStarted)
    os.kill(started.sentinel.pid, signal.SIGSTOP)
    kill_all(started.folder)
    started.sentinel.kill()
    started.sentinel.communicate()
    return started


@pytest.mark.says(
    "A run that can't be judged at all is reported as such; the other runs of a set, and of `faildrill recover`, "
    "are judged."
)
def test_recover_tells_each_end_on_its_own_line_and_a_run_that_is_gone_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    gone = left_behind(tmp_path, "a").folder
    whole = left_behind(tmp_path, "b").folder
    for copy in (gone, tmp_path / "state" / "runs" / gone.name):
        shutil.rmtree(copy)
    told = CliRunner().invoke(cli, ["recover"])
    lines = told.output.splitlines()
    assert any(line.startswith(f"{gone} is gone, and so is its copy") for line in lines), told.output
    assert f"{whole}: put back, and seen steady; judged: ABORTED" in lines
    assert told.exit_code == ExitCode.UNSAFE
    assert [one.run for some in all_marks().values() for one in some] == [gone.name]


def test_a_run_that_can_not_be_judged_makes_no_place_unsafe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    run = left_behind(tmp_path, "a").folder
    [names] = run.glob("probes*.names")
    names.write_bytes(b"{ no names\n" + names.read_bytes())
    told = CliRunner().invoke(cli, ["recover"])
    assert f"{run}: put back, and seen steady; judged: it can't be judged: " in told.output
    assert told.exit_code == ExitCode.PASSED


def test_every_verdict_has_its_exit_code_by_name() -> None:
    codes = {verdict.value: verdict.exit_code for verdict in Verdict}
    assert codes == {one.name: one.value for one in ExitCode if one is not ExitCode.WRONG_USAGE}


def test_a_defect_in_judging_is_told_with_its_place_and_never_as_a_verdict() -> None:
    with pytest.raises(
        NotJudged,
        match=r"run-1 can't be judged, because of a defect in faildrill: KeyError: 'x' \(.*test_exit_codes:\d+\)",
    ):
        broken()


def broken() -> None:
    with defects.told("run-1"):
        raise KeyError("x")


def test_what_is_known_to_be_wrong_with_a_run_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(JournalDamaged, match="altered"), defects.told("run-1"):
        raise JournalDamaged("altered")
    with pytest.raises(WrongUsage, match="run-1 can't be read: No such file"), defects.told("run-1"):
        (tmp_path / "nothing").read_bytes()


def test_what_a_run_leaves_is_its_owners_alone_whatever_the_umask(folder: Path) -> None:
    drill = (folder / "drill.yaml").read_text(encoding="utf-8").replace("wait: 60s", "wait: 100ms")
    (folder / "drill.yaml").write_text(drill, encoding="utf-8")
    before = os.umask(0)
    try:
        command = faildrill(folder, "run", "drill.yaml", "-q")
        _, said = command.communicate(timeout=60)
    finally:
        os.umask(before)
    assert command.returncode == ExitCode.PASSED, said
    [run] = [one.parent for one in (folder / "reports").glob("*/" + FILE)]
    assert {path.name for path in run.rglob("*") if path.stat().st_mode & 0o077} == set()
    assert run.stat().st_mode & 0o777 == 0o700


def test_recover_says_how_a_person_puts_back_what_it_can_t(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    place = Place(tmp_path)
    place.fault("pay", undo="lies")
    run = place.lay_out()
    with ended(started := start(run)):
        assert started.sentinel.wait(120) == ExitCode.UNSAFE
    told = CliRunner().invoke(cli, ["recover", str(run)])
    assert told.exit_code == ExitCode.UNSAFE
    assert f"step pay: to put it back yourself: write up into {place.folder}/pay.state" in told.stdout
    place.become("pay", "up")
    assert CliRunner().invoke(cli, ["recover", str(run)]).exit_code == ExitCode.PASSED
