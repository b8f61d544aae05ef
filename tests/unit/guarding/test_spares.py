"""What steps that are done at once leave healthy of their target, told by the real kinds."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from faildrill.adapters.nginx.config_changes import Upstream
from faildrill.adapters.patroni.configure import Configure
from faildrill.adapters.patroni.handover import Switchover
from faildrill.guarding.blast_radius import Radius
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Step
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from unit.adapters.patroni.two_nodes import TwoNodes, cluster

GIVEN = CallContext("run-1", timeout=5.0)
STATE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight
3 payments 1 pay1 127.0.0.1 2 0 1 1
3 payments 2 pay2 127.0.0.1 2 0 1 1
3 payments 3 pay3 127.0.0.1 {op} 0 1 1

"""
CONF = """upstream payments {{
    server 10.0.0.1:80;
    server 10.0.0.2:80;
    server 10.0.0.3:80{third};
}}
"""


def test_a_changed_configuration_spares_every_healthy_node_and_a_switchover_only_others() -> None:
    async def story() -> None:
        async with cluster(TwoNodes()) as whole:
            assert (await Configure(cluster=whole, set={"ttl": 30}).preview(GIVEN)).spares == [
                "payments/pg1",
                "payments/pg2",
            ]
            assert (await Switchover(cluster=whole).preview(GIVEN)).spares == []
        async with cluster(TwoNodes(standby={"replication_state": None})) as halved:
            assert (await Configure(cluster=halved, set={"ttl": 30}).preview(GIVEN)).spares == ["payments/pg1"]

    asyncio.run(story())


def nginx(tmp_path: Path, third: str, *changes: dict[str, object]) -> tuple[list[Step], Path]:
    file = tmp_path / "payments.conf"
    file.write_text(CONF.format(third=third))
    params = [{"file": str(file), "upstream": "payments", **one} for one in changes]
    uses = [KindUse.model_validate({"kind": "nginx.upstream", "params": one}) for one in params]
    return [Step(id=f"s{at}", name=f"s{at}", use=use) for at, use in enumerate(uses)], file


def together(steps: list[Step]) -> str | None:
    return asyncio.run(Radius(Environment(name="simulation"), "run-1").objection_to_group(steps))


FIRST, SECOND = {"server": "10.0.0.1:80", "down": True}, {"server": "10.0.0.2:80", "down": True}


def test_an_upstream_of_nginx_tells_which_servers_go_on(tmp_path: Path) -> None:
    [step], _ = nginx(tmp_path, " down", FIRST)
    seen = asyncio.run(Upstream.model_validate(step.use.params).preview(GIVEN))
    assert (seen.touches, seen.spares) == (["payments/10.0.0.1:80"], ["payments/10.0.0.2:80"])
    [heavier], _ = nginx(tmp_path, " down", {"server": "10.0.0.1:80", "weight": 3})
    seen = asyncio.run(Upstream.model_validate(heavier.use.params).preview(GIVEN))
    assert seen.spares == ["payments/10.0.0.1:80", "payments/10.0.0.2:80"]


def test_steps_at_once_never_take_the_last_server_of_an_upstream(tmp_path: Path) -> None:
    assert together(nginx(tmp_path, "", FIRST, SECOND)[0]) is None
    assert "last healthy member of payments" in str(together(nginx(tmp_path, " down", FIRST, SECOND)[0]))


def haproxy(tmp_path: Path, *uses: tuple[str, Mapping[str, object]]) -> list[Step]:
    servers = ["pay1", "pay2", "pay3"]
    balancer = {"name": "lb", "haproxy_socket": str(tmp_path / "socket"), "backends": {"payments": servers}}
    common = {"load_balancer": balancer, "backend": "payments"}
    found = [KindUse.model_validate({"kind": kind, "params": {**common, **params}}) for kind, params in uses]
    return [Step(id=f"s{at}", name=f"s{at}", use=use) for at, use in enumerate(found)]


def together_at(tmp_path: Path, op: int, steps: list[Step]) -> str | None:
    """Ask while a socket says the state of three servers, the third one up (2) or down (0)."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readline()
        writer.write(b"# pxname,svname,bck,tracked,\n" if b"show stat" in asked else STATE.format(op=op).encode())
        await writer.drain()
        writer.close()

    async def story() -> str | None:
        async with await asyncio.start_unix_server(answer, tmp_path / "socket"):
            return await Radius(Environment(name="simulation"), "run-1").objection_to_group(steps)

    return asyncio.run(story())


def test_steps_at_once_never_take_the_last_server_behind_haproxy(tmp_path: Path) -> None:
    both = haproxy(tmp_path, ("haproxy.drain", {"server": "pay1"}), ("haproxy.maintenance", {"server": "pay2"}))
    assert together_at(tmp_path, 2, both) is None
    assert "last healthy member of lb/payments" in str(together_at(tmp_path, 0, both))


def test_other_weights_take_nobody_unless_they_are_nothing(tmp_path: Path) -> None:
    drain = ("haproxy.drain", {"server": "pay1"})
    skewed = haproxy(tmp_path, ("haproxy.weights", {"set": {"pay1": 70, "pay2": 10, "pay3": 10}}), drain)
    assert together_at(tmp_path, 2, skewed) is None
    emptied = haproxy(tmp_path, ("haproxy.weights", {"set": {"pay2": 0, "pay3": 0}}), drain)
    assert "last healthy member of lb/payments" in str(together_at(tmp_path, 2, emptied))


def test_steps_at_once_are_refused_where_nobody_tells_who_would_be_left(tmp_path: Path) -> None:
    both = haproxy(tmp_path, ("haproxy.drain", {"server": "pay1"}), ("haproxy.maintenance", {"server": "pay2"}))
    radius = Radius(Environment(name="simulation"), "run-1")
    assert "is unknown" in str(asyncio.run(radius.objection_to_group(both)))
