"""What a drill acts on is proven, or the environment says why nothing can prove it; nothing else is acted on."""

from typing import Any

import pytest

from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.http.target import Service
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.adapters.member.target import Group
from faildrill.adapters.redis.target import Redis
from faildrill.guarding import coverage
from faildrill.guarding.coverage import cover
from faildrill.model.drill import Drill, Parallel, ProbePlan, Step, Undo, Way
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse, Target

UID = "7d3f6f1e2f0c4a57"
REACH = {"kind": "lab.supervisor", "params": {"socket": "/run/lab.sock"}}
OTHER = {"kind": "lab.supervisor", "params": {"socket": "/run/other.sock"}}
REDIS = Redis.model_validate(
    {
        "name": "sessions",
        "master": "m",
        "sentinels": ["127.0.0.1:26379"],
        "members": {"r1": {"name": "r1", "host": "127.0.0.1", "reach": REACH}},
    }
)
MARIADB = MariaDB.model_validate(
    {
        "name": "orders",
        "database": "orders",
        "user": "u",
        "admin": "a",
        "replication_user": "r",
        "members": {"m1": {"name": "m1", "host": "127.0.0.1"}, "m2": {"name": "m2", "host": "127.0.0.2"}},
    }
)
FRONT = LoadBalancer(name="front", haproxy_socket="/run/haproxy.sock", backends={"pay": ["s1", "s2"]})
FILE = KindUse(kind="file.identity", params={"path": "/etc/place", "content": "staging"})


def group(reach: dict[str, Any] = REACH, **more: object) -> Group:
    members = {
        name: {"name": name, "address": f"127.0.0.1:{port}", "reach": reach} for name, port in (("s1", 81), ("s2", 82))
    }
    return Group.model_validate({"name": "pay", "members": members, **more})


def use(kind: str, **params: object) -> KindUse:
    given = {key: one.model_dump(mode="json") if isinstance(one, Target) else one for key, one in params.items()}
    return KindUse.model_validate({"kind": kind, "params": given})


RUN = use("command.run", argv=["a"], undo_argv=["b"], verify_argv=["c"])
WEIGHTS = use("haproxy.weights", load_balancer=FRONT, backend="pay", set={"s1": 1})
REDIS_PROVEN = use("redis.identity", redis=REDIS, holds=UID)


def drill(*uses: KindUse, **more: object) -> Drill:
    steps = tuple(Step(id=f"s{number}", name="s", use=one) for number, one in enumerate(uses))
    return Drill.model_validate({"name": "d", "environment": "e", "probes": (), "steps": steps, "expect": (), **more})


def place(*identity: KindUse, **more: object) -> Environment:
    return Environment.model_validate({"name": "e", "drillable": True, "identity": identity, **more})


@pytest.mark.parametrize(
    ("acted", "what"),
    [
        (use("redis.lose_master", redis=REDIS), "sessions (of redis)"),
        (use("mariadb.lose_writer", mariadb=MARIADB), "orders (of mariadb)"),
        (use("member.kill", group=group(), member="s1"), "pay (of groups)"),
        (WEIGHTS, "front (of load_balancers)"),
        (use("process.kill", pid_file="/run/x.pid", command="x", start=["x"]), "this host"),
        (use("nginx.broken_file", file="/etc/nginx/x.conf"), "this host"),
        (RUN, "this host"),
    ],
    ids=lambda one: one.kind if isinstance(one, KindUse) else "",
)
def test_whatever_is_acted_on_without_a_proof_is_refused_with_the_lines_to_write(acted: KindUse, what: str) -> None:
    marker = use("postgres.marker", database={"name": "d", "host": "h", "database": "d", "user": "u"}, uid=UID)
    sections = {"groups": {"pay": group()}, "load_balancers": {"front": FRONT}}
    environment = place(marker, **sections, redis={"sessions": REDIS}, mariadb={"orders": MARIADB})
    found = cover(environment, drill(acted))
    because = coverage.objection(environment, found) or ""
    assert because.startswith(
        f"{what} is acted on by step s0 ({acted.kind}), but no guard under `identity:` proves what"
    )
    assert ".identity: {" in because
    assert "unproven: " in because


