"""Redis under Sentinel, for real: the drills as a user runs them, and each kind by itself."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.member.target import Group
from faildrill.adapters.redis.checks import Watched
from faildrill.adapters.redis.client import Talk, directly, sentinels
from faildrill.adapters.redis.nodes import asked
from faildrill.adapters.redis.target import Redis
from faildrill.errors import ActionFailed, ActionRefused
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.ports import Probe, Seen
from faildrill.record.samples import Outcome
from lab.conftest import ask, eventually
from lab.drilling import run
from lab.kinds_here import action, done, environment, given, guard, once, opened, probe, put_back, saw
from lab.stores import lab_of
from support.far import far

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
WAY = 0.15
"""Seconds each way to a node: a command is sent before the end of its connection is known here."""
NEEDS = {"redis-server": "redis-server", "redis-sentinel": "redis-sentinel"}


@pytest.fixture(scope="module")
def redis_lab(state_folder: Path) -> Iterator[Facts]:
    with lab_of("redis", NEEDS, state_folder) as facts:
        yield facts


@pytest.fixture
def sessions(redis_lab: Facts) -> Redis:
    ask(redis_lab, {"op": "steady", "within": 60}, 65)
    redis = environment(redis_lab).of(Redis)["sessions"]
    eventually(lambda: redundancy(redis) == "", 60)  # Sentinels that were held are in TILT for half a minute
    return redis


def redundancy(redis: Redis) -> str:
    seen = asyncio.run(once(probe("redis.redundancy", redis=redis), 3))
    return "" if seen.outcome is Outcome.OK else seen.detail


async def refused(redis: Redis) -> str:
    with pytest.raises(ActionRefused) as told:
        await action("redis.lose_master", redis=redis).capture(given(3))
    return str(told.value)


async def said(redis: Redis, node: str, *words: str | int) -> Any:  # noqa: ANN401 - what Redis says
    talk = await Talk.begin(directly(redis, redis.members[node]))
    try:
        return await talk.ask(*words)
    finally:
        talk.end()


async def master_of(redis: Redis) -> str:
    return (await once(probe("redis.writers", redis=redis))).who


def test_a_crash_of_the_master_is_survived_and_writes_that_have_a_copy_are_kept(
    redis_lab: Facts, sessions: Redis, tmp_path: Path
) -> None:
    assert sessions.master == "sessions"
    ran = run(Path("drills/redis/master-crash.yaml"), tmp_path, redis_lab.name)
    assert ran.code == 0, ran.said


def test_what_only_a_master_that_was_cut_off_acknowledged_is_told_as_lost(
    redis_lab: Facts, sessions: Redis, tmp_path: Path
) -> None:
    assert sessions.master == "sessions"
    ran = run(Path("drills/red/redis-network-partition.yaml"), tmp_path, redis_lab.name)
    assert ran.code == 1, ran.said
    failed = ran.findings("FAILED")
    assert "acknowledged writes of plain are lost" in failed
    assert len(failed.splitlines()) == 1, failed


def test_a_failover_is_done_by_the_sentinels_and_put_back_with_every_priority_as_it_was(sessions: Redis) -> None:
    async def story() -> None:
        first = await master_of(sessions)
        for name in sessions.members:
            await said(sessions, name, "CONFIG", "SET", "replica-priority", 90)
        step = action("redis.failover", redis=sessions)
        seen = await step.preview(given())
        assert f"sessions/{first}" in seen.touches
        assert set(seen.spares) == {f"sessions/{name}" for name in sessions.members}
        lost = await action("redis.lose_master", redis=sessions).preview(given())
        assert set(lost.spares) == set(seen.spares) - set(lost.touches)
        before = await done(step, 30)
        assert await master_of(sessions) != first
        await put_back(step, before, 60)
        assert await master_of(sessions) == first
        for name in sessions.members:
            assert await said(sessions, name, "CONFIG", "GET", "replica-priority") == ["replica-priority", "90"]
            await said(sessions, name, "CONFIG", "SET", "replica-priority", 100)

    asyncio.run(story())


def test_no_failover_back_is_asked_for_while_a_sentinel_would_undo_it(sessions: Redis) -> None:
    """One that has not seen that the first master follows, makes it follow again when another one promotes it."""

    async def tell_the_others(*words: str | int) -> None:
        for login in sentinels(sessions)[1:]:
            await asked(login, lambda talk: talk.ask("SENTINEL", *words), 3.0)

    async def story() -> None:
        first = await master_of(sessions)
        step = action("redis.failover", redis=sessions)
        await tell_the_others("DEBUG", "info-period", 600_000)  # they look at those that follow no more
        try:
            before = await done(step, 30)
            second = await master_of(sessions)
            with pytest.raises(ActionFailed, match=f"nothing was sent: not every Sentinel sees that {first} follows"):
                await step.undo(before, given(9))
            assert await master_of(sessions) == second != first
        finally:
            await tell_the_others("DEBUG", "info-period", 10_000)
        await put_back(step, before, 60)
        assert await master_of(sessions) == first

    asyncio.run(story())


def test_a_connection_that_a_node_is_ending_proves_nothing_and_a_write_on_it_is_open(
    sessions: Redis, tmp_path: Path
) -> None:
    async def looked(what_looks: Probe, first: str, what: CallContext) -> list[Seen]:
        async with opened(what_looks, supplies=what) as watched:
            before = await watched.look(what)
            assert await said(sessions, first, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") >= 1
            return [before, await watched.look(what), await watched.look(what)]

    async def story() -> tuple[list[Seen], list[Seen]]:
        first = await master_of(sessions)
        what = replace(given(5.0), run="ended", name="ledger", folder=tmp_path)
        member = sessions.members[first]
        async with far(member.port, WAY) as port:
            away = member.model_copy(update={"port": port, "known_as": member.address})
            there = sessions.model_copy(update={"members": {**sessions.members, first: away}})
            return (
                await looked(probe("redis.writers", redis=there), first, what),
                await looked(probe("redis.ledger", redis=there, writers=1), first, what),
            )

    writers, ledger = asyncio.run(story())
    assert [one.outcome for one in writers] == [Outcome.OK, Outcome.OK, Outcome.OK]
    assert [one.outcome for one in ledger] == [Outcome.OK, Outcome.OPEN, Outcome.OK]


def test_two_nodes_that_take_writes_are_seen_and_a_master_without_replicas_takes_none(sessions: Redis) -> None:
    async def story() -> None:
        first = await master_of(sessions)
        other = next(name for name in sessions.members if name != first)
        writers = probe("redis.writers", redis=sessions)
        await said(sessions, other, "REPLICAOF", "NO", "ONE")
        try:
            seen = await once(writers)
            assert (seen.outcome, seen.who) == (Outcome.OK, first)
            await said(sessions, other, "CONFIG", "SET", "min-replicas-to-write", 0)
            seen = await once(writers)
            assert (seen.outcome, seen.who) == (Outcome.WRONG, ",".join(sorted((first, other))))
            assert "2 writers" in seen.detail
        finally:
            host, _, port = sessions.members[first].address.rpartition(":")
            await said(sessions, other, "REPLICAOF", host, port)
            await said(sessions, other, "CONFIG", "SET", "min-replicas-to-write", 1)
        assert await said(sessions, first, "EXISTS", "faildrill:tried") == 0

    asyncio.run(story())


def test_nothing_is_taken_from_a_redis_whose_sentinels_could_not_promote_anybody(
    redis_lab: Facts, sessions: Redis
) -> None:
    async def story() -> None:
        for kind in ("redis.lose_master", "redis.failover"):
            with pytest.raises(ActionRefused, match="Sentinel"):
                await action(kind, redis=sessions).capture(given())
        seen = await once(probe("redis.redundancy", redis=sessions))
        assert seen.outcome == Outcome.WRONG
        assert "Sentinel" in seen.detail

    for name in ("s2", "s3"):
        ask(redis_lab, {"op": "signal", "node": name, "signal": "KILL"})
    try:
        asyncio.run(story())
    finally:
        for name in ("s2", "s3"):
            ask(redis_lab, {"op": "start", "node": name})


def test_a_master_that_hangs_goes_on_when_its_time_is_over_also_without_us(sessions: Redis) -> None:
    async def story() -> None:
        first = await master_of(sessions)
        step = action("redis.lose_master", redis=sessions, how="hung", at_most="2s")
        before = await done(step)
        assert before["master"] == first
        redundancy = probe("redis.redundancy", redis=sessions)
        await saw(redundancy, lambda seen: seen.outcome == Outcome.OK)  # nobody has let it go on but the lab itself
        await put_back(step, before)

    asyncio.run(story())


def test_the_network_to_a_member_is_cut_slowed_and_put_back_and_the_last_one_is_never_cut_off(
    redis_lab: Facts, sessions: Redis
) -> None:
    async def story() -> None:
        nodes = environment(redis_lab).of(Group)["redis-nodes"]
        first = await master_of(sessions)
        one, other = (name for name in sessions.members if name != first)
        slow = action("member.cut", group=nodes, member=first, how="delayed", delay="20ms")
        await put_back(slow, await done(slow))
        steps = [action("member.cut", group=nodes, member=name, how="reset") for name in (one, other)]
        cut = [(step, await done(step)) for step in steps]
        with pytest.raises(ActionRefused, match="last member that is reached"):
            await action("member.cut", group=nodes, member=first, how="silent").capture(given())
        with pytest.raises(ActionRefused, match="is cut already"):
            await steps[0].preview(given())
        for step, before in cut:
            await put_back(step, before)

    asyncio.run(story())


CUT = """
drill: redis-replica-unreachable
about: The network to a replica fails; the Sentinels see it, and sessions are written with a copy all the same.
environment: {environment}
owner: sessions-sre

