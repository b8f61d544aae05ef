"""`patroni.configure` and what `patroni.kill_primary` asks of a standby, against nodes that answer as told."""

import asyncio

import pytest

from faildrill.acting.late_effects import acts_late
from faildrill.adapters.patroni.configure import Configure, Settings
from faildrill.adapters.patroni.handover import Switchover
from faildrill.adapters.patroni.loss import KillPrimary
from faildrill.errors import ActionRefused, CannotSee, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Captured
from unit.adapters.patroni.two_nodes import TwoNodes, cluster, declared

GIVEN = CallContext("run", 1.0)


def test_settings_are_patched_once_and_put_back_as_they_were() -> None:
    async def story() -> None:
        nodes = TwoNodes()
        before = {"ttl": 20, "postgresql": {"parameters": {"jit": "on"}}}
        wanted = {"ttl": 30, "postgresql": {"parameters": {"jit": "off", "work_mem": "8MB"}}, "failsafe_mode": True}
        async with cluster(nodes) as place:
            action = Configure(cluster=place, set=wanted)
            captured = await action.capture(GIVEN)
            assert not (await action.confirm(captured, GIVEN)).holds
            await action.apply(captured, GIVEN)
            assert nodes.calls == [{"call": "/config", **wanted}]
            assert (await action.confirm(captured, GIVEN)).holds
            assert not (await action.restored(captured, GIVEN)).holds
            for _ in range(2):
                await action.undo(captured, GIVEN)
                assert nodes.config == before
                assert (await action.restored(captured, GIVEN)).holds

    asyncio.run(story())


def test_how_late_patroni_may_act_is_as_it_is_set() -> None:
    async def story() -> None:
        config = {"loop_wait": 60, "retry_timeout": 30}
        async with cluster(TwoNodes(config=config)) as place:
            configure, hand_over = Configure(cluster=place, set={"ttl": 99}), Switchover(cluster=place)
            assert acts_late(configure, await configure.capture(GIVEN)) == 30.0
            assert acts_late(hand_over, await hand_over.capture(GIVEN)) == 65.0
            assert acts_late(hand_over, {}) == 15.0  # of a run of an earlier version

    asyncio.run(story())


def test_what_is_configured_like_this_already_is_refused() -> None:
    async def story() -> None:
        async with cluster(TwoNodes()) as place:
            with pytest.raises(ActionRefused, match="already"):
                await Configure(cluster=place, set={"ttl": 20, "not_set": None}).capture(GIVEN)

    asyncio.run(story())


def test_a_node_that_has_not_read_the_newest_configuration_is_never_taken_for_all() -> None:
    async def story() -> None:
        former: Settings = {"ttl": 20}
        ours: Settings = {"ttl": 30}
        theirs: Settings = {"ttl": 40}
        captured: Captured = {"former": former}
        nodes = TwoNodes(config=dict(former))
        async with cluster(nodes) as place:
            action = Configure(cluster=place, set=ours)
            for late in place.members:
                nodes.config, nodes.behind = dict(theirs), {late: former}
                with pytest.raises(CannotSee, match="pg1 and pg2 tell different configurations"):
                    await action.capture(GIVEN)  # one of the two would be put back, and was not set any more
                nodes.config, nodes.behind = dict(ours), {late: former}
                assert not (await action.confirm(captured, GIVEN)).holds
                assert not (await action.lasts(captured, GIVEN)).holds
                assert (await action.found(captured, GIVEN)).whose == "ours"
                nodes.config, nodes.behind = dict(theirs), {late: ours}
                assert (await action.found(captured, GIVEN)).whose == "others"
                nodes.config, nodes.behind = dict(former), {late: ours}
                assert not (await action.restored(captured, GIVEN)).holds
            nodes.behind = {}
            assert (await action.restored(captured, GIVEN)).holds
            assert (await action.found(captured, GIVEN)).whose == "before"

    asyncio.run(story())


def test_a_configuration_of_another_cluster_by_now_is_not_put_back() -> None:
    async def story() -> None:
        nodes = TwoNodes()
        async with cluster(nodes) as place:
            action = Configure(cluster=place, set={"ttl": 30})
            before = await action.capture(GIVEN)
            await action.apply(before, GIVEN)
            assert (await action.found(before, GIVEN)).whose == "ours"
            nodes.system = "7002"
            found = await action.found(before, GIVEN)
        assert found.whose == "others"
        assert found.now.startswith("pg1 is another one: 7002, it was 7001; pg2 is another one")

    asyncio.run(story())


def test_rules_that_two_nodes_tell_differently_are_none() -> None:
    async def story() -> None:
        nodes = TwoNodes(config={"maximum_lag_on_failover": 1 << 20}, behind={"pg2": {}})
        async with cluster(nodes) as place:
            with pytest.raises(ActionRefused, match="pg1 and pg2 tell different configurations"):
                await KillPrimary(cluster=place).capture(GIVEN)

    asyncio.run(story())


def test_synchronous_mode_takes_effect_when_a_standby_is_synchronous_and_not_before() -> None:
    async def story() -> None:
        async with cluster(TwoNodes(synchronous_after=2)) as place:
            action = Configure(cluster=place, set={"synchronous_mode": True})
            captured = await action.capture(GIVEN)
            await action.apply(captured, GIVEN)
            seen = [await action.confirm(captured, GIVEN) for _ in range(3)]
            assert [one.holds for one in seen] == [False, False, True]
            assert "no standby is synchronous" in seen[0].because
            await action.undo(captured, GIVEN)
            assert (await action.restored(captured, GIVEN)).holds

    asyncio.run(story())


@pytest.mark.parametrize(("changing", "error"), [("412", ActionRefused), ("503", OutcomeUnknown)])
def test_a_patch_is_never_repeated_whatever_the_answer(changing: str, error: type[Exception]) -> None:
    async def story() -> None:
        nodes = TwoNodes(changing=changing)
        async with cluster(nodes) as place:
            action = Configure(cluster=place, set={"ttl": 30})
            with pytest.raises(error):
                await action.apply(await action.capture(GIVEN), GIVEN)
        assert len(nodes.calls) == 1

    asyncio.run(story())


def test_a_cluster_that_tells_its_configuration_nowhere_can_not_be_seen() -> None:
    async def story() -> None:
        dead = "http://127.0.0.1:1"
        with pytest.raises(CannotSee, match="pg1 refused, pg2 refused"):
            await Configure(cluster=declared(dead, dead), set={"ttl": 30}).capture(GIVEN)

    asyncio.run(story())


def test_a_standby_that_only_runs_is_enough_where_the_drill_says_so_and_a_silent_one_is_not() -> None:
    async def story() -> None:
        async with cluster(TwoNodes(standby={"replication_state": None})) as cut:
            assert (await KillPrimary(cluster=cut, standby="running").preview(GIVEN)).touches == ["payments/pg1"]
            with pytest.raises(ActionRefused, match="last healthy node"):
                await KillPrimary(cluster=cut).preview(GIVEN)
            alone = declared(cut.members["pg1"].api, "http://127.0.0.1:1")
            with pytest.raises(ActionRefused, match="last healthy node"):
                await KillPrimary(cluster=alone, standby="running").preview(GIVEN)

    asyncio.run(story())