def test_a_group_is_refused_where_only_another_group_is_proven() -> None:
    other = group().model_copy(update={"name": "other"})
    environment = place(use("http.identity", group=other, holds=UID), groups={"pay": group(), "other": other})
    assert not cover(environment, drill(use("member.kill", group=other, member="s1"))).lacking
    moved = group(OTHER).model_copy(update={"name": "moved", "members": group(OTHER).members})
    far = Group.model_validate(
        {"name": "far", "members": {"a": {"name": "a", "address": "10.0.0.9:81", "reach": OTHER}}}
    )
    assert "far (of groups)" in cover(environment, drill(use("member.kill", group=far, member="a"))).lacking
    assert not cover(environment, drill(use("member.kill", group=moved, member="s1"))).lacking  # at the same addresses


def test_what_the_way_to_a_proven_target_reaches_besides_is_of_its_place_and_that_way_is_looked_at() -> None:
    found = cover(place(REDIS_PROVEN), drill(use("member.kill", group=group(), member="s1")))
    assert not found.lacking
    assert set(found.led) == {"groups/pay", "redis/sessions"}
    assert cover(place(REDIS_PROVEN), drill(use("member.kill", group=group(OTHER), member="s1"))).lacking


def test_named_undos_ways_groups_and_loads_are_covered_as_steps_are() -> None:
    undo = Step(id="a", name="a", use=RUN, undo=Undo(how="named", use=WEIGHTS))
    assert "front (of load_balancers)" in cover(place(FILE), drill(steps=(undo,))).lacking
    way = Way(name="w", steps=(Step(id="b", name="b", use=WEIGHTS),))
    assert "front (of load_balancers)" in cover(place(FILE), drill(RUN, ways=(way,))).lacking
    at_once = Parallel(id="p", name="p", steps=(Step(id="c", name="c", use=WEIGHTS),))
    assert "front (of load_balancers)" in cover(place(FILE), drill(steps=(at_once,))).lacking
    load = ProbePlan(name="users", use=use("http.request", url="http://10.0.0.5/pay"), every=0.1, timeout=1, by="load")
    assert "what listens at 10.0.0.5:80" in cover(place(FILE), drill(RUN, load=(load,))).lacking


@pytest.mark.parametrize(
    ("identity", "url"),
    [
        (use("http.identity", service=Service(name="s", url="http://10.0.0.5/"), holds=UID), "http://10.0.0.5/pay"),
        (use("haproxy.identity", load_balancer=FRONT, says=UID, listens=["10.0.0.5:80"]), "http://10.0.0.5:80/pay"),
    ],
)
def test_a_load_is_covered_where_what_it_is_sent_to_is_proven(identity: KindUse, url: str) -> None:
    load = ProbePlan(name="users", use=use("http.request", url=url), every=0.1, timeout=1, by="load")
    assert not cover(place(identity), drill(load=(load,))).lacking


def test_an_address_of_a_proven_host_is_not_proven_with_it_as_several_places_may_share_a_host() -> None:
    load = ProbePlan(name="users", use=use("http.request", url="http://127.0.0.1/"), every=0.1, timeout=1, by="load")
    assert "what listens at 127.0.0.1:80" in cover(place(FILE), drill(load=(load,))).lacking


def test_a_step_that_is_complete_only_when_it_is_due_is_covered_all_the_same() -> None:
    late = Step(
        id="a", name="a", use=use("haproxy.drain", load_balancer=FRONT, backend="pay", server="${steps.x.y}"), late=True
    )
    assert "front (of load_balancers)" in cover(place(FILE), drill(steps=(late,))).lacking
    program = Step(
        id="a", name="a", use=use("command.run", argv=["${steps.x.y}"], undo_argv=["b"], verify_argv=["c"]), late=True
    )
    assert not cover(place(FILE), drill(steps=(program,))).lacking


def test_what_the_environment_says_can_t_be_proven_is_told_and_not_refused() -> None:
    said = FRONT.model_copy(update={"unproven": "a vendor's appliance, which says nothing of itself"})
    acted = use("haproxy.weights", load_balancer=said, backend="pay", set={"s1": 1})
    found = cover(place(FILE, load_balancers={"front": said}), drill(acted, acted))
    assert found.unproven == [("front (of load_balancers)", "a vendor's appliance, which says nothing of itself")]
    assert not found.lacking
    assert not found.led
    marker = use("redis.identity", redis=REDIS, holds=UID)
    environment = place(marker, unproven={"command.run": "it calls a cloud's own tool"})
    assert cover(environment, drill(RUN)).unproven == [("what command.run acts on", "it calls a cloud's own tool")]


def test_that_a_target_is_unproven_is_no_part_of_what_its_place_is() -> None:
    said = REDIS.model_copy(update={"unproven": "for some reason"})
    assert place(REDIS_PROVEN).proven_identity == place(use("redis.identity", redis=said, holds=UID)).proven_identity
