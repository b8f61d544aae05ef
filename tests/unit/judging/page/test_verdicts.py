"""Verdicts: the sentences of docs/judging.md on them, one by one. Others are held to beside what they are about."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faildrill.judging import encode, judge
from faildrill.judging.result import Verdict
from faildrill.kinds import find
from faildrill.kinds.table import ACTIONS
from faildrill.ports.effect import EFFECT_IS
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.judging.page.records import claimed, found, judged
from unit.judging.runs import FAULT, Run


def told_by(command: str, folder: Path, *, elsewhere: Path) -> bytes:
    """Return what a command prints on a machine with another time zone, home and working directory."""
    env = {**os.environ, "TZ": "Asia/Tokyo", "HOME": str(elsewhere), "FAILDRILL_STATE": str(elsewhere / "state")}
    words = [sys.executable, "-m", "faildrill", *command.split(), str(folder), "-o", "json"]
    return subprocess.run(words, cwd=elsewhere, env=env, capture_output=True, check=False, timeout=120).stdout


@pytest.mark.says(
    "`faildrill judge RUN` weighs them again at any time, on any machine, and gives the same `result.json` to the byte."
)
def test_the_command_gives_the_same_bytes_on_a_machine_that_is_set_up_in_another_way(tmp_path: Path) -> None:
    folder = claimed("errors", at_most=0).write(tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    assert told_by("judge", folder, elsewhere=tmp_path / "elsewhere") == encode(judge(folder))


@pytest.mark.says("Nothing else is read: not the drill file, not the environment, not the clock.")
def test_other_files_beside_the_record_change_nothing(tmp_path: Path) -> None:
    folder = claimed("errors", at_most=0).write(tmp_path)
    before = encode(judge(folder))
    (folder / "drill.yaml").write_text("drill: another\nexpect: []\n")
    (folder / "environment.yaml").write_text("environment: another\n")
    (folder / "result.json").write_text("{}")
    assert encode(judge(folder)) == before


@pytest.mark.says("Exit 2 is a wrong file or a wrong command: there was no run.")
@pytest.mark.parametrize("words", [("run", "nothing.yaml"), ("validate", "nothing.yaml"), ("no-such-command",)])
def test_a_wrong_file_or_command_exits_2_and_runs_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    env = {**os.environ, "FAILDRILL_STATE": str(tmp_path / "state")}
    command = [sys.executable, "-m", "faildrill", *words]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False, timeout=120)
    assert done.returncode == 2
    assert not (tmp_path / "reports").exists()


def ending_in(verdict: Verdict, made: Run) -> Run:
    """Let something happen in a run that, alone, makes it end in a verdict."""
    happened: dict[Verdict, tl.AnyEvent] = {
        Verdict.UNSAFE: tl.UndoNotVerified(step="crash", because="a is down"),
        Verdict.ERROR: tl.RunnerBroke(error="ValueError", traceback=""),
        Verdict.ABORTED: tl.AbortAsked(by="person", because="Ctrl-C"),
        Verdict.REFUSED: tl.GuardAnswered(guard="word", objection="not today"),
        Verdict.INCONCLUSIVE: tl.ProberEnded(pid=8, asked=False, because="killed"),
    }
    if verdict is Verdict.FAILED:
        return made.saw([6.0], Outcome.REFUSED)
    return made.but(18.0, happened[verdict])


@pytest.mark.says("Where several apply, UNSAFE > ERROR > ABORTED > REFUSED > FAILED > INCONCLUSIVE > PASSED.")
def test_of_several_verdicts_the_worst_stands(tmp_path: Path) -> None:
    order = [Verdict(name) for name in ("UNSAFE", "ERROR", "ABORTED", "REFUSED", "FAILED", "INCONCLUSIVE")]
    for worse, other in itertools.combinations(order, 2):
        made = ending_in(worse, ending_in(other, claimed("errors", at_most=0)))
        assert judged(made, tmp_path / f"{worse}-{other}").verdict is worse
    assert judged(claimed("errors", at_most=0), tmp_path / "passed").verdict is Verdict.PASSED


@pytest.mark.says("What the looks prove broken stays broken.")
def test_what_is_broken_in_a_run_without_its_effect_stays_broken(tmp_path: Path) -> None:
    made = claimed("errors", at_most=0).saw([6.0], Outcome.REFUSED).without(tl.Confirmed)
    made.but(FAULT + 0.2, tl.NotConfirmed(step="crash", because="a runs"))
    assert found(made, tmp_path).verdict is Verdict.FAILED


@pytest.mark.says("A state is there until it is put back: a server is out, a process hangs, a setting is changed.")
@pytest.mark.parametrize(("kind", "effect"), [("member.kill", "event"), ("haproxy.maintenance", "state")])
def test_a_server_that_is_out_is_a_state_and_a_process_that_died_an_event(kind: str, effect: str) -> None:
    assert kind in ACTIONS
    assert getattr(find(kind, "action"), EFFECT_IS) == effect
