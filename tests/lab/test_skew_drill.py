"""The incident on the lab: what `load-balancer-skew` measured, and every expectation of it seen red, in one run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.conftest import Drilled
from lab.drilling import Ran, run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240), pytest.mark.usefixtures("steady_lab")]
DRILL = Path("drills/load-balancer-skew.yaml")
NOT_WARRANTED = 1


def changed(tmp_path: Path) -> Path:
    """Write it with a threshold too high, an alarm that looks elsewhere, and people who fail over and mend nothing."""
    text = DRILL.read_text()
    head, _, rest = text.partition("  - name: put the weights right\n")
    expect = rest[rest.index("expect:") :]
    answer = (
        "  - name: take it for the database\n    patroni.switchover: {cluster: payments}\n    undo: none\n"
        "  - name: users are no better for it\n    wait: 4s\n\n"
    )
    blind = head.replace("standard: payments}, every: 500ms}", "standard: payments, tolerance: 400%}, every: 500ms}")
    blind = blind.replace("standard: payments, backend: payments}", "standard: payments, backend: database}")
    blind = blind.replace("wait: 6s", "wait: 2s")
    assert blind.count("tolerance: 400%") == blind.count("backend: database}") == 1
    path = tmp_path / "load-balancer-skew.yaml"
    (tmp_path / "standards").symlink_to(Path("drills/standards").resolve())
    expect = expect.replace("when: after", "when: during").replace("above: 70%", "above: 95%")
    path.write_text(blind + answer + expect.replace("at_most: 45%", "at_most: 5%"))
    return path


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory, lab: object) -> Ran:
    """One run in which everything goes as it should not."""
    del lab
    tmp_path = tmp_path_factory.mktemp("red")
    return run(changed(tmp_path), tmp_path)


def test_a_quarter_of_the_users_suffers_and_both_alarms_tell_within_their_limits(drilled: Drilled) -> None:
    ran = drilled(DRILL)
    assert ran.code == 0, ran.said
    passed = ran.findings("PASSED")
    assert "notices, saying 'pay1'," in passed
    assert "weight of pay1: 70, the standard says 1" in passed
    [worst] = re.findall(r"looks failed \((\d+(?:\.\d+)?)%\) in the worst", passed)
    assert 15 < float(worst) < 40


def test_its_review_reads_like_that_of_the_incident_with_only_causes_and_tasks_left_open(drilled: Drilled) -> None:
    review = (drilled(DRILL).folder / "report.md").read_text(encoding="utf-8")
    summary, timeline, causes, measures, *_ = review.split("\n## ")[1:]
    assert re.search(r"\*\*Impact\*\*: from [\d:]+ until [\d:]+ UTC, [\d,]+ of [\d,]+ requests of users \(", summary)
    assert re.search(r"\*\*End time\*\*: [\d :-]+ UTC, when the last request of users that failed", summary)
    wrong, noticed, right, well = (
        timeline.index(one)
        for one in (
            "The drill does this on purpose: set the weights wrong",
            "Noticed by spread: pay1",
            "This is done about it: put the weights right",
            "users are well again: users is ok for 5 s",
        )
    )
    assert wrong < noticed < right < well
    cause, resolution = causes.split("### Resolution")
    assert "put the weights right" not in cause
    assert "Done about it at " in resolution
    assert "no difference seen: what is set at payments" in resolution
    assert "not as before: what is set" not in resolution
    assert [one for one in re.findall(r"faildrill note [^`]*", cause + measures) if "cause" in one or "task" in one]


def test_its_run_says_that_no_failover_was_warranted_and_why(drilled: Drilled) -> None:
    command = [sys.executable, "-m", "faildrill", "warrant", "--run", str(drilled(DRILL).folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "pay1" in done.stdout) == (NOT_WARRANTED, True), done.stdout + done.stderr


@pytest.mark.parametrize(
    "claim",
    [
        "spread notices, saying 'pay1', within 5 s of skew",
        "drift notices, saying 'weight of pay1', within 5 s of skew",
        "writer never sees a change",
        "no more than 5% of the looks of users fail in any 5 s",
        "p99 of users is within 1 s during the drill",
        "spread: every server gets its due share within 50% during the drill",
    ],
    ids=["threshold-too-high", "alarm-off", "failed-over", "users-suffer", "not-recovered", "uneven"],
)
def test_what_goes_wrong_fails_the_drill(claim: str, red: Ran) -> None:
    assert red.code == 1, red.said
    assert f"{claim}:" in red.findings("FAILED"), red.findings("FAILED")
