"""The drills of AWS on its lab, as a user runs them: passed, and red for each reason."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.lab.core import startup, teardown
from lab.aws_lab import QUICK, AwsLab
from lab.drilling import Ran, run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
NAME = "lab-aws"
FAILOVER = Path("drills/aws/aurora-failover.yaml")


@pytest.fixture(scope="module")
def running(state_folder: Path) -> Iterator[AwsLab]:
    yield AwsLab.of(startup.up(NAME, root=state_folder, of="aws"))
    teardown.down(NAME, root=state_folder)


@pytest.fixture
def lab(running: AwsLab) -> Iterator[AwsLab]:
    running.settle(delays=QUICK)
    yield running
    running.lie()
    running.settle(delays=QUICK, dns="answers")


@pytest.fixture
def soaking(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--soak"):
        pytest.skip("takes a minute: with --soak")


def short(folder: Path) -> Path:
    """Return the drill with less time for its step: what does not come is waited for no longer."""
    path = folder / "short.yaml"
    path.write_text(FAILOVER.read_text(encoding="utf-8").replace("within: 60s\n    undo", "within: 8s\n    undo"))
    return path


def told(ran: Ran) -> str:
    return (ran.folder / "timeline.jsonl").read_text(encoding="utf-8")


def accepted(lab: AwsLab, since: int) -> list[str]:
    return [line["target"] for line in lab.told(since) if line["what"] == "accepted"]


def test_an_answer_of_500_after_the_effect_is_one_failover_that_users_felt_and_the_drill_passes(
    lab: AwsLab, tmp_path: Path
) -> None:
    since = len(lab.told())
    lab.lie({"operation": "FailoverDBCluster", "how": "500", "when": "after", "times": 1})
    ran = run(FAILOVER, tmp_path, NAME)
    assert ran.code == 0, ran.said
    assert "unknown → happened" in told(ran)
    assert accepted(lab, since) == ["au2", "au1"]
    assert lab.state() == ("available", "au1")


@pytest.mark.usefixtures("soaking")
def test_a_failover_that_was_accepted_and_not_done_proves_nothing(lab: AwsLab, tmp_path: Path) -> None:
    since = len(lab.told())
    lab.lie({"operation": "FailoverDBCluster", "how": "nothing", "times": 1})
    ran = run(short(tmp_path), tmp_path, NAME)
    assert ran.code == 4, ran.said
    assert "au1 is the writer, as before: no event tells of a failover" in ran.findings("INCONCLUSIVE")
    assert accepted(lab, since) == ["au2"]


@pytest.mark.usefixtures("soaking")
def test_a_writer_that_came_back_to_where_it_was_proves_nothing(lab: AwsLab, tmp_path: Path) -> None:
    lab.lie({"operation": "FailoverDBCluster", "how": "fails-back", "times": 1})
    ran = run(short(tmp_path), tmp_path, NAME)
    assert ran.code in (4, 6), ran.said
    assert "fail over: takes effect" in ran.findings("INCONCLUSIVE")


@pytest.mark.usefixtures("soaking", "lab")
def test_a_client_that_keeps_names_misses_the_objective_that_one_which_obeys_the_ttl_meets(tmp_path: Path) -> None:
    ran = run(Path("drills/red/aurora-failover-cached-dns.yaml"), tmp_path, NAME)
    assert ran.code == 1, ran.said
    assert ran.findings("FAILED").startswith("cached is never down for more than 20 s")
    assert "fresh is never down for more than 20 s" in ran.findings("PASSED")
