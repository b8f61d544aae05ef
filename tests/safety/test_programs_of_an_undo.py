"""An undo runs the program that was written down, whoever puts back and from wherever; one that can't start is told."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.record.timeline import FILE, Confirmed
from faildrill.system.exit_codes import ExitCode
from support.places import of_run, recorded, until

pytestmark = pytest.mark.timeout(300)
DRILL = """drill: relative
environment: place
warm_up: 200ms
probes:
  pay: {{simulated.service: {{folder: {folder}, name: pay}}, every: 50ms}}
steps:
  - name: touch
    command.run: {{argv: [{does}], undo_argv: [{undoes}], verify_argv: [test, -e, {folder}/fault]}}
  - wait: 60s
expect:
  - outage: {{of: pay, at_most: 60s}}
"""


def program(path: Path, does: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{does}\n", encoding="ascii")
    path.chmod(stat.S_IRWXU)


@pytest.fixture
def drills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the programs of a drill, beside another one with programs of the same names."""
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    own = tmp_path / "own"
    for name, does in (("mk.sh", f"touch {tmp_path}/fault"), ("rm.sh", f"rm -f {tmp_path}/fault")):
        program(own / name, does)
        program(tmp_path / "foreign" / name, f"touch {tmp_path}/foreign/ran")
    (own / "environments").mkdir()
    (tmp_path / "identity").write_text("staging", encoding="ascii")
    identity = f"[{{file.identity: {{path: {tmp_path}/identity, content: staging}}}}]"
    declared = f"environment: place\ndrillable: true\nidentity: {identity}\n"
    (own / "environments" / "place.yaml").write_text(declared, encoding="utf-8")
    yield own
    for path in (tmp_path / "fault", tmp_path / "foreign" / "ran"):
        path.unlink(missing_ok=True)


def killed_with_the_fault_on(drills: Path, does: str, undoes: str, path: str) -> None:
    """Run a drill in its folder, on a PATH, and kill all of its processes while its fault is on."""
    text = DRILL.format(folder=drills.parent, does=does, undoes=undoes)
    (drills / "drill.yaml").write_text(text, encoding="utf-8")
    command = subprocess.Popen(
        [sys.executable, "-m", "faildrill", "run", "drill.yaml", "-q"],
        cwd=drills,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: [*(drills / "reports").glob("*/" + FILE)])
    [run] = [one.parent for one in (drills / "reports").glob("*/" + FILE)]
    recorded(run, Confirmed)
    pids = [command.pid, *sentinel_of(run), *of_run(run.name)]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: none of them sees another one die
        for pid in pids:
            os.kill(pid, number)
    command.wait()
    until(lambda: not of_run(run.name))
    assert (drills.parent / "fault").exists()


def sentinel_of(run: Path) -> list[int]:
    lines = {int(path.parent.name): path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")}
    return [pid for pid, words in lines.items() if b"running.sentinel" in words and run.name.encode() in words]


def recover(folder: Path, path: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "faildrill", "recover"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_program_beside_the_drill_is_run_from_whatever_folder_one_recovers(drills: Path) -> None:
    own = os.environ["PATH"]
    killed_with_the_fault_on(drills, "./mk.sh", "./rm.sh", own)
    code, said = recover(drills.parent / "foreign", own)
    assert not (drills.parent / "foreign" / "ran").exists(), said
    assert code == ExitCode.PASSED, said
    assert not (drills.parent / "fault").exists()


def test_a_program_of_the_path_is_the_one_of_who_ran_the_drill(drills: Path) -> None:
    own = os.environ["PATH"]
    killed_with_the_fault_on(drills, "mk.sh", "rm.sh", f".:{own}")
    code, said = recover(drills.parent, f"{drills.parent}/foreign:{own}")
    assert not (drills.parent / "foreign" / "ran").exists(), said
    assert code == ExitCode.PASSED, said


def test_an_undo_that_is_gone_is_told_and_no_more_time_is_asked_for(drills: Path) -> None:
    own = os.environ["PATH"]
    killed_with_the_fault_on(drills, "./mk.sh", "./rm.sh", own)
    (drills / "rm.sh").rename(drills / "kept")
    code, said = recover(drills.parent, own)
    assert code == ExitCode.UNSAFE, said
    assert f"{drills}/rm.sh can't be started: No such file or directory" in said
    assert "see that the undo's program is there" in said
    assert "more time" not in said
    (drills / "kept").rename(drills / "rm.sh")
    code, said = recover(drills.parent, own)
    assert code == ExitCode.PASSED, said


def test_an_undo_that_needs_nothing_of_the_checkout_outlives_it(drills: Path) -> None:
    fault, own = drills.parent / "fault", os.environ["PATH"]
    killed_with_the_fault_on(drills, f"touch, {fault}", f"rm, -f, {fault}", own)
    shutil.rmtree(drills)
    code, said = recover(drills.parent, own)
    assert not fault.exists(), said
    assert code == ExitCode.PASSED, said


def test_a_program_that_the_path_of_the_run_has_no_more_is_looked_for_on_that_of_who_recovers(drills: Path) -> None:
    """An image of another release has its tools elsewhere."""
    own, elsewhere = os.environ["PATH"], drills.parent / "elsewhere"
    killed_with_the_fault_on(drills, "mk.sh", "rm.sh", f"{drills}:{own}")
    elsewhere.mkdir()
    (drills / "rm.sh").rename(elsewhere / "rm.sh")
    code, said = recover(drills, f"{elsewhere}:{own}")
    assert code == ExitCode.PASSED, said
    assert not (drills.parent / "fault").exists()
