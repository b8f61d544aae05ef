"""Sessions that a healthy database ends while a question is on its way to them, over a path that takes its time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from pydantic import JsonValue

from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from faildrill.ports import Opens, Probe, Seen
from faildrill.record.samples import Outcome
from lab.kinds_here import environment, given, opened, probe
from support.far import far

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
WAY = 0.15
"""Seconds each way: a question sent right after the end of its session is sent before that is known here."""
CLOSING = "the server was ending the connection"


@pytest.fixture
def place(steady_lab: Facts) -> Environment:
    return environment(steady_lab)


async def end_sessions(cluster: Cluster, name: str) -> int:
    """End the sessions of faildrill at the writer, as an administrator does; return how many they were."""
    ended = 0
    for member in cluster.members.values():
        connection = await asyncpg.connect(
            host=member.host,
            port=member.port,
            user=cluster.user,
            database=cluster.database,
            password=cluster.password.resolve().reveal() if cluster.password else None,
        )
        ended += await connection.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE application_name = $1 AND pid <> pg_backend_pid()",
            name,
        )
        await connection.close()
    return ended


@asynccontextmanager
async def far_away(place: Environment) -> AsyncIterator[Database]:
    database = place.of(Database)["payments"]
    async with far(int(database.port or 0), WAY) as port:
        yield database.model_copy(update={"host": "127.0.0.1", "port": port})


async def cut_between(what: Probe, end: Callable[[], Awaitable[int]], given_: CallContext) -> list[Seen]:
    """Look, end the session, look at once, and once more."""
    first = await what.look(given_)
    assert await end() >= 1
    return [first, await what.look(given_), await what.look(given_)]


@pytest.mark.parametrize(
    ("kind", "params", "second"),
    [("postgres.read", {"connection": "kept"}, (Outcome.OK, "")), ("postgres.write", {}, (Outcome.OPEN, CLOSING))],
)
def test_a_session_that_is_ended_under_a_look_proves_nothing(
    place: Environment, kind: str, params: dict[str, JsonValue], second: tuple[Outcome, str]
) -> None:
    async def story() -> list[Seen]:
        async with (
            far_away(place) as database,
            opened(probe(kind, database=database, **params)) as what,
        ):
            return await cut_between(what, lambda: end_sessions(place.of(Cluster)["payments"], "faildrill"), given(5.0))

    seen = asyncio.run(story())
    assert [(one.outcome, one.detail) for one in seen] == [(Outcome.OK, ""), second, (Outcome.OK, "")]


def test_a_write_of_a_ledger_on_a_session_that_is_ended_is_open_and_unknown(place: Environment, tmp_path: Path) -> None:
    async def story() -> list[Seen]:
        what = replace(given(5.0), run="ended", name="ledger", folder=tmp_path)
        async with far_away(place) as database:
            ledger = probe("postgres.ledger", database=database, writers=1)
            assert isinstance(ledger, Opens)
            await ledger.open(what)
            try:
                return await cut_between(
                    ledger, lambda: end_sessions(place.of(Cluster)["payments"], "faildrill ledger"), what
                )
            finally:
                await ledger.close()

    seen = asyncio.run(story())
    assert [(one.outcome, one.detail) for one in seen] == [(Outcome.OK, ""), (Outcome.OPEN, CLOSING), (Outcome.OK, "")]


def test_the_writers_are_seen_over_sessions_that_are_ended_under_the_look(place: Environment) -> None:
    async def story() -> list[Seen]:
        cluster = place.of(Cluster)["payments"]
        first, second = cluster.members.values()
        async with far(first.port, WAY) as port, far(second.port, WAY) as other:
            away = {
                first.name: first.model_copy(update={"host": "127.0.0.1", "port": port}),
                second.name: second.model_copy(update={"host": "127.0.0.1", "port": other}),
            }
            there = cluster.model_copy(update={"members": away})
            async with opened(probe("postgres.writers", cluster=there)) as what:
                return await cut_between(what, lambda: end_sessions(cluster, "faildrill writers"), given(5.0))

    seen = asyncio.run(story())
    assert [one.outcome for one in seen] == [Outcome.OK] * 3
    assert len({one.who for one in seen}) == 1


def test_a_role_that_has_all_of_its_connections_is_about_the_prober(steady_lab: Facts) -> None:
    place = environment(steady_lab)
    cluster, database = place.of(Cluster)["payments"], place.of(Database)["payments"]

    async def story() -> Seen:
        leader = (await probe("patroni.writer", cluster=cluster).look(given(5.0))).who
        password = (steady_lab.folder / "passwords" / "postgres").read_text().strip()
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=cluster.members[leader].port,
            user="postgres",
            database="postgres",
            password=password,
        )
        try:
            await connection.execute(f"ALTER ROLE {database.user} CONNECTION LIMIT 0")
            async with opened(probe("postgres.read", database=database, connection="fresh")) as what:
                return await what.look(given(5.0))
        finally:
            await connection.execute(f"ALTER ROLE {database.user} CONNECTION LIMIT -1")
            await connection.close()

    seen = asyncio.run(story())
    assert (seen.outcome, seen.detail) == (Outcome.THROTTLED, "too many connections for its role")
