"""`faildrill warrant lab`: during a skew, with a primary that is dead, with one that hangs, and when nobody can see."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator

import asyncpg
import pytest

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.patroni.changes import sighted
from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from lab import kinds_here
from lab.conftest import ask, eventually

pytestmark = pytest.mark.lab


def warrant(lab: Facts, within: str = "10s") -> tuple[int, dict[str, str], str]:
    """Ask whether a failover is warranted, as a person does; return the exit code, the answer, and who said what."""
    command = [
        sys.executable,
        "-m",
        "faildrill",
        "warrant",
        lab.name,
        "--for",
        "payments-db",
        "-o",
        "json",
        "--within",
        within,
    ]
    environment = {**os.environ, "FAILDRILL_STATE": str(lab.folder.parent.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    told = json.loads(done.stdout)
    says = {one["signal"]: one["says"] for one in told["heard"]}
    return done.returncode, says, f"{told['answer']} ({told['signal']}): {told['because']}"


@pytest.fixture
def paused_lab(steady_lab: Facts) -> Iterator[Facts]:
    """The lab with Patroni paused, so that a dead primary stays dead until a person acts."""
    pause = kinds_here.action(
        "patroni.configure", cluster=kinds_here.environment(steady_lab).of(Cluster)["payments"], set={"pause": True}
    )
    before = asyncio.run(kinds_here.done(pause))
    yield steady_lab
    for node in ("pg1", "pg2"):
        if ask(steady_lab, {"op": "status"})["nodes"][node]["state"] == "absent":
            ask(steady_lab, {"op": "start", "node": node})
    asyncio.run(kinds_here.put_back(pause, before))


def primary_of(lab: Facts) -> str:
    """Return who leads."""
    cluster = kinds_here.environment(lab).of(Cluster)["payments"]
    leader = asyncio.run(sighted(cluster, 5.0)).leader
    assert leader is not None
    return leader


def test_a_skewed_load_balancer_warrants_no_failover_and_is_named_as_the_cause(steady_lab: Facts) -> None:
    socket = kinds_here.environment(steady_lab).of(LoadBalancer)["payments"].haproxy_socket
    asyncio.run(tell(socket, "set server payments/pay1 weight 10"))
    try:
        code, says, told = warrant(steady_lab)
    finally:
        asyncio.run(tell(socket, "set server payments/pay1 weight 1"))
    assert code == 1, told
    assert told.startswith("not warranted (load balancer): weight of pay1: 10, the standard says 1; the database works")
    assert (says["primary"], says["application"]) == ("alive", "alive")


def test_a_primary_that_hangs_and_then_is_dead_warrants_a_failover_once_its_standby_has_lost_it(
    paused_lab: Facts,
) -> None:
    primary = primary_of(paused_lab)
    ask(paused_lab, {"op": "signal", "node": primary, "signal": "STOP"})
    eventually(lambda: warrant(paused_lab, "5s")[0] == 0, within=90)
    ask(paused_lab, {"op": "signal", "node": primary, "signal": "KILL"})
    code, says, told = warrant(paused_lab)
    assert (code, says["primary"]) == (0, "dead"), told
    assert f"primary: {primary} refused" in told


def test_observers_who_see_nothing_are_insufficient_evidence(paused_lab: Facts) -> None:
    for node in ("pg1", "pg2", "haproxy"):
        ask(paused_lab, {"op": "signal", "node": node, "signal": "STOP"})
    try:
        code, says, told = warrant(paused_lab, "2s")
    finally:
        for node in ("pg1", "pg2", "haproxy"):
            ask(paused_lab, {"op": "signal", "node": node, "signal": "CONT"})
    assert code == 4, told
    assert set(says.values()) == {"nothing"}


async def _hanging_writes(lab: Facts, hanging: asyncio.Event, done: asyncio.Event) -> None:
    """Let a session of the users' path wait for a commit that nobody confirms, until it is told that it is done."""
    place = kinds_here.environment(lab)
    leader = (await sighted(place.of(Cluster)["payments"], 5.0)).leader
    member = place.of(Cluster)["payments"].members[str(leader)]
    secret = (lab.folder / "passwords" / "postgres").read_text().strip()
    login = {"host": member.host, "port": member.port, "user": "postgres", "password": secret, "database": "payments"}
    setting, waiting = await asyncpg.connect(**login), await asyncpg.connect(**login)
    await setting.execute("SET synchronous_commit = local")
    await setting.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await setting.execute("SELECT pg_reload_conf()")
    while await setting.fetchval("SELECT current_setting('synchronous_standby_names'), pg_sleep(0.05)") != "nobody":
        pass
    commit = asyncio.create_task(waiting.execute("SELECT pg_logical_emit_message(true, 'test', 'it hangs')"))
    try:
        await asyncio.sleep(2)
        hanging.set()
        await done.wait()
    finally:
        await setting.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await setting.execute("SELECT pg_reload_conf()")
        await commit
        await setting.close()
        await waiting.close()


def test_a_primary_whose_writes_hang_is_not_said_to_work_though_a_weight_is_wrong_as_well(steady_lab: Facts) -> None:
    async def asked() -> tuple[int, dict[str, str], str]:
        hanging, done = asyncio.Event(), asyncio.Event()
        waiting = asyncio.create_task(_hanging_writes(steady_lab, hanging, done))
        first, _ = await asyncio.wait(
            {waiting, asyncio.create_task(hanging.wait())}, return_when=asyncio.FIRST_COMPLETED
        )
        try:
            return (0, {}, "") if waiting in first else await asyncio.to_thread(warrant, steady_lab)
        finally:
            done.set()
            await waiting

    socket = kinds_here.environment(steady_lab).of(LoadBalancer)["payments"].haproxy_socket
    asyncio.run(tell(socket, "set server payments/pay1 weight 10"))
    try:
        code, says, told = asyncio.run(asked())
    finally:
        asyncio.run(tell(socket, "set server payments/pay1 weight 1"))
    assert (code, says["primary"]) == (4, "slow"), told
    assert "waiting for more than 1 s for what they write" in told
