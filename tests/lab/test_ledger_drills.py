"""Lost writes and split brains on the lab, red for real, from the command line: the number told is the true one."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from faildrill.record.timeline import Confirmed
from lab.dead_nodes import acknowledged, numbers_of, numbers_on, until
from lab.drilling import Ran, folder_of, started
from lab.kinds_here import environment

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

KILL = "kill-the-primary"
FALLING_BACK = """\
drill: synchronous-that-falls-back
about: A standby that is reset turns synchronous replication into asynchronous; then a person is in a hurry.
environment: lab
probes:
  ledger: {postgres.ledger: {database: payments, cluster: payments, writers: 2}, every: 20ms, timeout: 2s}
  writer: {patroni.writer: {cluster: payments}, every: 100ms, timeout: 2s}
steps:
  - name: make commits wait for the standby
    patroni.configure: {cluster: payments, set: {synchronous_mode: true}}
    within: 20s
  - wait: 2s
  - name: reset the network to the standby
    patroni.cut_replication: {cluster: payments, how: reset}
    within: 5s
  - wait: 3s
  - name: kill the primary
    patroni.kill_primary: {cluster: payments, standby: running}
    within: 10s
  - name: another one leads
    wait: {until: "writer saw not ${steps.kill-the-primary.primary}", within: 40s}
  - wait: {until: ledger is ok, for: 1s, within: 40s}
expect:
  - lost_writes: {of: ledger, at_most: 0}
"""


@pytest.fixture
def place(steady_lab: Facts) -> Environment:
    return environment(steady_lab)


def lost(ran: Ran) -> dict[str, Any]:
    """Return the finding on lost writes."""
    found: dict[str, Any] = next(one for one in ran.result["findings"] if one["kind"] == "lost_writes")
    return found


def assert_true(ran: Ran, place: Environment, on_the_dead: set[int], survivor: str) -> None:
    """See that the number that the run tells is the number truly lost, counted by other means."""
    run = ran.result["run"]
    kept = asyncio.run(numbers_on(place.of(Cluster)["payments"], survivor, run))
    truth = on_the_dead - set(kept)
    told = lost(ran)
    assert told["verdict"] == "FAILED"
    assert told["because"].startswith(f"{len(truth & acknowledged(ran.folder / 'ledger.ledger'))} of ")
    assert len(truth) > 20
    assert len(truth - acknowledged(ran.folder / "ledger.ledger")) <= 4  # under way when it died: one a writer


def test_asynchronous_replication_loses_what_was_acknowledged_while_the_network_was_cut_and_the_number_is_true(
    steady_lab: Facts, place: Environment, tmp_path: Path
) -> None:
    with started(Path("drills/red/postgres-crash-without-network.yaml"), tmp_path) as process:
        folder = folder_of(tmp_path)
        old = str(until(folder, Confirmed, "cut-the-network-to-the-standby").what.because.split()[3])  # type: ignore[union-attr]
        until(folder, Confirmed, KILL)
        run = json.loads((folder / "probes.plan.json").read_text())["run"]
        on_the_dead = numbers_of(steady_lab, old, run, tmp_path)
        said, _ = process.communicate(timeout=200)
    assert process.returncode == 1, said
    assert_true(Ran(1, folder, said), place, on_the_dead, other(place, old))


def test_synchronous_replication_that_is_not_strict_falls_back_when_the_standby_is_reset(
    steady_lab: Facts, place: Environment, tmp_path: Path
) -> None:
    path = tmp_path / "drill.yaml"
    path.write_text(FALLING_BACK)
    with started(path, tmp_path) as process:
        folder = folder_of(tmp_path)
        old = until(folder, Confirmed, "reset-the-network-to-the-standby").what.because.split()[3].strip(";")  # type: ignore[union-attr]
        until(folder, Confirmed, KILL)
        run = json.loads((folder / "probes.plan.json").read_text())["run"]
        on_the_dead = numbers_of(steady_lab, old, run, tmp_path)
        hurry(place, other(place, old))
        said, _ = process.communicate(timeout=200)
    assert process.returncode == 1, said
    assert_true(Ran(1, folder, said), place, on_the_dead, other(place, old))


def other(place: Environment, node: str) -> str:
    """Return the other node."""
    return next(name for name in place.of(Cluster)["payments"].members if name != node)


def hurry(place: Environment, node: str) -> None:
    """Make a node the leader by hand: Patroni itself would not, as it knows that it may not have everything."""
    request = urllib.request.Request(  # noqa: S310 - the lab's own address
        f"{place.of(Cluster)['payments'].members[node].api}/failover",
        data=json.dumps({"candidate": node}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
        assert answer.status == 200