probes:
  copied: {{redis.ledger: {{redis: sessions, copies: 1}}, every: 50ms, timeout: 2s}}
  whole:  {{redis.redundancy: {{redis: sessions}}, every: 250ms, timeout: 2s}}

steps:
  - name: the network to a replica fails
    member.cut: {{group: redis-nodes, member: {member}, how: {how}}}
    within: 10s
  - name: the Sentinels see it
    wait: {{until: whole is not ok, within: 30s}}
  - wait: 4s

expect:
  - outage: {{of: copied, at_most: 1m}}
  - steady_again: {{within: 60s}}
"""


@pytest.mark.parametrize("how", ["reset", "silent"])
def test_a_drill_that_cuts_a_member_off_is_noticed_and_so_is_its_end(
    how: str, redis_lab: Facts, sessions: Redis, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--soak"):
        pytest.skip("a minute of a whole drill: with --soak")
    first = asyncio.run(master_of(sessions))
    drill = tmp_path / "cut.yaml"
    member = next(one for one in sessions.members if one != first)
    drill.write_text(CUT.format(environment=redis_lab.name, member=member, how=how))
    ran = run(drill, tmp_path, redis_lab.name)
    assert ran.code == 0, ran.said
    back = ran.findings("PASSED")
    assert "only the one who was asked (whatever is in the path) says so" not in ran.said
    assert "noticed its end" in back, back


def examined(redis: Redis) -> tuple[dict[str, str], dict[str, str]]:
    """What the doctor says, by what it says it of: what is well, and what is wrong, each with a remedy."""
    found = asyncio.run(Watched(target=redis).examine(given(3)))
    assert [one for one in found if bool(one.remedy) == one.ok] == []
    well, wrong = ({one.what: one.told for one in found if one.ok is ok} for ok in (True, False))
    return well, wrong


@pytest.mark.parametrize(
    ("setting", "value", "usual", "told"),
    [("replica-priority", 0, 100, "replica-priority 0"), ("replica-read-only", "no", "yes", "is writable")],
)
def test_the_master_is_not_taken_where_no_replica_could_be_chosen(
    sessions: Redis, setting: str, value: str | int, usual: str | int, told: str
) -> None:
    async def story() -> None:
        first = await master_of(sessions)
        others = [name for name in sessions.members if name != first]
        try:
            for name in others:
                await said(sessions, name, "CONFIG", "SET", setting, value)
            because = await refused(sessions)
            assert all(f"{name} {told} (do: CONFIG SET {setting} {usual} on {name}" in because for name in others)
            seen = await once(probe("redis.redundancy", redis=sessions), 3)
            assert told in seen.detail
        finally:
            for name in others:
                await said(sessions, name, "CONFIG", "SET", setting, usual)

    asyncio.run(story())


def test_one_replica_that_is_never_chosen_leaves_a_redis_whole_and_is_told(sessions: Redis) -> None:
    first = asyncio.run(master_of(sessions))
    one, other = (name for name in sessions.members if name != first)
    asyncio.run(said(sessions, one, "CONFIG", "SET", "replica-priority", 0))
    try:
        assert redundancy(sessions) == ""
        well, wrong = examined(sessions)
        assert wrong == {}
        assert well["sessions is whole"] == f"{first} leads; {other} could take over; never: {one} replica-priority 0"
    finally:
        asyncio.run(said(sessions, one, "CONFIG", "SET", "replica-priority", 100))


def test_a_writable_replica_takes_writes_beside_the_master(sessions: Redis) -> None:
    async def story() -> None:
        first = await master_of(sessions)
        other = next(name for name in sessions.members if name != first)
        await said(sessions, other, "CONFIG", "SET", "replica-read-only", "no")
        try:
            seen = await once(probe("redis.writers", redis=sessions))
        finally:
            await said(sessions, other, "CONFIG", "SET", "replica-read-only", "yes")
        assert (seen.outcome, seen.who) == (Outcome.WRONG, ",".join(sorted((first, other))))
        assert await said(sessions, other, "EXISTS", "faildrill:tried") == 0

    asyncio.run(story())


def test_a_replica_whose_link_swallows_everything_lags_though_it_says_that_it_is_connected(
    redis_lab: Facts, sessions: Redis
) -> None:
    first = asyncio.run(master_of(sessions))
    others = sorted(name for name in sessions.members if name != first)
    ask(redis_lab, {"op": "link", "name": first, "mode": "blackhole"})
    try:
        asyncio.run(said(sessions, first, "SET", "a", "1"))
        seen = redundancy(sessions)
    finally:
        ask(redis_lab, {"op": "link", "name": first, "mode": "open"})
    assert f"{others[0]} lags" in seen


def test_nodes_are_known_by_what_their_names_resolve_to_and_by_their_processes(sessions: Redis) -> None:
    def by(known_as: dict[str, str | None]) -> Redis:
        members = {name: one.model_copy(update={"known_as": known_as[name]}) for name, one in sessions.members.items()}
        return sessions.model_copy(update={"members": members})

    ports = {name: one.address.rpartition(":")[2] for name, one in sessions.members.items()}
    for spelled in ("localhost:{}", "[::ffff:127.0.0.1]:{}", "LocalHost.:{}"):
        named = by({name: spelled.format(port) for name, port in ports.items()})
        assert examined(named)[1] == {}
        assert redundancy(named) == ""
    nameless = by(dict.fromkeys(ports))
    assert redundancy(nameless) == ""
    found = asyncio.run(Watched(target=nameless).examine(given(3)))
    remedies = {one.what: one.remedy for one in found if not one.ok}
    assert remedies == {
        f"sessions/{name} is called by its address": (
            f'write `known_as: "127.0.0.1:{port}"` under {name} of sessions in the environment file'
        )
        for name, port in ports.items()
    }


def test_the_doctor_sees_that_nodes_and_sentinels_agree_and_keep_what_they_have(sessions: Redis) -> None:
    well, wrong = examined(sessions)
    assert wrong == {}
    assert well["sessions min-replicas"] == "min-replicas-to-write 1, max-lag 2"
    assert well["sessions persistence"] == "every node keeps its data over a restart"


def test_the_doctor_names_what_keeps_a_redis_from_being_drilled(redis_lab: Facts, sessions: Redis) -> None:
    first = asyncio.run(master_of(sessions))
    one, other = (name for name in sessions.members if name != first)

    async def set_on(node: str, name: str, value: str | int) -> None:
        assert await said(sessions, node, "CONFIG", "SET", name, value) == "OK"

    for name in ("s2", "s3"):
        ask(redis_lab, {"op": "signal", "node": name, "signal": "STOP"})
    asyncio.run(set_on(one, "min-replicas-to-write", 0))
    asyncio.run(set_on(other, "appendonly", "no"))
    try:
        eventually(lambda: "has no quorum (NOQUORUM)" in examined(sessions)[1].values())  # it takes them 3 s to see
        _, wrong = examined(sessions)
    finally:
        for name in ("s2", "s3"):
            ask(redis_lab, {"op": "signal", "node": name, "signal": "CONT"})
        asyncio.run(set_on(one, "min-replicas-to-write", 1))
        asyncio.run(set_on(other, "appendonly", "yes"))
    assert "is in TILT" in redundancy(sessions)  # for half a minute after they were held
    assert "is in TILT (do: see its clock and its load" in asyncio.run(refused(sessions))
    sentinels = [words for what, words in wrong.items() if "Sentinel" in what]
    assert sorted(sentinels) == ["has no quorum (NOQUORUM)", "timed out", "timed out"]
    assert f"{one} min-replicas-to-write 0" in wrong["sessions min-replicas"]
    assert f"{other} would start empty" in wrong["sessions persistence"]
    assert "Sentinel" in wrong["sessions is whole"]
    lonely = sessions.model_copy(update={"sentinels": sessions.sentinels[:1], "password": None})
    eventually(lambda: "knows of 3 Sentinels, 1 are declared" in examined(lonely)[1].values())
    _, wrong = examined(lonely)
    assert wrong[f"sessions/{first}"] == "wants a password"
    assert "sessions settings" in wrong


def encrypted(lab: Facts, redis: Redis, **how: Any) -> Redis:
    """Return the target as it is at the lab's ports for TLS."""
    ports = {path.parent.name: _port(path) for path in lab.environment.parent.glob("nodes/*/redis.conf")}
    members = {name: one.model_copy(update={"port": ports[name]}) for name, one in redis.members.items()}
    watches = [f"127.0.0.1:{ports[name]}" for name in ("s1", "s2", "s3")]
    return redis.model_copy(update={"members": members, "sentinels": watches, "tls": True, **how})


