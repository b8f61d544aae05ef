"""Where each kind of action stands among liars: on the lab's real servers, by the name of the kind."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import pytest

from faildrill.adapters.mariadb.client import as_admin
from faildrill.adapters.mariadb.nodes import asked as mariadb_asked
from faildrill.adapters.mariadb.nodes import sighted as mariadb_sighted
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.adapters.member.target import Group
from faildrill.adapters.patroni.changes import configuration, sighted
from faildrill.adapters.postgres.target import Cluster
from faildrill.adapters.redis.nodes import sighted as redis_sighted
from faildrill.adapters.redis.target import Redis
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from faildrill.ports import Action
from faildrill.ports.target import KindUse, Target
from lab.conftest import ask, put_back
from lab.haproxies import Balancer
from lab.kinds_here import environment
from support.liars import haproxy, http, mysql, program, redis, supervisor
from support.liars.between import Where
from support.liars.stands import Cell, Stand

Params = dict[str, Any]
READY = "; ".join(
    f"set server payments/{one} {what}" for one in ("s1", "s2", "s3") for what in ("state ready", "weight 1")
)
SERVERS: Mapping[str, tuple[Params, str]] = {
    "haproxy.drain": ({"server": "s1"}, "set server payments/s1 state maint"),
    "haproxy.maintenance": (
        {"server": "s1"},
        "set server payments/s1 state ready; set server payments/s1 state drain",
    ),
    "haproxy.weights": ({"set": {"s1": 70}}, "set server payments/s1 weight 30"),
}
"""By kind, its parameters, and what another operator tells HAProxy meanwhile."""
REACHED: Mapping[str, Params] = {
    "member.kill": {"group": "payment-servers", "member": "pay1"},
    "member.stop": {"group": "payment-servers", "member": "pay1"},
    "member.cut": {"cluster": "payments"},
    "patroni.cut_replication": {"cluster": "payments"},
    "patroni.kill_primary": {"cluster": "payments"},
    "redis.lose_master": {"redis": "sessions"},
    "mariadb.lose_writer": {"mariadb": "payments"},
}
"""By kind, which of the environment's targets it is about: it acts through the supervisor of a lab."""
LINKS: Final = ("member.cut", "patroni.cut_replication")
"""Those that change what a link does."""
HANGS: Final = ("member.stop",)
"""Those that hold a member: nobody else can make anything else of that but its end."""
LABS: Mapping[str, str] = {"redis": "redis_lab", "mariadb": "mariadb_lab"}
"""By the first part of a kind's name, the lab that it needs; the usual one otherwise."""


NEEDS: Mapping[str, str] = {**dict.fromkeys(SERVERS, "fronts"), "command.run": "tmp_path"}
"""By kind, the fixture that it needs where that is no lab."""


def of_haproxy(kind: str, fronts: tuple[Balancer, Balancer]) -> Stand:
    real, another = (Path(one.target.haproxy_socket) for one in fronts)
    own, theirs = SERVERS[kind]

    async def reset() -> None:
        for socket in (real, another):
            await haproxy.told(socket, READY)
        await asyncio.sleep(0.1)

    def params(found: Mapping[str, Where]) -> Params:
        target = fronts[0].target.model_copy(update={"haproxy_socket": str(found["socket"])})
        return {"load_balancer": target.model_dump(mode="json"), "backend": "payments", **own}

    async def truth() -> list[Any]:
        return [await haproxy.servers(one) for one in (real, another)]

    async def meddle() -> None:
        await haproxy.told(real, theirs)

    return Stand(kind, haproxy.WIRE, {"socket": (real, another)}, params, truth, reset, meddle)


async def delayed(lab: Facts) -> None:
    """Have a link delay what goes over it, as somebody does who tries something else."""
    await asyncio.to_thread(ask, lab, {"op": "link", "name": "pg1", "mode": "delay", "delay_ms": 5})


async def held(lab: Facts) -> None:
    """Start what was killed, and hold it, as somebody does who looks for the cause."""
    nodes = (await asyncio.to_thread(ask, lab, {"op": "status"}))["nodes"]
    for name in [name for name, one in nodes.items() if one["state"] == "absent"]:
        await asyncio.to_thread(ask, lab, {"op": "start", "node": name})
        await asyncio.to_thread(ask, lab, {"op": "signal", "node": name, "signal": "STOP"})


