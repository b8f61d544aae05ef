"""`postgres.writers` on the lab, whole and with its brain split behind Patroni's back."""

import asyncio
import contextlib

import asyncpg
import pytest

from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from lab.conftest import ask, put_back
from lab.kinds_here import action, done, environment, look, once, opened, probe

pytestmark = pytest.mark.lab


@pytest.fixture
def place(steady_lab: Facts) -> Environment:
    return environment(steady_lab)


async def promote(lab: Facts, port: int) -> None:
    """Promote a node without asking Patroni, which may end the node, and this connection, as soon as it notices."""
    password = (lab.folder / "passwords" / "postgres").read_text().strip()
    connection = await asyncpg.connect(
        host="127.0.0.1", port=port, user="postgres", database="postgres", password=password
    )
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        await connection.fetchval("SELECT pg_promote(wait => true)")
    connection.terminate()


ENOUGH = 200
"""Looks for which the promoted node is watched at least, and longer while it is being promoted."""


def test_a_whole_cluster_accepts_writes_on_one_node_and_keeps_no_row(place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        seen = await once(probe("postgres.writers", cluster=cluster))
        patroni = await once(probe("patroni.writer", cluster=cluster))
        assert (seen.outcome, seen.who) == (Outcome.OK, patroni.who)
        member = cluster.members[seen.who]
        assert cluster.password is not None
        connection = await asyncpg.connect(
            host=member.host,
            port=member.port,
            user=cluster.user,
            database=cluster.database,
            password=cluster.password.resolve().reveal(),
        )
        kept = await connection.fetchval("SELECT count(*) FROM faildrill_probe WHERE probe = 'postgres.writers'")
        await connection.close()
        assert kept == 0

    asyncio.run(story())


def test_both_probes_of_the_timeline_tell_the_same_number_and_every_promotion_makes_it_grow(
    steady_lab: Facts, place: Environment
) -> None:
    async def told() -> int:
        cluster = place.of(Cluster)["payments"]
        seen = [await once(probe(f"{kind}.timeline", cluster=cluster)) for kind in ("patroni", "postgres")]
        assert [one.outcome for one in seen] == [Outcome.OK, Outcome.OK]
        assert seen[0].who == seen[1].who
        return int(seen[0].who)

    async def story() -> tuple[int, int]:
        before = await told()
        cluster = place.of(Cluster)["payments"]
        switchover = action("patroni.switchover", cluster=cluster)
        await done(switchover)
        await asyncio.to_thread(put_back, steady_lab)
        return before, await told()

    before, after = asyncio.run(story())
    assert after == before + 1


def test_a_cluster_without_a_writer_tells_no_timeline(steady_lab: Facts, place: Environment) -> None:
    async def story() -> list[Seen]:
        cluster = place.of(Cluster)["payments"]
        who = (await once(probe("patroni.writer", cluster=cluster))).who
        ask(steady_lab, {"op": "signal", "node": who, "signal": "KILL"})
        return [await once(probe(f"{kind}.timeline", cluster=cluster)) for kind in ("patroni", "postgres")]

    for seen in asyncio.run(story()):
        assert (seen.outcome, seen.who) == (Outcome.WRONG, "")
        assert seen.detail.startswith("no writer")


def test_a_node_promoted_behind_patronis_back_is_a_second_writer_on_another_timeline(
    steady_lab: Facts, place: Environment
) -> None:
    lines: list[int] = []

    async def story() -> list[Seen]:
        cluster = place.of(Cluster)["payments"]
        seen: list[Seen] = []
        async with (
            opened(probe("postgres.writers", cluster=cluster)) as watched,
            opened(probe("postgres.timeline", cluster=cluster)) as timeline,
        ):
            first = await look(watched)
            assert first is not None
            standby = next(member for name, member in cluster.members.items() if name != first.who)
            promoting = asyncio.create_task(promote(steady_lab, standby.port))
            async with asyncio.timeout(60):
                while not promoting.done() or len(seen) < ENOUGH:
                    one, line = await look(watched), await look(timeline)
                    seen += [one] if one else []
                    lines.extend([int(line.who)] if line and line.who else [])
                    await asyncio.sleep(0.01)
            await promoting
        return seen

    split = [one for one in asyncio.run(story()) if one.who == "pg1,pg2"]
    assert split
    assert all(one.outcome == Outcome.WRONG for one in split)
    assert split[0].detail.startswith("2 writers: pg1 on timeline ")
    timelines = {part.rpartition(" ")[2] for part in split[0].detail.split(",")}
    assert len(timelines) == 2
    assert max(lines) == max(int(one) for one in timelines)


def test_a_cluster_without_its_primary_has_no_writer_and_says_why(steady_lab: Facts, place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        who = (await once(probe("patroni.writer", cluster=cluster))).who
        standby = next(name for name in cluster.members if name != who)
        ask(steady_lab, {"op": "signal", "node": who, "signal": "KILL"})
        seen = await once(probe("postgres.writers", cluster=cluster))
        assert (seen.outcome, seen.who) == (Outcome.WRONG, "")
        assert f"{who} refused" in seen.detail
        assert f"{standby} in recovery" in seen.detail

    asyncio.run(story())
