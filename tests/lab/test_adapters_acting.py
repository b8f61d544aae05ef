"""Actions on the lab: done, seen, and put back."""

import asyncio

import pytest

from faildrill.adapters.member.target import Group
from faildrill.adapters.postgres.target import Cluster
from faildrill.errors import ActionRefused
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from faildrill.record.samples import Outcome
from lab.conftest import ask
from lab.kinds_here import action, done, environment, given, holds, once, probe, put_back, saw

pytestmark = pytest.mark.lab


@pytest.fixture
def place(steady_lab: Facts) -> Environment:
    return environment(steady_lab)


async def leader(place: Environment) -> str:
    return (await once(probe("patroni.writer", cluster=place.of(Cluster)["payments"]))).who


def states(lab: Facts) -> dict[str, str]:
    return {node: seen["state"] for node, seen in ask(lab, {"op": "status"})["nodes"].items()}


def test_a_killed_primary_is_absent_another_leads_and_put_back_it_streams(
    steady_lab: Facts, place: Environment
) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        old = await leader(place)
        step = action("patroni.kill_primary", cluster=cluster)
        before = await done(step)
        assert before["primary"] == old
        assert states(steady_lab)[old] == "absent"
        writer = probe("patroni.writer", cluster=cluster)
        taken = await saw(writer, lambda seen: seen.outcome == Outcome.OK)
        assert taken.who != old
        refusal = r"the last healthy node, it is not taken: .* refused"
        with pytest.raises(ActionRefused, match=refusal):
            await step.capture(given())
        seen = await put_back(step, before)
        assert seen.because == f"{old} streams from {taken.who}"
        assert (await once(probe("patroni.redundancy", cluster=cluster))).outcome == Outcome.OK
        await step.undo(before, given())
        assert (await holds(lambda: step.restored(before, given()), 1)).holds

    asyncio.run(story())


def test_a_switchover_changes_the_leader_and_is_switched_back(place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        old = await leader(place)
        step = action("patroni.switchover", cluster=cluster)
        preview = await step.preview(given())
        assert preview.touches[0] == f"payments/{old}"
        before = await done(step)
        assert before["leader"] == old
        assert await leader(place) == preview.touches[1].removeprefix("payments/")
        seen = await put_back(step, before)
        assert seen.because == f"{old} leads again"
        assert await leader(place) == old
        await step.undo(before, given())
        assert await leader(place) == old

    asyncio.run(story())


def test_a_failover_to_the_one_that_leads_is_refused_with_nothing_touched(place: Environment) -> None:
    async def story() -> None:
        who = await leader(place)
        step = action("patroni.failover", cluster=place.of(Cluster)["payments"], to=who, unwarranted="deliberate")
        with pytest.raises(ActionRefused, match=f"payments/{who} leads already"):
            await step.capture(given())

    asyncio.run(story())


def test_a_failover_by_hand_makes_the_named_member_lead(place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        old = await leader(place)
        to = next(name for name in cluster.members if name != old)
        step = action("patroni.failover", cluster=cluster, to=to, unwarranted="deliberate")
        before = await done(step)
        assert await leader(place) == to
        await put_back(step, before)
        assert await leader(place) == old

    asyncio.run(story())


def test_a_cluster_without_a_standby_is_neither_switched_nor_killed(steady_lab: Facts, place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        who = await leader(place)
        standby = next(name for name in cluster.members if name != who)
        ask(steady_lab, {"op": "signal", "node": standby, "signal": "KILL"})
        for name in ("patroni.kill_primary", "patroni.switchover"):
            with pytest.raises(ActionRefused, match=f"{standby} refused"):
                await action(name, cluster=cluster).capture(given())
        assert states(steady_lab)[who] == "running"

    asyncio.run(story())


@pytest.mark.parametrize(("name", "becomes"), [("member.kill", "absent"), ("member.stop", "stopped")])
def test_a_member_is_taken_out_seen_out_and_put_back(
    steady_lab: Facts, place: Environment, name: str, becomes: str
) -> None:
    async def story() -> None:
        step = action(name, group=place.of(Group)["payment-servers"], member="pay1")
        before = await done(step)
        assert states(steady_lab)["pay1"] == becomes
        seen = await put_back(step, before)
        assert "accepts connections" in seen.because
        assert states(steady_lab)["pay1"] == "running"
        await step.undo(before, given())
        assert states(steady_lab)["pay1"] == "running"

    asyncio.run(story())


def test_a_member_that_was_hung_and_then_died_is_started_by_the_undo(steady_lab: Facts, place: Environment) -> None:
    async def story() -> None:
        step = action("member.stop", group=place.of(Group)["payment-servers"], member="pay2")
        before = await done(step)
        ask(steady_lab, {"op": "signal", "node": "pay2", "signal": "KILL"})
        await put_back(step, before)
        assert states(steady_lab)["pay2"] == "running"

    asyncio.run(story())


def test_the_last_running_member_of_a_group_is_never_touched(steady_lab: Facts, place: Environment) -> None:
    async def story() -> None:
        group = place.of(Group)["payment-servers"]
        for node, signal in (("pay1", "KILL"), ("pay2", "STOP")):
            ask(steady_lab, {"op": "signal", "node": node, "signal": signal})
        for name in ("member.kill", "member.stop"):
            step = action(name, group=group, member="pay3")
            with pytest.raises(ActionRefused, match="pay3 is the last running member of payment-servers"):
                await step.capture(given())
        assert states(steady_lab)["pay3"] == "running"

    asyncio.run(story())