def _port(path: Path) -> int:
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith("tls-port"))


def test_a_redis_behind_tls_is_asked_with_its_certificate_checked(redis_lab: Facts, sessions: Redis) -> None:
    ca = str(redis_lab.environment.parent / "tls" / "ca.pem")
    secure = encrypted(redis_lab, sessions, ca=ca)
    assert examined(secure)[1] == {}
    assert asyncio.run(once(probe("redis.redundancy", redis=secure))).outcome is Outcome.OK
    first = next(iter(secure.members))
    elsewhere = {first: secure.members[first].model_copy(update={"host": "localhost"})}
    wrong_name = secure.model_copy(update={"members": {**secure.members, **elsewhere}})
    assert examined(wrong_name)[1][f"sessions/{first}"] == "certificate for another name"
    _, wrong = examined(secure.model_copy(update={"ca": None}))
    assert {wrong[f"sessions/{name}"] for name in secure.members} == {"certificate of an unknown authority"}
    assert [words for what, words in wrong.items() if "Sentinel" in what] == ["certificate of an unknown authority"] * 3
    _, wrong = examined(secure.model_copy(update={"ca": ca + ".gone"}))
    assert wrong[f"sessions/{first}"] == "certificate file unreadable"


def test_who_speaks_tls_and_who_does_not_is_named(redis_lab: Facts, sessions: Redis) -> None:
    ca = str(redis_lab.environment.parent / "tls" / "ca.pem")
    plain_to_tls = encrypted(redis_lab, sessions, tls=False)
    _, wrong = examined(plain_to_tls)
    assert {wrong[f"sessions/{name}"] for name in sessions.members} == {"wants TLS"}
    assert [words for what, words in wrong.items() if "Sentinel" in what] == ["wants TLS"] * 3
    objection = asyncio.run(guard("redis.identity", redis=plain_to_tls, holds=redis_lab.uid).objection(given(5)))
    assert "wants TLS" in (objection or "")
    _, wrong = examined(sessions.model_copy(update={"tls": True, "ca": ca}))
    assert {wrong[f"sessions/{name}"] for name in sessions.members} == {"speaks no TLS"}


@pytest.mark.parametrize(
    ("key", "holds", "because"), [("faildrill:identity", "another-place", "holds"), ("x", "y" * 8, "nothing")]
)
def test_a_redis_that_does_not_hold_what_was_declared_is_objected_to(
    key: str, holds: str, because: str, redis_lab: Facts, sessions: Redis
) -> None:
    declared = environment(redis_lab).identity[0]
    right = guard(declared.kind, redis=sessions, key="faildrill:identity", holds=redis_lab.uid)
    wrong = guard(declared.kind, redis=sessions, key=key, holds=holds)
    assert asyncio.run(right.objection(given())) is None
    objection = asyncio.run(wrong.objection(given())) or ""
    assert because in objection
    assert all(f"sessions/{name}" in objection for name in sessions.members)
