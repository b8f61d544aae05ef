"""PostgreSQL's kinds against servers that are none, hang, or go away: real sockets, no database needed."""

import asyncio

import pytest
from pydantic import ValidationError

from faildrill.adapters.postgres.identity import Identity, Marker
from faildrill.adapters.postgres.target import Cluster, ClusterMember, Database
from faildrill.adapters.postgres.write import Write
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from faildrill.secrets import Reference
from unit.adapters.sockets import Serve, serving, silent

GIVEN = CallContext("run", 0.5, 0.1, 2)


async def a_web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    writer.write(b"N")
    await reader.read(100)
    writer.write(b"\xff\x00\x00\x00\x01garbage" * 50)
    await reader.read()


async def closing(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Accept, and close."""


async def starting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what a PostgreSQL that starts says."""
    await reader.read(8)
    writer.write(b"N")
    await reader.read(100)
    fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
    await reader.read()


def database(port: int, password: Reference | None = None) -> Database:
    return Database(name="payments", host="127.0.0.1", port=port, database="d", user="u", password=password)


def cluster(port: int, password: Reference | None = None) -> Cluster:
    member = ClusterMember(name="pg1", api="http://127.0.0.1:1", host="127.0.0.1", port=port)
    return Cluster(name="payments", scope="payments", user="u", password=password, members={"pg1": member})


async def write(port: int) -> Seen:
    probe = Write(database=database(port))
    try:
        async with asyncio.timeout(GIVEN.timeout):
            return await probe.look(GIVEN)
    finally:
        await probe.close()


@pytest.mark.parametrize(
    ("serve", "outcome", "detail"),
    [
        (closing, Outcome.RESET, ""),
        (a_web_server, Outcome.WRONG, "not PostgreSQL's protocol"),
        (starting, Outcome.WRONG, "starting or stopping"),
    ],
)
def test_what_went_wrong_is_told_apart(serve: Serve, outcome: Outcome, detail: str) -> None:
    async def story() -> Seen:
        async with serving(serve) as port:
            return await write(port)

    seen = asyncio.run(story())
    assert (seen.outcome, seen.detail) == (outcome, detail)


def test_a_port_that_nobody_listens_on_is_refused() -> None:
    assert asyncio.run(write(1)).outcome == Outcome.REFUSED


def test_a_host_that_does_not_resolve_is_unreachable() -> None:
    probe = Write(database=database(1).model_copy(update={"host": "nobody.invalid"}))
    seen = asyncio.run(probe.look(CallContext("run", 10.0)))
    assert (seen.outcome, seen.detail) == (Outcome.UNREACHABLE, "the name does not resolve")


@pytest.mark.parametrize("serve", [silent, garbage])
def test_a_silent_server_costs_every_look_its_own_deadline_and_one_connection_each(serve: Serve) -> None:
    connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await serve(reader, writer)

    async def story() -> float:
        loop = asyncio.get_running_loop()
        async with serving(counted) as port:
            probe = Write(database=database(port))
            began = loop.time()
            looks = [asyncio.wait_for(probe.look(GIVEN), GIVEN.timeout) for _ in range(4)]
            ended = await asyncio.gather(*looks, return_exceptions=True)
            took = loop.time() - began
            await probe.close()
            await asyncio.sleep(0.1)
        assert all(
            isinstance(one, TimeoutError) or (isinstance(one, Seen) and one.outcome != Outcome.OK) for one in ended
        )
        return took

    assert asyncio.run(story()) < GIVEN.timeout + 0.25
    assert connections == 4


def test_opening_does_not_fail_when_the_target_is_down_or_hangs() -> None:
    async def story() -> None:
        await Write(database=database(1)).open(GIVEN)
        async with serving(silent) as port:
            await Write(database=database(port)).open(GIVEN)

    asyncio.run(story())


@pytest.mark.parametrize("serve", [silent, closing, a_web_server, garbage, starting])
def test_a_member_that_does_not_answer_as_postgresql_does_is_an_objection_in_time(serve: Serve) -> None:
    async def story() -> None:
        async with serving(serve) as port:
            for guard in (
                Identity(cluster=cluster(port), system_identifier="7"),
                Marker(cluster=cluster(port), uid="0123456789"),
                Identity(database=database(port), system_identifier="7"),
            ):
                async with asyncio.timeout(GIVEN.timeout):
                    said = await guard.objection(GIVEN)
                assert said is not None
                assert "did not prove what it is" in said

    asyncio.run(story())


def test_a_guard_whose_secret_leads_nowhere_objects_and_says_how_to_give_it() -> None:
    guard = Identity(cluster=cluster(1, Reference("env:NOT_SET_ANYWHERE")), system_identifier="7")
    said = asyncio.run(guard.objection(GIVEN))
    assert said is not None
    assert "export NOT_SET_ANYWHERE=" in said


def test_a_guard_that_would_ask_nobody_is_refused() -> None:
    with pytest.raises(ValidationError, match="nobody is asked otherwise"):
        Identity(system_identifier="7")


@pytest.mark.parametrize("table", ["x; DROP TABLE payments", 'a"b', "A", "a.b.c", ""])
def test_a_markers_table_is_a_name_and_nothing_else(table: str) -> None:
    with pytest.raises(ValidationError, match="a table's name"):
        Marker(cluster=cluster(1), uid="0123456789", table=table)
