"""What is left behind a drill of real parts is told by its review, and nothing where nothing is left."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from faildrill.record.timeline import FILE
from lab.conftest import Drilled, eventually
from lab.drilling import folder_of, started
from lab.kinds_here import environment
from lab.test_succession import configured

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
DRILL: Final = Path("drills/payment-server-crash.yaml")


def residual(folder: Path) -> list[str]:
    """Return what the review of a run says of what is left."""
    review = (folder / "report.md").read_text(encoding="utf-8")
    return review.split("### Residual impact")[1].split("\n## ")[0].splitlines()


@contextlib.contextmanager
def left_on_purpose(lab: Facts) -> Iterator[None]:
    """Give a server no requests and the database another limit, as somebody would who forgets it; then put it right."""
    socket = environment(lab).of(LoadBalancer)["payments"].haproxy_socket
    asyncio.run(tell(socket, "set server payments/pay1 weight 0"))
    try:
        with configured(environment(lab).of(Cluster)["payments"], maximum_lag_on_failover=1_000_000):
            yield
    finally:
        asyncio.run(tell(socket, "set server payments/pay1 weight 1"))


@pytest.mark.usefixtures("steady_lab")
def test_a_drill_that_leaves_nothing_shows_no_difference(drilled: Drilled) -> None:
    told = residual(drilled(DRILL).folder)
    left = [line for line in told if "not as before" in line]
    assert all("answer times of" in line for line in left), "which a busy machine makes slower, whatever is left"
    for place in ("payments", "database"):
        assert any(f"no difference seen: what is set at {place} `surroundings:1`" in line for line in told), told


def test_what_somebody_leaves_meanwhile_is_told_and_changes_no_verdict(
    steady_lab: Facts, tmp_path: Path, many: Callable[[int, int], int]
) -> None:
    if not many(0, 1):
        pytest.skip("a drill more: --soak")
    with started(DRILL, tmp_path) as process:
        folder = folder_of(tmp_path)
        eventually(lambda: b'"step.confirmed"' in (folder / FILE).read_bytes())
        with left_on_purpose(steady_lab):
            said, _ = process.communicate(timeout=200)
    assert process.returncode == 0, said
    left = [line for line in residual(folder) if "not as before" in line]
    assert any("what is set at payments: weight of payments/pay1: 0, 1 before" in line for line in left), left
    assert any(
        "what is set at database: " in line and "maximum lag: 1000000, 1048576 before" in line for line in left
    ), left
    assert any("who answers of pay" in line and "pay1" in line for line in left), left
