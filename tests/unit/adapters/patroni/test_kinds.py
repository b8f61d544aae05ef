"""Patroni's kinds against servers that answer what the real one can answer, at the worst moment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import ValidationError

from faildrill.acting.step import do
from faildrill.acting.undo import open_intents, undo_all
from faildrill.adapters.patroni.handover import Failover, Switchover
from faildrill.adapters.patroni.loss import KillPrimary
from faildrill.adapters.patroni.probes import Redundancy, Timeline, Writer
from faildrill.adapters.postgres.target import Cluster
from faildrill.clock import SystemClock
from faildrill.errors import ActionFailed, ActionRefused, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Step
from faildrill.ports import Seen
from faildrill.ports.target import KindUse
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.adapters import sockets
from unit.adapters.patroni.two_nodes import TwoNodes, cluster, declared
from unit.adapters.web_server import serving

GIVEN = CallContext("run", 1.0, 0.1, 1)


async def look(probe: Writer | Redundancy | Timeline) -> Seen:
    await probe.open(GIVEN)
    try:
        async with asyncio.timeout(GIVEN.timeout):
            return await probe.look(GIVEN)
    finally:
        await probe.close()


@asynccontextmanager
async def beside(first: str) -> AsyncIterator[Cluster]:
    """A cluster of a healthy standby and of whatever answers at `first`."""
    async with cluster(TwoNodes(leader=None)) as healthy:
        yield declared(first, healthy.members["pg2"].api)


def test_two_nodes_that_say_they_are_primary_are_two_writers() -> None:
    async def story() -> None:
        async with cluster(TwoNodes(also="pg2")) as both:
            for seen in (await look(Writer(cluster=both)), await look(Redundancy(cluster=both))):
                assert (seen.outcome, seen.who) == (Outcome.WRONG, "pg1,pg2")
                assert seen.detail.startswith("2 writers")

    asyncio.run(story())


def test_the_timeline_is_that_of_the_primary_and_without_one_there_is_none() -> None:
    async def story() -> None:
        async with cluster(TwoNodes(standby={"timeline": 9})) as healthy:
            seen = await look(Timeline(cluster=healthy))
        assert (seen.outcome, seen.who) == (Outcome.OK, "3")
        async with cluster(TwoNodes(leader=None)) as headless:
            seen = await look(Timeline(cluster=headless))
        assert (seen.outcome, seen.who) == (Outcome.WRONG, "")
        assert seen.detail.startswith("no writer")

    asyncio.run(story())


def test_no_node_that_says_it_is_primary_is_no_writer() -> None:
    async def story() -> None:
        async with cluster(TwoNodes(leader=None)) as headless:
            seen = await look(Writer(cluster=headless))
        assert (seen.outcome, seen.who) == (Outcome.WRONG, "")
        assert seen.detail.startswith("no writer")

    asyncio.run(story())


def test_a_lead_that_nobody_holds_is_told_as_soon_as_a_node_knows() -> None:
    async def story() -> Seen:
        async with cluster(TwoNodes(leader=None, standby={"cluster_unlocked": True})) as noticed:
            return await look(Writer(cluster=noticed))

    assert asyncio.run(story()).detail.startswith("no writer; unlocked; pg1 ")


@pytest.mark.parametrize(
    ("standby", "detail"),
    [
        ({"state": "starting"}, "pg2 starting"),
        ({"replication_state": "in archive recovery"}, "pg2 not streaming"),
        ({"timeline": 2}, "pg2 on another timeline"),
        ({"xlog": {"replayed_location": 1_000_000}}, "pg2 lags"),
        ({"xlog": {}}, "pg2 lags"),
    ],
)
def test_a_standby_that_could_not_take_over_is_no_redundancy(standby: dict[str, object], detail: str) -> None:
    async def story() -> None:
        async with cluster(TwoNodes(standby=standby)) as weak:
            seen = await look(Redundancy(cluster=weak))
            assert (seen.outcome, seen.who, seen.detail) == (Outcome.WRONG, "pg1", detail)
            with pytest.raises(ActionRefused, match=detail):
                await Switchover(cluster=weak).capture(GIVEN)
            with pytest.raises(ActionRefused, match=detail):
                await KillPrimary(cluster=weak).capture(GIVEN)

    asyncio.run(story())


def test_a_paused_cluster_is_not_redundant_and_its_primary_is_not_killed() -> None:
    async def story() -> None:
        async with cluster(TwoNodes(paused=True)) as paused:
            assert (await look(Redundancy(cluster=paused))).detail == "paused"
            with pytest.raises(ActionRefused, match="patronictl resume"):
                await KillPrimary(cluster=paused).capture(GIVEN)

    asyncio.run(story())


def test_an_interface_of_another_cluster_is_not_taken_for_this_one() -> None:
    async def story() -> None:
        async with cluster(TwoNodes(scope="production")) as other:
            seen = await look(Writer(cluster=other))
            assert seen.detail == "no writer; pg1 is of another cluster; pg2 is of another cluster"
            for action in (KillPrimary(cluster=other), Switchover(cluster=other)):
                with pytest.raises(ActionRefused, match="is of another cluster"):
                    await action.capture(GIVEN)

    asyncio.run(story())


def test_garbage_redirects_and_an_endless_body_are_told_as_such_with_a_bound_on_memory() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 1 << 26:
            await response.write(b" " * 65536)
            sent += 65536
        return response

    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>hello</html>")

    async def away(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": str(request.url)})

    async def story() -> None:
        for answer in (endless, page, away):
            async with serving(answer) as url, beside(url) as odd:
                seen = await look(Writer(cluster=odd))
                assert seen.detail == "no writer; pg1 garbage; pg2 streaming"
        assert sent < 1 << 24

    asyncio.run(story())


def test_a_node_that_accepts_and_never_answers_times_out_before_the_look_does() -> None:
    async def story() -> None:
        async with sockets.serving(sockets.silent) as port, beside(f"http://127.0.0.1:{port}") as odd:
            assert (await look(Writer(cluster=odd))).detail == "no writer; pg1 timed out; pg2 streaming"

    asyncio.run(story())


@pytest.mark.parametrize("how", ["503", "drop", "stall"])
def test_a_switchover_that_happens_behind_a_bad_answer_is_unknown_then_seen_and_never_sent_twice(how: str) -> None:
    async def story() -> None:
        nodes = TwoNodes(changing=how)
        async with cluster(nodes) as both:
            action = Switchover(cluster=both)
            before = await action.capture(GIVEN)
            with pytest.raises(OutcomeUnknown):
                await action.apply(before, GIVEN)
            assert (await action.confirm(before, GIVEN)).because == "pg2 leads, pg1 did"
            assert nodes.calls == [{"call": "/switchover", "leader": "pg1"}]
            await action.undo(before, GIVEN)
            assert (await action.restored(before, GIVEN)).because == "pg1 leads again"
            await action.undo(before, GIVEN)
            assert nodes.calls[1:] == [{"call": "/switchover", "leader": "pg2", "candidate": "pg1"}]

    asyncio.run(story())


def test_a_switchover_that_was_done_three_times_is_not_the_one_that_was_asked_for() -> None:
    async def story() -> None:
        nodes = TwoNodes(times=3)
        async with cluster(nodes) as both:
            action = Switchover(cluster=both)
            before = await action.capture(GIVEN)
            await action.apply(before, GIVEN)
            seen = await action.confirm(before, GIVEN)
            assert not seen.holds
            assert seen.because == "pg2 leads, pg1 did; it is on timeline 6, and was on 3: it was handed over 3 times"

    asyncio.run(story())


@pytest.mark.parametrize("times", [1, 3])
def test_how_often_a_switchover_was_put_back_is_counted(times: int, tmp_path: Path) -> None:
    async def story() -> None:
        nodes = TwoNodes()
        async with cluster(nodes) as both:
            use = KindUse(kind="patroni.switchover", params={"cluster": both.model_dump(mode="json")})
            step = Step(id="it", name="it", use=use, within=3.0, undo_within=3.0)
            timeline = tl.Timeline.create(tmp_path, SystemClock())
            assert (await do(step, timeline, "run")).outcome == "done"
            nodes.times = times
            assert await undo_all(open_intents(timeline.written), timeline, "run", "runner", timeline.written) == []
        [verified] = [one.what for one in timeline.written if isinstance(one.what, tl.UndoVerified)]
        timeline.close()
        assert verified.times == times

    asyncio.run(story())


def test_a_switchover_that_patroni_refuses_is_refused_and_not_seen() -> None:
    async def story() -> None:
        nodes = TwoNodes(changing="412")
        async with cluster(nodes) as both:
            action = Switchover(cluster=both)
            before = await action.capture(GIVEN)
            with pytest.raises(ActionRefused, match="412 leader name does not match"):
                await action.apply(before, GIVEN)
            assert not (await action.confirm(before, GIVEN)).holds
            assert len(nodes.calls) == 1

    asyncio.run(story())


def test_a_redirected_switchover_is_not_followed() -> None:
    async def story() -> None:
        nodes = TwoNodes(changing="redirect")
        async with cluster(nodes) as both:
            action = Switchover(cluster=both)
            with pytest.raises(OutcomeUnknown, match="307"):
                await action.apply(await action.capture(GIVEN), GIVEN)
            assert len(nodes.calls) == 1

    asyncio.run(story())


def test_a_switchover_that_can_not_be_sent_is_refused() -> None:
    async def story() -> None:
        async with cluster(TwoNodes()) as both:
            before = await Switchover(cluster=both).capture(GIVEN)
        with pytest.raises(ActionRefused, match="not sent, refused"):
            await Switchover(cluster=both).apply(before, GIVEN)

    asyncio.run(story())


def test_an_undo_waits_until_the_first_leader_is_fit_and_fails_with_nothing_sent_when_it_never_is() -> None:
    async def story() -> None:
        nodes = TwoNodes()
        async with cluster(nodes) as both:
            before = await Switchover(cluster=both).capture(GIVEN)
            nodes.leader, nodes.standby = "pg2", {"state": "starting"}
            with pytest.raises(ActionFailed, match="payments/pg1 does not get fit to lead again"):
                await Switchover(cluster=both).undo(before, GIVEN)
            assert nodes.calls == []
            waiting = asyncio.create_task(Switchover(cluster=both).undo(before, CallContext("run", 8.0)))
            await asyncio.sleep(0.5)
            nodes.standby = {}
            await waiting
            assert [call["candidate"] for call in nodes.calls] == ["pg1"]

    asyncio.run(story())


def test_a_switchover_without_a_target_names_none_and_a_failover_names_its_own() -> None:
    async def story() -> None:
        nodes = TwoNodes()
        async with cluster(nodes) as both:
            for action in (
                Failover(cluster=both, to="pg2", unwarranted="deliberate"),
                Switchover(cluster=both, to="pg1"),
                Switchover(cluster=both),
            ):
                await action.apply(await action.capture(GIVEN), GIVEN)
        assert nodes.calls == [
            {"call": "/failover", "candidate": "pg2"},
            {"call": "/switchover", "leader": "pg2", "candidate": "pg1"},
            {"call": "/switchover", "leader": "pg1"},
        ]

    asyncio.run(story())


def test_a_target_that_is_no_member_is_refused_with_those_that_are() -> None:
    both = declared("http://127.0.0.1:1", "http://127.0.0.1:2")
    with pytest.raises(ValidationError, match="'pg3' is not a member of payments; there is pg1, pg2"):
        Switchover(cluster=both, to="pg3")
