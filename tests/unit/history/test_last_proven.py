import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.judging.result import Verdict
from faildrill.loading import load_drill
from unit.history import made

Command = Callable[..., Result]
FILE = """\
drill: {name}
environment: staging
probes:
  pay: {{http.request: {{url: "http://127.0.0.1:1/"}}, every: 50ms}}
steps:
  - name: kill it
    {kind}: {{cluster: payments}}
expect:
  - outage: {{of: pay, at_most: 30s}}
"""


@pytest.fixture
def drills(tmp_path: Path) -> Path:
    folder = tmp_path / "drills"
    folder.mkdir()
    for name, kind in (("crash", "patroni.kill_primary"), ("handover", "patroni.switchover")):
        (folder / f"{name}.yaml").write_text(FILE.format(name=name, kind=kind), encoding="utf-8")
    return folder


@pytest.fixture
def called(drills: Path, tmp_path: Path) -> Command:
    (tmp_path / "reports").mkdir()
    return lambda *words: CliRunner().invoke(cli, [*words, str(drills), "--reports", str(tmp_path / "reports")])


def ran(
    tmp_path: Path, days_ago: int, verdict: Verdict, name: str = "crash", kind: str = "patroni.kill_primary"
) -> str:
    """Record a run of so many days ago, and return its id."""
    today = (datetime.now(UTC) - made.FIRST).days
    declared = made.drill(kind=kind, name=name)
    return made.record(tmp_path / "reports", today - days_ago, None, declared=declared, verdict=verdict).name


def state(called: Command, drill: str = "crash") -> tuple[str, str | None]:
    """Return what is known of a drill, and by which run it was proven."""
    [told] = [one for one in json.loads(called("coverage", "-o", "json").stdout) if one["drill"] == drill]
    return told["state"], told["proven_by"]


def test_a_drill_that_never_ran_was_never_proven(called: Command) -> None:
    assert state(called) == ("never proven", None)


@pytest.mark.parametrize(
    "verdict", [one for one in Verdict if one not in (Verdict.PASSED, Verdict.FAILED, Verdict.UNSAFE)]
)
def test_what_proves_nothing_proves_nothing(called: Command, tmp_path: Path, verdict: Verdict) -> None:
    ran(tmp_path, 1, verdict)
    assert state(called) == ("never proven", None)


def test_what_was_proven_counts_for_as_long_as_is_said(called: Command, tmp_path: Path) -> None:
    run = ran(tmp_path, 89, Verdict.PASSED)
    assert state(called) == ("proven", run)
    assert json.loads(called("coverage", "-o", "json", "--within", "30d").stdout)[0]["state"] == "stale"


@pytest.mark.parametrize("verdict", [Verdict.FAILED, Verdict.UNSAFE])
def test_a_later_failure_breaks_what_was_proven_and_no_aborted_run_hides_it(
    called: Command, tmp_path: Path, verdict: Verdict
) -> None:
    run = ran(tmp_path, 9, Verdict.PASSED)
    ran(tmp_path, 8, verdict)
    ran(tmp_path, 7, Verdict.ABORTED)
    assert state(called) == ("broken", run)
    later = ran(tmp_path, 6, Verdict.PASSED)
    assert state(called) == ("proven", later)


def test_a_drill_that_does_something_else_now_is_not_proven(called: Command, tmp_path: Path) -> None:
    run = ran(tmp_path, 1, Verdict.PASSED, kind="patroni.failover")
    assert state(called) == ("changed since", run)


def test_coverage_fails_until_every_cell_is_proven(called: Command, tmp_path: Path) -> None:
    ran(tmp_path, 2, Verdict.PASSED)
    done = called("coverage")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1] == "1 of 2 cells proven"
    ran(tmp_path, 1, Verdict.PASSED, "handover", "patroni.switchover")
    done = called("coverage")
    assert done.exit_code == 0
    assert "crash in staging: clusters payments; unplanned; there; proven on " in done.stdout
    assert "handover in staging: clusters payments; planned; there; proven on " in done.stdout


def test_next_says_what_is_most_urgent_first_with_the_command_to_run(
    called: Command, tmp_path: Path, drills: Path
) -> None:
    ran(tmp_path, 2, Verdict.PASSED)
    lines = called("next").stdout.splitlines()
    assert lines[0] == "handover in staging: never proven: it was never run there"
    assert lines[1] == f"  faildrill run {drills / 'handover.yaml'} --env staging"
    ran(tmp_path, 1, Verdict.FAILED)
    assert called("next", "-n", "1").stdout.startswith("crash in staging: broken: FAILED on ")


