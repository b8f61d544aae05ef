"""What a recorded run measured of a server's death, beside what the settings promise."""

from pathlib import Path

import pytest

from faildrill.auditing import Audit, Detection
from faildrill.auditing.measured_detection import measured
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.judging.runs import FAULT, Run, probe, ticks

AUDIT = Audit(
    "lab",
    "2026-11-22",
    [],
    [],
    [Detection("front", "payments", 4.0, 1.0, "x"), Detection("front", "db", 4.0, 1.0, "x")],
)


def run(detail: str, key: str = "member", dead: str = "pay1") -> Run:
    """Make a run in which pay1 is killed, and half a second later the load balancer says something."""
    made = Run(probes=[probe("looks", 0.1, "haproxy.backends")], slow={}).usual().without(tl.Applied)
    made.but(FAULT + 0.05, tl.Applied(step="crash", answer={key: dead})).good("looks", 0.1)
    return made.saw(ticks(FAULT + 0.5, 15.0, 0.1), Outcome.WRONG, name="looks", detail=detail)


def test_a_death_is_measured_from_the_deed_to_the_look_that_saw_it_between_two_bounds(tmp_path: Path) -> None:
    found = measured(AUDIT, run("payments/pay1 DOWN").write(tmp_path / "run"))
    payments, other = (one.measured for one in found.detections)
    assert payments.startswith("measured: pay1 out after 400 ms to 502 ms (run ")
    assert other.startswith("no death there was measured")


def test_another_servers_death_is_not_taken_for_it(tmp_path: Path) -> None:
    found = measured(AUDIT, run("payments/pay10 DOWN; payments/pay1 MAINT").write(tmp_path / "run"))
    assert [one.measured.startswith("no death there") for one in found.detections] == [True, True]


@pytest.mark.parametrize("key", ["primary", "master", "writer"])
def test_the_death_of_whoever_leads_a_store_is_measured_too(tmp_path: Path, key: str) -> None:
    """PostgreSQL's primary, Redis's master, MariaDB's writer: each world tells it in its own word."""
    found = measured(AUDIT, run("db/pg1 DOWN", key, "pg1").write(tmp_path / "run"))
    assert [one.measured.startswith("measured: pg1 out after") for one in found.detections] == [False, True]
