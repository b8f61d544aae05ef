"""Who could take over from a real primary, by Patroni's own rules; each reason is set up on the lab and taken back."""

import asyncio
import contextlib
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from faildrill.adapters.patroni.checks import Patroni
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.errors import ActionRefused
from faildrill.lab.core.facts import Facts
from faildrill.ports import Checked
from faildrill.record.samples import Outcome
from lab.conftest import ask, eventually
from lab.drilling import run
from lab.kinds_here import action, environment, given, once, probe

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture
def payments(steady_lab: Facts) -> Cluster:
    return environment(steady_lab).of(Cluster)["payments"]


def called(cluster: Cluster, name: str, call: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    verb, path = call.split()
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"{cluster.members[name].api}{path}", data=data, method=verb)  # noqa: S310 - http
    with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - the same
        text = answer.read()
    return dict(json.loads(text)) if text.startswith(b"{") else {}


def roles(cluster: Cluster) -> tuple[str, str]:
    """The primary and the standby."""
    [primary] = [one for one in cluster.members if called(cluster, one, "GET /patroni")["role"] == "primary"]
    [standby] = [one for one in cluster.members if one != primary]
    return primary, standby


@contextlib.contextmanager
def tagged(lab: Facts, cluster: Cluster, name: str, **tags: object) -> Iterator[None]:
    """Give a node tags, as its operator would: in its file, and reloaded."""
    path = lab.environment.with_name("nodes") / name / "patroni.yml"
    before = path.read_text(encoding="utf-8")
    path.write_text(before + yaml.safe_dump({"tags": tags}), encoding="utf-8")
    try:
        called(cluster, name, "POST /reload", {})
        eventually(lambda: called(cluster, name, "GET /patroni").get("tags"))
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        called(cluster, name, "POST /reload", {})
        eventually(lambda: not called(cluster, name, "GET /patroni").get("tags"))


@contextlib.contextmanager
def configured(cluster: Cluster, **settings: object) -> Iterator[None]:
    """Set what all members share, and put all of it back as it was; each tells what it has read last."""
    any_node = next(iter(cluster.members))
    before = called(cluster, any_node, "GET /config")
    assert all_tell(cluster, before)
    called(cluster, any_node, "PATCH /config", settings)
    try:
        yield
    finally:
        called(cluster, any_node, "PUT /config", before)
        eventually(lambda: all_tell(cluster, before))


def all_tell(cluster: Cluster, config: dict[str, Any]) -> bool:
    return all(called(cluster, one, "GET /config") == config for one in cluster.members)


def redundancy(cluster: Cluster) -> str:
    seen = asyncio.run(once(probe("patroni.redundancy", cluster=cluster)))
    return "" if seen.outcome is Outcome.OK else seen.detail


def refused(cluster: Cluster, kind: str = "patroni.kill_primary", **params: str) -> str:
    with pytest.raises(ActionRefused) as told:
        asyncio.run(action(kind, cluster=cluster, **params).capture(given()))
    return str(told.value)


def doctor(cluster: Cluster) -> Checked:
    found = asyncio.run(Patroni(target=cluster).examine(given()))
    return next(one for one in found if one.what == "payments is whole")


@pytest.mark.parametrize("tags", [{"nofailover": True}, {"failover_priority": 0}], ids=lambda tags: next(iter(tags)))
def test_the_primary_is_not_killed_where_the_only_standby_is_never_promoted(
    steady_lab: Facts, payments: Cluster, tags: dict[str, object]
) -> None:
    _, standby = roles(payments)
    tag = next(iter(tags))
    with tagged(steady_lab, payments, standby, **tags):
        for told in (refused(payments), refused(payments, standby="running"), refused(payments, "patroni.switchover")):
            assert f"{standby} {tag}" in told
            assert f"take `{tag}` off its tags" in told
        assert redundancy(payments).startswith(f"{standby} {tag}")
        seen = doctor(payments)
        assert (seen.ok, seen.remedy) == (False, f"take `{tag}` off its tags and reload it")
    assert redundancy(payments) == ""
    assert doctor(payments).told.endswith(f"{standby} could take over")


