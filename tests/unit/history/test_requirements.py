"""Labels of drills make a table of what was proven when, which judges nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.judging.result import Bounds, Verdict
from unit.history import made

Command = Callable[..., Result]
LENGTH = Bounds(at_least=19.0, at_most=20.0)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """A drill with two labels that passed, then failed; one that never passed; one without a label."""
    labelled = made.drill() | {"satisfies": ["DORA-24", "SOC2-A1.3"]}
    never = made.drill(name="writer-crash") | {"satisfies": ["DORA-24"]}
    for number, verdict in enumerate((Verdict.PASSED, Verdict.PASSED, Verdict.FAILED)):
        made.record(tmp_path, number, LENGTH, declared=labelled, verdict=verdict)
    made.record(tmp_path, 3, None, declared=never, verdict=Verdict.REFUSED)
    made.record(tmp_path, 4, LENGTH, declared=made.drill(name="unlabelled"))
    return tmp_path


@pytest.fixture
def called(reports: Path) -> Command:
    return lambda *words: CliRunner().invoke(cli, ["evidence", *words, "--reports", str(reports)])


def test_each_label_tells_what_proved_it_last_and_what_came_after(called: Command) -> None:
    assert called("SOC2-A1.3").stdout == (
        "SOC2-A1.3  primary-crash in staging: 1 FAILED, 2 PASSED\n"
        "  last proven  2026-01-02T02:00:00Z  20260102T020000Z-primary-crash-000001"
        "  PASSED, outage at least 19.0 s, at most 20.0 s\n"
        "  last run     2026-01-03T02:00:00Z  20260103T020000Z-primary-crash-000002  FAILED: all findings hold\n"
    )


def test_what_never_passed_is_never_proven(called: Command) -> None:
    assert "DORA-24  writer-crash in staging: 1 REFUSED\n  never proven: no run PASSED\n" in called().stdout


def test_only_runs_of_the_time_that_is_asked_for_count(called: Command) -> None:
    told = json.loads(called("SOC2-A1.3", "--since", "2026-01-02", "--until", "2026-01-03", "-o", "json").stdout)
    assert [(one["label"], one["verdicts"]) for one in told] == [("SOC2-A1.3", {"PASSED": 1})]
    assert called("--since", "soon").exit_code == 2


def test_a_label_that_no_run_carries_is_told_with_those_that_there_are(called: Command) -> None:
    done = called("ISO-1")
    assert done.exit_code == 2
    assert done.stderr.endswith("carries ISO-1; there are: DORA-24, SOC2-A1.3\n")


@pytest.mark.parametrize("words", [(), ("-o", "json"), ("--help",)])
def test_it_never_says_that_anything_complies(words: tuple[str, ...], called: Command) -> None:
    said = called(*words).output.lower()
    assert said
    assert [word for word in ("complian", "comply", "complies", "satisfied", "fulfil", "certif") if word in said] == []
