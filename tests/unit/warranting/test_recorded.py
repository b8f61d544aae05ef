"""The warrant of a recorded run: what its probes said just before the database was failed over."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.main import cli
from faildrill.errors import WrongUsage
from faildrill.ports.witness import Says
from faildrill.record.samples import Outcome
from faildrill.warranting import Answer, recorded, weigh
from unit.judging.runs import END, FAULT, Run, probe, step, ticks

PROBES = {
    "sql": "postgres.writers",
    "patroni": "patroni.writer",
    "spare": "patroni.redundancy",
    "front": "haproxy.drift",
}


def run(kind: str = "member.kill") -> Run:
    """Make a run in which all is well, whose one step is of a kind."""
    made = Run(
        probes=[probe(name, 0.1, kind) for name, kind in PROBES.items()],
        steps=[step(use={"kind": kind, "params": {}})],
        slow={},
    ).usual()
    for name in PROBES:
        made.good(name, 0.1, who="pg1" if name != "front" else "payments")
    return made


def test_a_run_in_which_the_front_drifted_warrants_nothing(tmp_path: Path) -> None:
    skewed = run("patroni.failover")
    skewed.saw(ticks(1.0, FAULT, 0.1), Outcome.WRONG, name="front", detail="weight of pay1: 10, the standard says 1")
    at, heard = recorded(skewed.write(tmp_path / "run"))
    found = weigh(heard)
    assert (at, found.answer, found.signal) == (FAULT, Answer.NOT_WARRANTED, "load balancer")
    assert "weight of pay1: 10" in found.because


def test_a_run_whose_primary_was_refused_and_whose_standby_lost_it_warrants_a_failover(tmp_path: Path) -> None:
    dead = run()
    late = ticks(FAULT + 0.2, 15.0, 0.1)
    dead.saw(late, Outcome.WRONG, name="sql", detail="no writer; pg1 refused")
    dead.saw(late, Outcome.WRONG, name="patroni", detail="no writer; pg1 timed out")
    dead.saw(late, Outcome.WRONG, name="spare", detail="pg1 refused; pg2 not streaming")
    at, heard = recorded(dead.write(tmp_path / "run"))
    assert (at, weigh(heard).answer) == (15.0, Answer.WARRANTED)


def test_without_a_handover_the_moment_is_just_before_another_primary_was_seen(tmp_path: Path) -> None:
    dead = run()
    dark = ticks(FAULT + 0.2, 9.0, 0.1)
    for name in ("sql", "patroni", "spare"):
        dead.saw(dark, Outcome.WRONG, name=name, detail="no writer; pg1 refused; pg2 not streaming")
    for name in ("sql", "patroni"):
        dead.saw(ticks(9.0, END, 0.1), Outcome.OK, name=name, who="pg2")
    at, heard = recorded(dead.write(tmp_path / "run"))
    assert at == pytest.approx(9.0, abs=0.01)
    assert weigh(heard).answer is Answer.WARRANTED


@pytest.mark.parametrize("detail", ["no writer; pg1 timed out; pg3 refused", "no writer; pg2 in recovery", "no writer"])
def test_a_standby_that_refuses_beside_a_primary_that_is_silent_is_no_death(tmp_path: Path, detail: str) -> None:
    doubtful = run()
    for name in ("sql", "patroni"):
        doubtful.saw(ticks(FAULT, END, 0.1), Outcome.WRONG, name=name, detail=detail)
    _, heard = recorded(doubtful.write(tmp_path / "run"), 12.0)
    assert Says.DEAD not in {one.says for one in heard}


def test_a_run_whose_probes_were_silent_is_insufficient(tmp_path: Path) -> None:
    silent = run()
    for name in PROBES:
        silent.saw(ticks(FAULT, END, 0.1), Outcome.TIMED_OUT, took=0.5, name=name)
    _, heard = recorded(silent.write(tmp_path / "run"))
    assert {one.says for one in heard} == {Says.NOTHING}
    assert weigh(heard).answer is Answer.INSUFFICIENT


def test_the_moment_can_be_chosen_and_what_came_later_is_not_heard(tmp_path: Path) -> None:
    dead = run()
    for name in ("sql", "patroni", "spare"):
        dead.saw(ticks(10.0, END, 0.1), Outcome.WRONG, name=name, detail="pg1 refused; pg2 not streaming")
    folder = dead.write(tmp_path / "run")
    assert weigh(recorded(folder, 9.0)[1]).answer is Answer.NOT_WARRANTED
    assert weigh(recorded(folder, 12.0)[1]).answer is Answer.WARRANTED


def test_a_run_without_a_probe_that_could_tell_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="what can tell is "):
        recorded(Run().usual().good().write(tmp_path / "run"))


def test_the_command_weighs_a_recorded_run_and_exits_as_the_answer_says(tmp_path: Path) -> None:
    folder = run().write(tmp_path / "run")
    done = CliRunner().invoke(cli, ["warrant", "--run", str(folder), "-o", "json"])
    assert done.exit_code == 1, done.output
    told = json.loads(done.output)
    assert (told["answer"], told["signal"]) == ("not warranted", "primary")


@pytest.mark.parametrize("command", [["warrant", "--run"], ["export"]])
def test_a_set_is_no_run_and_the_runs_in_it_are_named(tmp_path: Path, command: list[str]) -> None:
    run().write(tmp_path / "set" / "run-1-0a1b2c")
    (tmp_path / "set" / "set.jsonl").touch()
    done = CliRunner().invoke(cli, [*command, str(tmp_path / "set")])
    assert isinstance(done.exception, WrongUsage | SystemExit)
    said = f"{done.output} {done.exception}"
    assert "is a set of runs: name one of them, e.g. run-1-0a1b2c" in said


def test_a_question_about_nothing_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["warrant"]).exit_code == 2