def of_reached(kind: str, lab: Facts) -> Stand:
    """A kind whose one way is the supervisor of a lab."""
    wanted = REACHED[kind]
    there = environment(lab)

    def params(found: Mapping[str, Where]) -> Params:
        sorts: Mapping[str, type[Target]] = {"group": Group, "cluster": Cluster, "redis": Redis, "mariadb": MariaDB}
        given = dict(wanted)
        for name, sort in sorts.items():
            if name in wanted:
                given[name] = _through(there.of(sort)[str(wanted[name])], str(found["socket"]))
        if kind == "member.cut":
            members = given["cluster"]["members"].items()
            reached = {name: {"name": name, "reach": one["reach"]} for name, one in members}
            return {"group": {"name": "databases", "members": reached}, "member": "pg1", "how": "reset"}
        return given

    async def truth() -> Any:  # noqa: ANN401 - what a supervisor says
        seen = await asyncio.to_thread(ask, lab, {"op": "status"})
        nodes = {name: one["state"] for name, one in seen["nodes"].items()}
        return nodes, {name: one["mode"] for name, one in seen["links"].items()}

    async def reset() -> None:
        await has_writers(there)
        await steady(lab)

    real = Path(lab.control)
    return Stand(
        kind,
        supervisor.WIRE,
        {"socket": (real, real)},
        params,
        truth,
        reset,
        partial(delayed if kind in LINKS else held, lab),
        undo_within=15.0 if kind.startswith("member.") else 60.0,
        within=10.0,
        alike=2 if kind in LINKS else 1,  # one that could not be seen open is opened again
        asks=3 if kind in LINKS else 2,
    )


def _through(target: Target, socket: str) -> Params:
    data: Params = target.model_dump(mode="json")
    for one in data["members"].values():
        one["reach"]["params"]["socket"] = socket
    return data


HANDS_OVER: Mapping[str, Params] = {
    "patroni.switchover": {},
    "patroni.failover": {"to": "pg2", "unwarranted": "deliberate"},
}
_LAG = "maximum_lag_on_failover"


def of_configure(kind: str, lab: Facts) -> Stand:
    cluster = environment(lab).of(Cluster)["payments"]

    async def truth() -> object:
        return (await configuration(cluster, 5.0)).get(_LAG)

    async def reset() -> None:
        await steady(lab)
        await patched(cluster, 1048576)

    async def meddle() -> None:
        await patched(cluster, 3145728)

    def params(found: Mapping[str, Where]) -> Params:
        return {"cluster": past(cluster, found), "set": {_LAG: 2097152}}

    # Patroni may write for 10 s: an undo that may look for less than that is never told to be clean
    return Stand(kind, http.PATRONI, interfaces(cluster), params, truth, reset, meddle, undo_within=15.0)


def of_handover(kind: str, lab: Facts) -> Stand:
    cluster = environment(lab).of(Cluster)["payments"]

    async def truth() -> object:
        return (await sighted(cluster, 5.0)).leader

    async def reset() -> None:
        await steady(lab)
        if (leader := (await sighted(cluster, 5.0)).leader) != "pg1":
            await posted(cluster, str(leader), {"leader": leader, "candidate": "pg1"})
            await _until(lambda: led_by(cluster, "pg1"))
            await steady(lab)
        await _until(lambda: can_hand_over(cluster))

    def params(found: Mapping[str, Where]) -> Params:
        return {"cluster": past(cluster, found), **HANDS_OVER[kind]}

    ways = interfaces(cluster)
    return Stand(
        kind, http.PATRONI, ways, params, truth, reset, within=12.0, undo_within=40.0, hold=3.0, refuses_a_second=True
    )


def interfaces(cluster: Cluster) -> dict[str, tuple[Where, Where]]:
    ports = {name: urlsplit(one.api).port or 8008 for name, one in cluster.members.items()}
    return {name: (port, port) for name, port in ports.items()}


def past(cluster: Cluster, found: Mapping[str, Where]) -> Params:
    """Return a cluster whose interfaces are met behind liars."""
    data: Params = cluster.model_dump(mode="json")
    for name, port in found.items():
        data["members"][name]["api"] = f"http://127.0.0.1:{port}"
    return data


async def steady(lab: Facts) -> None:
    await asyncio.to_thread(put_back, lab)


async def led_by(cluster: Cluster, name: str) -> bool:
    return (await sighted(cluster, 5.0)).leader == name


async def can_hand_over(cluster: Cluster) -> bool:
    return bool((await sighted(cluster, 5.0)).candidates())


async def posted(cluster: Cluster, name: str, body: Params) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{cluster.members[name].api}/switchover", json=body) as answer,
    ):
        await answer.read()


async def patched(cluster: Cluster, most: int) -> None:
    """Set it, and wait until it is told: a node tells what it has read last."""
    leader = (await sighted(cluster, 5.0)).leader
    async with (
        aiohttp.ClientSession() as session,
        session.patch(f"{cluster.members[str(leader)].api}/config", json={_LAG: most}) as answer,
    ):
        await answer.read()
    await _until(lambda: is_set(cluster, most))


