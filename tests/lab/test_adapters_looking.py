"""Probes and guards on the lab as it stands, whole and with one part missing."""

import asyncio
import csv

import asyncpg
import pytest
from pydantic import JsonValue

from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from faildrill.record.samples import Outcome
from lab.conftest import ask
from lab.kinds_here import environment, given, guard, look, once, opened, probe, saw

pytestmark = pytest.mark.lab


@pytest.fixture
def place(steady_lab: Facts) -> Environment:
    return environment(steady_lab)


async def rows(database: Database, query: str) -> list[asyncpg.Record]:
    assert database.password is not None
    connection = await asyncpg.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        database=database.database,
        password=database.password.resolve().reveal(),
    )
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def sessions(place: Environment) -> int:
    """Count the connections that HAProxy's database frontend has accepted so far."""
    reader, writer = await asyncio.open_unix_connection(place.of(LoadBalancer)["payments"].haproxy_socket)
    writer.write(b"show stat -1 1 -1\n")
    table = (await reader.read()).decode()
    writer.close()
    [row] = [row for row in csv.DictReader(table.removeprefix("# ").splitlines()) if row["pxname"] == "database"]
    return int(row["stot"])


async def leader(place: Environment) -> str:
    return (await once(probe("patroni.writer", cluster=place.of(Cluster)["payments"]))).who


async def a_standby(place: Environment) -> str:
    who = await leader(place)
    return next(name for name in place.of(Cluster)["payments"].members if name != who)


@pytest.mark.parametrize("connection", ["kept", "fresh"])
def test_a_write_is_acknowledged_by_the_node_that_leads_and_is_in_the_table(
    place: Environment, connection: str
) -> None:
    async def story() -> None:
        database = place.of(Database)["payments"]
        watched = probe(
            "postgres.write",
            database=database,
            cluster=place.of(Cluster)["payments"],
            connection=connection,
        )
        before = (await rows(database, "SELECT count(*) FROM faildrill_probe WHERE run = 'run-of-a-test'"))[0][0]
        async with opened(watched):
            seen = [await look(watched) for _ in range(3)]
        after = (await rows(database, "SELECT count(*) FROM faildrill_probe WHERE run = 'run-of-a-test'"))[0][0]
        who = await leader(place)
        assert [(one.outcome, one.who) for one in seen if one] == [(Outcome.OK, who)] * 3
        assert after - before == 3

    asyncio.run(story())


@pytest.mark.parametrize("connection", ["kept", "fresh"])
@pytest.mark.parametrize(
    ("params", "outcome", "detail"),
    [
        ({}, Outcome.OK, ""),
        ({"query": "SELECT pg_is_in_recovery() -- of the node;", "expect": "true"}, Outcome.OK, ""),
        ({"query": "WITH two AS (SELECT 7, 8) SELECT * FROM two;", "expect": "7"}, Outcome.OK, ""),
        ({"query": "SELECT 1", "expect": "2"}, Outcome.WRONG, "not the expected answer"),
        ({"query": "SELECT NULL", "expect": ""}, Outcome.WRONG, "not the expected answer"),
        ({"query": "SELECT 1 WHERE false"}, Outcome.WRONG, "no row"),
        ({"query": "SELECT 1 / 0"}, Outcome.WRONG, "SQLSTATE 22012 DivisionByZeroError"),
        ({"query": "DELETE FROM faildrill_probe RETURNING 1"}, Outcome.WRONG, "SQLSTATE 42601 PostgresSyntaxError"),
        (
            {"query": "WITH gone AS (DELETE FROM faildrill_probe RETURNING 1) SELECT 1"},
            Outcome.WRONG,
            "SQLSTATE 0A000 FeatureNotSupportedError",
        ),
    ],
)
def test_a_question_is_answered_by_the_node_that_is_read_and_changes_nothing(
    place: Environment, connection: str, params: dict[str, JsonValue], outcome: Outcome, detail: str
) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        standby = await a_standby(place)
        member = cluster.members[standby]
        database = place.of(Database)["payments"].model_copy(update={"host": member.host, "port": member.port})
        watched = probe("postgres.read", database=database, cluster=cluster, connection=connection, **params)
        async with opened(watched):
            seen = [await look(watched) for _ in range(3)]
        who = standby if outcome is Outcome.OK or not detail.startswith("SQLSTATE") else ""
        assert [(one.outcome, one.who, one.detail) for one in seen if one] == [(outcome, who, detail)] * 3

    asyncio.run(story())