def test_a_drill_that_begins_by_killing_whom_nobody_could_follow_is_refused_with_what_to_do(
    steady_lab: Facts, payments: Cluster, tmp_path: Path
) -> None:
    _, standby = roles(payments)
    drill = tmp_path / "kill.yaml"
    drill.write_text(
        """
drill: kill-whom-nobody-follows
environment: lab
steps:
  - name: kill it
    patroni.kill_primary: {cluster: payments}
probes:
  writer: {patroni.writer: {cluster: payments}, every: 100ms}
expect:
  - writers: {of: writer, at_most: 1}
""",
        encoding="utf-8",
    )
    with tagged(steady_lab, payments, standby, nofailover=True):
        ran = run(drill, tmp_path)
    assert ran.code == 3, ran.said
    assert f"{standby} nofailover (do: take `nofailover` off its tags and reload it)" in ran.said
    assert ask(steady_lab, {"op": "status"})["nodes"]["pg1"]["state"] == "running"


def test_in_synchronous_mode_none_but_a_synchronous_standby_counts(steady_lab: Facts, payments: Cluster) -> None:
    _, standby = roles(payments)
    with tagged(steady_lab, payments, standby, nosync=True), configured(payments, synchronous_mode=True):
        eventually(lambda: f"{standby} not synchronous" in redundancy(payments))
        assert f"{standby} not synchronous (do: take `nosync` off its tags)" in refused(payments)
        by_hand = action("patroni.failover", cluster=payments, to=standby, unwarranted="deliberate")
        assert asyncio.run(by_hand.preview(given())).touches  # which Patroni does to an asynchronous one, too
    eventually(lambda: redundancy(payments) == "")
    with configured(payments, synchronous_mode=True):
        eventually(lambda: called(payments, standby, "GET /patroni").get("sync_standby"))
        assert redundancy(payments) == ""


def test_a_standby_that_waits_for_a_restart_and_a_paused_cluster_are_told_with_the_command(payments: Cluster) -> None:
    _, standby = roles(payments)
    with configured(payments, postgresql={"parameters": {"max_connections": 61}}):
        eventually(lambda: redundancy(payments) == f"{standby} waits for a restart")
        assert f"patronictl restart --pending payments {standby}" in refused(payments)
    eventually(lambda: redundancy(payments) == "")
    with configured(payments, pause=True):
        eventually(lambda: redundancy(payments) == "paused")
        assert "paused (do: patronictl resume)" in refused(payments)
    eventually(lambda: redundancy(payments) == "")


@pytest.mark.parametrize(("most", "told"), [(0, "lags by more than maximum_lag_on_failover"), (1 << 20, "lags")])
def test_a_standby_that_gets_nothing_could_not_take_over_though_it_streams(
    steady_lab: Facts, payments: Cluster, most: int, told: str
) -> None:
    primary, standby = roles(payments)
    write = probe("postgres.write", database=environment(steady_lab).of(Database)["payments"])
    with configured(payments, maximum_lag_on_failover=most):
        eventually(lambda: redundancy(payments) == "")
        ask(steady_lab, {"op": "link", "name": primary, "mode": "blackhole"})
        asyncio.run(once(write))
        because = refused(payments)  # before the fifteen seconds after which the lab's standby gives the connection up
        assert called(payments, standby, "GET /patroni")["replication_state"] == "streaming"
        assert f"{standby} {told} (do: " in because
        ask(steady_lab, {"op": "link", "name": primary, "mode": "open"})


def test_a_standby_cluster_takes_no_writes_and_is_told_as_one(payments: Cluster) -> None:
    with configured(payments, standby_cluster={"host": "127.0.0.1", "port": 1}):
        eventually(lambda: "a standby cluster, led by" in redundancy(payments))
        assert "drill the cluster that it follows" in refused(payments)
        assert not doctor(payments).ok
    eventually(lambda: redundancy(payments) == "")