@pytest.fixture
def runbook(drills: Path) -> Path:
    """The runbook that the drill of the crash cites."""
    path = drills / "crash.yaml"
    path.write_text(f"{path.read_text(encoding='utf-8')}runbook: runbooks/crash.md\n", encoding="utf-8")
    (drills / "runbooks").mkdir()
    (drills / "runbooks" / "crash.md").write_text("1. Look.\n", encoding="utf-8")
    return drills / "runbooks" / "crash.md"


def proven_with(tmp_path: Path, drills: Path, days_ago: int = 1) -> str:
    """Record a run that PASSED, of the drill as it is loaded now."""
    loaded = load_drill(drills / "crash.yaml", None).drill
    declared = made.drill(name="crash") | {"runbook": loaded.runbook, "runbook_digest": loaded.runbook_digest}
    today = (datetime.now(UTC) - made.FIRST).days
    return made.record(tmp_path / "reports", today - days_ago, None, declared=declared).name


def test_a_runbook_whose_text_changed_has_to_be_proven_again(
    called: Command, tmp_path: Path, drills: Path, runbook: Path
) -> None:
    run = proven_with(tmp_path, drills, 3)
    assert state(called) == ("proven", run)
    runbook.write_bytes(b"1. Look.\r\n")
    assert state(called) == ("proven", run)  # the same text, with other ends of lines
    runbook.write_text("1. Look twice.\n", encoding="utf-8")
    assert state(called) == ("changed since", run)
    assert f"the text of its runbook runbooks/crash.md changed since {run} proved it" in called("next").stdout
    run = proven_with(tmp_path, drills, 2)
    assert state(called) == ("proven", run)
    runbook.unlink()
    assert "can't be read any more" in called("next").stdout


def test_a_text_that_nobody_wrote_down_is_not_said_to_be_the_same(
    called: Command, tmp_path: Path, drills: Path, runbook: Path
) -> None:
    text = runbook.read_text(encoding="utf-8")
    runbook.unlink()
    run = proven_with(tmp_path, drills)
    assert state(called) == ("proven", run)  # it could not be read then, and can't be now
    runbook.write_text(text, encoding="utf-8")
    assert state(called) == ("changed since", run)
    assert "nobody wrote down which text" in called("next").stdout


def test_a_runbook_that_was_cited_only_later_was_never_proven(
    called: Command, tmp_path: Path, drills: Path, runbook: Path
) -> None:
    del drills, runbook
    run = ran(tmp_path, 1, Verdict.PASSED)
    assert state(called) == ("changed since", run)


def test_the_history_marks_the_run_with_another_runbook(tmp_path: Path, drills: Path, runbook: Path) -> None:
    proven_with(tmp_path, drills, 3)
    proven_with(tmp_path, drills, 2)
    runbook.write_text("1. Look twice.\n", encoding="utf-8")
    proven_with(tmp_path, drills, 1)
    for most in ("3", "1"):
        told = CliRunner().invoke(cli, ["history", "-n", most, "--reports", str(tmp_path / "reports")])
        marks = ["another runbook than before" in line for line in told.stdout.splitlines()[:-1]]
        assert marks == [False] * (int(most) - 1) + [True]


PLACE: Final = """\
environment: staging
drillable: true
identity:
  - simulated.word: {about: a place of a test}
"""
SIMULATED: Final = """\
drill: crash
environment: staging
runbook: runbooks/crash.md
probes:
  pay: {{simulated.service: {{folder: {folder}, name: pay}}, every: 50ms}}
steps:
  - name: take it down
    simulated.fault: {{folder: {folder}, name: pay}}
expect:
  - outage: {{of: pay, at_most: 30s}}
"""


def test_a_plan_says_whether_the_text_of_the_runbook_is_the_one_that_was_proven(
    tmp_path: Path, drills: Path, runbook: Path
) -> None:
    (tmp_path / "staging.yaml").write_text(PLACE, encoding="utf-8")
    (drills / "crash.yaml").write_text(SIMULATED.format(folder=tmp_path), encoding="utf-8")

    def told() -> str:
        words = ["plan", str(drills / "crash.yaml"), "--env", str(tmp_path / "staging.yaml")]
        done = CliRunner().invoke(cli, [*words, "--reports", str(tmp_path / "reports"), "-o", "json"])
        return str(json.loads(done.stdout)["runbook"])

    assert told() == f"runbooks/crash.md: no run in {tmp_path / 'reports'} has proven it"
    run = proven_with(tmp_path, drills)
    assert told().startswith(f"runbooks/crash.md: the text when {run} proved it on ")
    runbook.write_text("1. Look twice.\n", encoding="utf-8")
    assert told().startswith(f"the text of its runbook runbooks/crash.md changed since {run} proved it")