async def is_set(cluster: Cluster, most: int) -> bool:
    return (await configuration(cluster, 5.0)).get(_LAG) == most


async def _until(look: Callable[[], Any]) -> None:
    for _ in range(200):
        if await look():
            return
        await asyncio.sleep(0.2)


def of_promote(kind: str, lab: Facts) -> Stand:
    target = environment(lab).of(MariaDB)["payments"]
    ways: dict[str, tuple[Where, Where]] = {name: (one.port, one.port) for name, one in target.members.items()}

    async def truth() -> object:
        return (await mariadb_sighted(target, 5.0)).leading

    async def reset() -> None:
        await has_writers(environment(lab))
        await steady(lab)

    def params(found: Mapping[str, Where]) -> Params:
        return {"mariadb": behind(target, found)}

    return Stand(
        kind, mysql.WIRE, ways, params, truth, reset, within=10.0, undo_within=20.0, asks=28, alike=6, gives_up=True
    )


async def has_writers(there: Environment) -> None:
    """Have one server take writes and the others follow it, as a kind does it: a MariaDB has nobody else who would."""
    for target in there.of(MariaDB).values():
        params = {"mariadb": target.model_dump(mode="json")}
        step: Action = build(KindUse(kind="mariadb.lose_writer", params=params), "action")
        sight = await mariadb_sighted(target, 5.0)
        leader = sight.leader
        if leader is not None and sight.nodes[leader].follows:
            for statement in ("STOP SLAVE", "RESET SLAVE ALL"):
                await mariadb_asked(as_admin(target, target.members[leader]), statement, within=5.0)
        for name in ("m1",) if leader is None else filter(sight.why_not, sight.others):
            await step.undo({"writer": name}, CallContext("reset", 30.0))


def behind(target: MariaDB, found: Mapping[str, Where]) -> Params:
    """Return MariaDB servers as they are met behind liars, which know each other as they are."""
    data: Params = target.model_dump(mode="json")
    for name, port in found.items():
        one = data["members"][name]
        one["known_as"], one["port"] = f"{one['host']}:{one['port']}", port
    return data


def of_failover(kind: str, lab: Facts) -> Stand:
    target = environment(lab).of(Redis)["sessions"]
    ports = [int(one.rpartition(":")[2]) for one in target.sentinels]
    ways: dict[str, tuple[Where, Where]] = {f"s{number}": (port, port) for number, port in enumerate(ports)}
    ways |= {name: (one.port, one.port) for name, one in target.members.items()}

    async def truth() -> object:
        return (await redis_sighted(target, 5.0)).leader

    async def reset() -> None:
        await steady(lab)

    def params(found: Mapping[str, Where]) -> Params:
        data: Params = target.model_dump(mode="json")
        data["sentinels"] = [f"127.0.0.1:{found[f's{number}']}" for number in range(len(ports))]
        for name, one in data["members"].items():
            one["port"] = found[name]
        return {"redis": data}

    return Stand(kind, redis.WIRE, ways, params, truth, reset, within=12.0, undo_within=60.0, hold=3.0, asks=4, alike=2)


def of_program(kind: str, folder: Path) -> Stand:
    """A program of the author's; what it asks is there while the stand is used."""
    effect, real = set[str](), folder / "real.sock"

    async def truth() -> bool:
        return bool(effect)

    async def reset() -> None:
        effect.clear()

    def params(found: Mapping[str, Where]) -> Params:
        socket = str(found["socket"])
        words = {"argv": "on", "undo_argv": "off", "verify_argv": "look"}
        return {name: program.argv(socket, word) for name, word in words.items()}

    return Stand(
        kind,
        program.WIRE,
        {"socket": (real, real)},
        params,
        truth,
        reset,
        serves=lambda: program.served(real, effect),
        fails_on=("closed", "garbage"),
    )


MAKERS: Mapping[str, Callable[[str, Any], Stand]] = {
    **dict.fromkeys(SERVERS, of_haproxy),
    **dict.fromkeys(REACHED, of_reached),
    **dict.fromkeys(HANDS_OVER, of_handover),
    "patroni.configure": of_configure,
    "mariadb.promote": of_promote,
    "redis.failover": of_failover,
    "command.run": of_program,
}


def log(cell: Cell, request: pytest.FixtureRequest) -> None:
    """Keep how a cell went with its test, where `--junitxml=FILE` finds it."""
    request.node.user_properties += cell.told().items()


def stand_of(kind: str, request: pytest.FixtureRequest) -> Stand:
    """Return where a kind stands, with what it needs up."""
    needs = NEEDS.get(kind) or LABS.get(kind.partition(".")[0], "steady_lab")
    return MAKERS[kind](kind, request.getfixturevalue(needs))