def test_a_read_keeps_its_connection_or_makes_one_a_look(place: Environment) -> None:
    async def story() -> None:
        counts = []
        for connection in ("kept", "fresh"):
            watched = probe("postgres.read", database=place.of(Database)["payments"], connection=connection)
            before = await sessions(place)
            async with opened(watched):
                for _ in range(20):
                    await look(watched)
            counts.append(await sessions(place) - before)
        assert counts[0] < 10  # the lab's own servers open sessions, too
        assert counts[1] >= 20

    asyncio.run(story())


def test_a_write_sent_to_the_standby_is_wrong_and_says_read_only(place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        standby = await a_standby(place)
        member = cluster.members[standby]
        database = place.of(Database)["payments"].model_copy(update={"host": member.host, "port": member.port})
        seen = await once(probe("postgres.write", database=database))
        assert (seen.outcome, seen.detail) == (Outcome.WRONG, "read-only")

    asyncio.run(story())


def test_a_missing_table_that_the_login_may_not_create_is_told_with_what_to_run(place: Environment) -> None:
    async def story() -> None:
        database = place.of(Database)["payments"].model_copy(update={"database": "postgres"})
        cluster = place.of(Cluster)["payments"]
        member = cluster.members[await leader(place)]
        database = database.model_copy(update={"host": member.host, "port": member.port})
        seen = await once(probe("postgres.write", database=database))
        assert seen.outcome == Outcome.WRONG
        assert "its owner must run: CREATE TABLE faildrill_probe" in seen.detail
        assert "GRANT INSERT, SELECT, DELETE ON faildrill_probe TO faildrill" in seen.detail

    asyncio.run(story())


def test_rows_of_earlier_runs_are_removed_and_this_runs_stay(place: Environment) -> None:
    async def story() -> None:
        database = place.of(Database)["payments"]
        watched = probe("postgres.write", database=database)
        await rows(
            database,
            "INSERT INTO faildrill_probe (probe, run) SELECT 'postgres.write', 'an older one' "
            "FROM generate_series(1, 12000)",
        )
        await once(watched)
        left = await rows(database, "SELECT run, count(*) FROM faildrill_probe GROUP BY run")
        assert [row["run"] for row in left] == ["run-of-a-test"]

    asyncio.run(story())


def test_looks_under_way_at_once_each_have_a_connection_of_their_own(place: Environment) -> None:
    async def story() -> None:
        watched = probe("postgres.write", database=place.of(Database)["payments"])
        async with opened(watched):
            seen = await asyncio.gather(*(look(watched) for _ in range(8)))
        assert [one.outcome for one in seen if one] == [Outcome.OK] * 8

    asyncio.run(story())


@pytest.mark.usefixtures("steady_lab")
def test_a_whole_cluster_has_one_writer_and_is_redundant(place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        writer = await once(probe("patroni.writer", cluster=cluster))
        redundancy = await once(probe("patroni.redundancy", cluster=cluster))
        assert writer.outcome == redundancy.outcome == Outcome.OK
        assert writer.who == redundancy.who
        assert writer.who in cluster.members

    asyncio.run(story())


def test_a_lost_standby_leaves_a_writer_but_no_redundancy_at_once(steady_lab: Facts, place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        who = await leader(place)
        standby = next(name for name in cluster.members if name != who)
        ask(steady_lab, {"op": "signal", "node": standby, "signal": "KILL"})
        writer = await once(probe("patroni.writer", cluster=cluster))
        redundancy = await once(probe("patroni.redundancy", cluster=cluster))
        assert (writer.outcome, writer.who) == (Outcome.OK, who)
        assert (redundancy.outcome, redundancy.detail) == (Outcome.WRONG, f"{standby} refused")

    asyncio.run(story())


def test_a_hung_standby_does_not_make_the_writer_look_late(steady_lab: Facts, place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        who = await leader(place)
        standby = next(name for name in cluster.members if name != who)
        ask(steady_lab, {"op": "signal", "node": standby, "signal": "STOP"})
        loop = asyncio.get_running_loop()
        began = loop.time()
        writer = await once(probe("patroni.writer", cluster=cluster), seconds=1.0)
        took = loop.time() - began
        assert (writer.outcome, writer.who) == (Outcome.OK, who)
        assert writer.answered is not None
        assert took >= 0.8
        assert writer.answered / 1e9 - began < 0.8

    asyncio.run(story())


def test_haproxy_is_good_when_every_declared_server_is_up_and_names_the_one_that_is_not(
    steady_lab: Facts, place: Environment
) -> None:
    async def story() -> None:
        balancer = place.of(LoadBalancer)["payments"]
        watched = probe("haproxy.backends", load_balancer=balancer, backend="payments")
        whole = await once(watched)
        ask(steady_lab, {"op": "signal", "node": "pay2", "signal": "KILL"})
        one_down = await saw(watched, lambda seen: seen.outcome != Outcome.OK, 10)
        assert (whole.outcome, whole.who) == (Outcome.OK, "pay1,pay2,pay3")
        assert (one_down.outcome, one_down.who, one_down.detail) == (Outcome.WRONG, "pay1,pay3", "pay2 DOWN")

    asyncio.run(story())


def test_haproxy_has_one_database_node_up_by_design(place: Environment) -> None:
    async def story() -> None:
        balancer = place.of(LoadBalancer)["payments"]
        one = await once(probe("haproxy.backends", load_balancer=balancer, backend="database", up=1))
        both = await once(probe("haproxy.backends", load_balancer=balancer, backend="database", up=2))
        assert (one.outcome, one.who) == (Outcome.OK, await leader(place))
        assert (both.outcome, both.detail) == (Outcome.WRONG, "1 UP, not 2")

    asyncio.run(story())


def test_the_labs_own_identity_raises_no_objection(place: Environment) -> None:
    async def story() -> None:
        of_database = [use for use in place.identity if use.kind.startswith("postgres.")]
        assert len(of_database) == 2
        for use in of_database:
            asked = guard(use.kind, **{**use.params, "database": place.of(Database)["payments"]})
            assert await asked.objection(given()) is None

    asyncio.run(story())


def test_another_identity_is_refused_and_every_member_that_differs_is_named(place: Environment) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        other = guard("postgres.identity", cluster=cluster, system_identifier="7000000000000000000")
        marker = guard("postgres.marker", cluster=cluster, uid="0000000000000000")
        for asked in (other, marker):
            said = await asked.objection(given())
            assert said is not None
            assert "payments/pg1" in said
            assert "payments/pg2" in said

    asyncio.run(story())


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_a_member_that_can_not_be_asked_is_an_objection(steady_lab: Facts, place: Environment, signal: str) -> None:
    async def story() -> None:
        standby = await a_standby(place)
        ask(steady_lab, {"op": "signal", "node": standby, "signal": signal})
        loop = asyncio.get_running_loop()
        for use in (one for one in place.identity if one.kind.startswith("postgres.")):
            began = loop.time()
            said = await guard(use.kind, **use.params).objection(given(1.0))
            assert loop.time() - began < 10
            assert said is not None
            assert f"payments/{standby} did not prove what it is" in said

    asyncio.run(story())


def test_a_marker_table_that_is_not_there_is_an_objection(place: Environment) -> None:
    async def story() -> None:
        asked = guard("postgres.marker", cluster=place.of(Cluster)["payments"], uid="0123456789", table="nowhere")
        said = await asked.objection(given())
        assert said is not None
        assert "the one row of nowhere" in said

    asyncio.run(story())


def test_a_hung_primary_costs_a_write_its_deadline_and_the_next_ones_nothing(
    steady_lab: Facts, place: Environment
) -> None:
    async def story() -> None:
        who = await leader(place)
        async with opened(probe("postgres.write", database=place.of(Database)["payments"])) as watched:
            assert (await look(watched)) is not None
            ask(steady_lab, {"op": "signal", "node": who, "signal": "STOP"})
            before = await sessions(place)
            silent = await look(watched, 0.3)
            await asyncio.sleep(0.1)
            opened_meanwhile = await sessions(place) - before
            ask(steady_lab, {"op": "signal", "node": who, "signal": "CONT"})
            after = await saw(watched, lambda seen: seen.outcome == Outcome.OK, 10)
        assert silent is None
        assert opened_meanwhile == 0, "a connection was opened to a hung server, to cancel what it will never read"
        assert after.who

    asyncio.run(story())
