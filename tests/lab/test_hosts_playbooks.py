"""The project's playbooks on the lab of hosts, each played twice in a row, seen in effect and put back."""

import asyncio
from pathlib import Path

import pytest

from faildrill.errors import ActionRefused
from faildrill.lab.core.facts import Facts
from lab.hosts_lab import done_and_put_back, given, needs_ssh, step, twice

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300), needs_ssh]
# service-stop: test_hosts. postgres-promote: test_hosts_drills. peer-block, patroni-switchover: test_playbooks_here.
# nginx-upstream: test_nginx.


def test_five_playbooks_on_five_hosts_are_seen_in_effect_and_put_back_when_played_twice(
    hosts_lab: Facts, tmp_path: Path
) -> None:
    action = step(hosts_lab, "several", playbooks=str(Path("playbooks").absolute()), folder=str(tmp_path))

    async def scenario() -> None:
        before = await action.capture(given())
        answer = await action.apply(before, given())
        assert isinstance(answer["changed"], list)
        assert {*answer["changed"]} == {"app1", "app2", "db1", "db2", "lb1"}
        assert (await action.confirm(before, given())).holds
        assert (tmp_path / "faildrill-ballast").stat().st_size == 1 << 20
        with pytest.raises(ActionRefused, match="in effect already"):
            await action.capture(given())
        await action.undo(before, given())
        restored = await action.restored(before, given())
        assert restored.holds, restored.because
        assert not (tmp_path / "faildrill-ballast").exists()

    asyncio.run(scenario())


def test_a_weight_is_seen_in_effect_and_put_back_when_it_is_played_twice(hosts_lab: Facts) -> None:
    action = twice(
        hosts_lab,
        "haproxy-weight",
        haproxy_hosts="lb1",
        haproxy_backend="payments",
        haproxy_server="app1",
        haproxy_weight=0,
    )
    asyncio.run(done_and_put_back(action, "weight"))
