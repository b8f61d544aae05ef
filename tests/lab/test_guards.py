"""Guards, the lock between hosts and the doctor, on the lab's real parts."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.adapters.member.capacity import Capacity
from faildrill.adapters.member.target import Group
from faildrill.adapters.postgres.advisory import Advisory
from faildrill.adapters.postgres.replication import Replication
from faildrill.adapters.postgres.sessions import ask, by_users_path, connect
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.cli.main import cli
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from lab import kinds_here
from lab.conftest import ask as tell
from lab.conftest import eventually

pytestmark = pytest.mark.lab

GIVEN = CallContext("run-1", 5.0)


def replication(lab: Facts) -> str | None:
    guard = Replication(cluster=kinds_here.environment(lab).of(Cluster)["payments"])
    return asyncio.run(guard.objection(GIVEN))


def capacity(lab: Facts) -> str | None:
    guard = Capacity(group=kinds_here.environment(lab).of(Group)["payment-servers"], at_least=3)
    return asyncio.run(guard.objection(GIVEN))


def test_a_whole_cluster_and_a_full_group_agree(steady_lab: Facts) -> None:
    assert replication(steady_lab) is None
    assert capacity(steady_lab) is None


def test_a_standby_that_does_not_stream_objects(steady_lab: Facts) -> None:
    for link in tell(steady_lab, {"op": "status"})["links"]:
        tell(steady_lab, {"op": "link", "name": link, "mode": "cut"})
    eventually(lambda: "does not stream from" in str(replication(steady_lab)))


def test_a_node_that_is_down_or_hangs_objects(steady_lab: Facts) -> None:
    tell(steady_lab, {"op": "signal", "node": "pay2", "signal": "KILL"})
    tell(steady_lab, {"op": "signal", "node": "pay3", "signal": "STOP"})
    answer = str(capacity(steady_lab))
    assert "1 of 3 members of payment-servers are up, 3 are due" in answer
    assert "pay2 is absent; pay3 is stopped" in answer


def database(lab: Facts) -> Database:
    return kinds_here.environment(lab).of(Database)["payments"]


def test_only_one_host_holds_the_lock_and_the_other_is_told_which(steady_lab: Facts) -> None:
    async def story() -> None:
        here, there = Advisory(database=database(steady_lab)), Advisory(database=database(steady_lab))
        assert await here.take(["identity"], "ada@here run-1", GIVEN) is None
        told = await there.take(["identity"], "grace@there run-2", GIVEN)
        assert str(told).startswith("faildrill ada@here run-1 from")
        assert await there.take(["another"], "grace@there run-2", GIVEN) is None
        await there.release()
        await here.release()
        assert await there.take(["identity"], "grace@there run-2", GIVEN) is None
        await there.release()

    asyncio.run(story())


def test_a_session_that_is_ended_loses_the_lock_and_knows_it_at_once(steady_lab: Facts) -> None:
    async def story() -> tuple[str, float]:
        lock = Advisory(database=database(steady_lab))
        assert await lock.take(["identity"], "ada@here run-1", GIVEN) is None
        losing = asyncio.create_task(lock.lost())
        await asyncio.sleep(1.5)
        assert not losing.done()
        connection = await connect(by_users_path(database(steady_lab)), 5.0, "test")
        loop = asyncio.get_running_loop()
        before = loop.time()
        ended = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'faildrill ada@here run-1' AND usename = current_user"
        )
        await ask(connection, ended)
        because = await asyncio.wait_for(losing, 5.0)
        took = loop.time() - before
        connection.terminate()
        await lock.release()
        return because, took

    because, took = asyncio.run(story())
    assert "the session that holds the lock is gone" in because
    assert took < 1.0


def test_a_lock_that_hangs_is_lost(steady_lab: Facts) -> None:
    async def story() -> str:
        lock = Advisory(cluster=kinds_here.environment(steady_lab).of(Cluster)["payments"])
        assert await lock.take(["identity"], "ada@here run-1", GIVEN) is None
        for node in ("pg1", "pg2"):
            await asyncio.to_thread(tell, steady_lab, {"op": "signal", "node": node, "signal": "STOP"})
        because = await asyncio.wait_for(lock.lost(), 5.0)
        with pytest.raises(CannotSee):
            await Advisory(database=database(steady_lab)).take(["identity"], "x", CallContext("run-2", 1.0))
        await lock.release()
        return because

    assert "timed out" in asyncio.run(story())


def test_the_doctor_finds_nothing_wrong_with_a_steady_lab(
    steady_lab: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["doctor", str(steady_lab.environment), "-o", "json"])
    found = json.loads(result.output)
    assert [one for one in found if not one["ok"]] == []
    assert result.exit_code == 0
    clocks = [one["told"] for one in found if one["what"].endswith("clock")]
    assert len(clocks) >= 3
    assert set(clocks) == {"agrees with ours"}


def test_the_doctor_says_what_is_wrong_and_what_to_do(steady_lab: Facts) -> None:
    tell(steady_lab, {"op": "signal", "node": "pay2", "signal": "KILL"})
    eventually(lambda: "pay2 DOWN" in _doctor(steady_lab))
    text = _doctor(steady_lab)
    assert "WRONG  payment-servers/pay2: is absent\n       do: start it" in text
    assert "WRONG  probe backends: wrong: pay2 DOWN" in text


def _doctor(lab: Facts) -> str:
    result = CliRunner().invoke(cli, ["doctor", str(lab.environment)])
    assert result.exit_code == 1 or "all" in result.output
    return result.output
