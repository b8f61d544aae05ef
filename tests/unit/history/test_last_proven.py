import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.judging.result import Verdict
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
