"""MariaDB without a manager, for real: the drill as a user runs it, and each kind by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pymysql
import pytest

from faildrill.adapters.mariadb.checks import Servers
from faildrill.adapters.mariadb.client import Talk, as_admin, as_user, in_words
from faildrill.adapters.mariadb.grants import past_read_only
from faildrill.adapters.mariadb.nodes import asked
from faildrill.adapters.mariadb.statements import Errand, left_of
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.errors import ActionFailed, ActionRefused, OutcomeUnknown
from faildrill.lab.core.facts import Facts
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from lab.conftest import ask, eventually
from lab.drilling import run
from lab.kinds_here import action, done, environment, given, guard, holds, once, opened, probe, put_back
from lab.stores import lab_of
from support.far import far

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
WAY = 0.15
"""Seconds each way to a server: a write is sent before the end of its connection is known here."""
NEEDS = {"mariadbd": "mariadb-server", "mariadb-install-db": "mariadb-server"}


@pytest.fixture(scope="module")
def mariadb_lab(state_folder: Path) -> Iterator[Facts]:
    with lab_of("mariadb", NEEDS, state_folder) as facts:
        yield facts


@pytest.fixture
def payments(mariadb_lab: Facts) -> MariaDB:
    ask(mariadb_lab, {"op": "steady", "within": 60}, 65)
    return environment(mariadb_lab).of(MariaDB)["payments"]


async def told(mariadb: MariaDB, name: str, statement: str) -> None:
    await asked(as_admin(mariadb, mariadb.members[name]), statement, within=10.0)


async def writers_of(mariadb: MariaDB) -> str:
    return (await once(probe("mariadb.writers", mariadb=mariadb), 10.0)).who


def other_than(mariadb: MariaDB, name: str) -> str:
    return next(one for one in mariadb.members if one != name)


def test_a_crash_of_the_writer_is_survived_by_promoting_the_replica(
    mariadb_lab: Facts, payments: MariaDB, tmp_path: Path
) -> None:
    assert payments.database == "payments"
    ran = run(Path("drills/mariadb/writer-crash.yaml"), tmp_path, mariadb_lab.name)
    assert ran.code == 0, ran.said


def test_a_planned_promotion_is_done_with_one_writer_at_most_and_put_back(payments: MariaDB) -> None:
    async def story() -> None:
        first = await writers_of(payments)
        step = action("mariadb.promote", mariadb=payments)
        seen = await step.preview(given(10))
        assert seen.touches == [f"payments/{other_than(payments, first)}", f"payments/{first}"]
        assert set(seen.spares) == {f"payments/{name}" for name in payments.members}
        lost = await action("mariadb.lose_writer", mariadb=payments).preview(given(10))
        assert set(lost.spares) == set(seen.spares) - {f"payments/{first}"} == set(seen.spares) - set(lost.touches)
        before = await done(step, 30)
        assert await writers_of(payments) == other_than(payments, first)
        with pytest.raises(ActionRefused, match="takes writes already"):
            await action("mariadb.promote", mariadb=payments, to=other_than(payments, first)).capture(given(10))
        await told(payments, other_than(payments, first), "RESET SLAVE ALL")  # as whoever promotes it once more
        seen_again = await step.confirm(before, given(10))
        assert (seen_again.holds, seen_again.because.endswith("promoted 2 times")) == (False, True)
        await put_back(step, before, 30)
        assert await writers_of(payments) == first

    asyncio.run(story())


@asynccontextmanager
async def locked(mariadb: MariaDB, name: str, what: str) -> AsyncIterator[None]:
    """Keep a lock on a table, as an application does that is slow to let go of it."""
    talk = await Talk.begin(as_user(mariadb, mariadb.members[name]), 60.0)
    try:
        await talk.ask(f"LOCK TABLES {what}")
        yield
        await talk.ask("UNLOCK TABLES")
    finally:
        talk.end()


@pytest.mark.parametrize("gives_up", ["the server", "the run"])
def test_a_promotion_given_up_behind_an_applications_lock_does_nothing_later(payments: MariaDB, gives_up: str) -> None:
    async def story() -> None:
        first = await writers_of(payments)
        step = action("mariadb.promote", mariadb=payments)
        before = await step.capture(given(10))
        async with locked(payments, first, "faildrill_identity WRITE"):
            if gives_up == "the server":
                with pytest.raises(ActionFailed, match=rf"payments/{first} ended `SET GLOBAL read_only = 1` by itself"):
                    await step.apply(before, given(4))
            else:  # it is cut short, or killed, long before the limit that the server holds
                applying = asyncio.create_task(step.apply(before, given(60)))
                async with asyncio.timeout(30):
                    while not (await left_of(payments, given().run, 5.0))[0]:  # noqa: ASYNC110 - another's event
                        await asyncio.sleep(0.1)
                applying.cancel()
                await asyncio.wait({applying})
                assert not (await step.restored(before, given(10))).holds
            await step.undo(before, given(20))
            seen = await step.restored(before, given(20))
            assert seen.holds, seen.because
        await asyncio.sleep(1.0)
        assert await writers_of(payments) == first

    asyncio.run(story())


def test_what_can_t_be_ended_at_the_server_is_not_put_back_while_it_is_under_way(payments: MariaDB) -> None:
    async def story() -> None:
        first = await writers_of(payments)
        other = other_than(payments, first)
        step = action("mariadb.promote", mariadb=payments)
        before = await step.capture(given(10))
        as_app = as_user(payments, payments.members[first])
        await asked(as_app, "CREATE TABLE IF NOT EXISTS slow (n INT)", within=5.0)
        await asyncio.sleep(1.0)
        async with locked(payments, other, "slow READ"):
            await asked(as_app, "INSERT INTO slow VALUES (1)", within=5.0)
            await asyncio.sleep(0.5)  # it is being applied
            doing = Errand.within(payments, given().run, 2.0)
            async with doing.to(other) as server:
                with pytest.raises(OutcomeUnknown, match=r"`STOP SLAVE`.*may still be done"):
                    await server.do("STOP SLAVE")
            with pytest.raises(ActionFailed, match=rf"{other} still has `STOP SLAVE` .*would not end"):
                await step.undo(before, given(8))
            assert "of this run to do" in (await step.restored(before, given(8))).because
        await put_back(step, before, 40)
        assert await writers_of(payments) == first

    asyncio.run(story())


def test_a_writer_that_falls_silent_before_a_planned_promotion_is_not_promoted_beside(payments: MariaDB) -> None:
    async def story() -> None:
        first = await writers_of(payments)
        reach = given(10).reach(payments.members[first])
        step = action("mariadb.promote", mariadb=payments)
        before = await step.capture(given(10))
        await reach.signal(first, "STOP")
        try:
            with pytest.raises(ActionRefused, match="nobody was promoted"):
                await step.apply(before, given(10))
        finally:
            await reach.signal(first, "CONT")
        await asyncio.sleep(0.5)
        assert await writers_of(payments) == first

    asyncio.run(story())


def test_where_nobody_was_promoted_the_one_that_has_most_takes_writes_again(payments: MariaDB) -> None:
    async def story() -> None:
        step = action("mariadb.lose_writer", mariadb=payments)
        before = await done(step, 20)
        assert await writers_of(payments) == ""
        with pytest.raises(ActionRefused, match="no single server that takes writes"):
            await step.capture(given(10))
        await put_back(step, before, 40)

    asyncio.run(story())


def test_a_writer_that_hung_never_writes_beside_the_one_that_was_promoted_meanwhile(
    mariadb_lab: Facts, payments: MariaDB
) -> None:
    async def story() -> None:
        hang = action("mariadb.lose_writer", mariadb=payments, how="hung")
        hung = await done(hang, 20)
        first = str(hung["writer"])
        starts = ask(mariadb_lab, {"op": "status"})["nodes"][first]["starts"]
        promote = action("mariadb.promote", mariadb=payments)
        before = await promote.capture(given(10))
        await promote.apply(before, given(30))
        await holds(lambda: promote.confirm(before, given(10)), 20)
        await promote.undo(before, given(10))
        await put_back(hang, hung, 40)
        assert await writers_of(payments) == other_than(payments, first)
        assert ask(mariadb_lab, {"op": "status"})["nodes"][first]["starts"] == starts + 1

    asyncio.run(story())


def test_a_write_on_a_connection_that_the_server_is_ending_is_open_and_limits_of_its_user_are_about_the_prober(
    mariadb_lab: Facts, payments: MariaDB, tmp_path: Path
) -> None:
    async def story() -> list[Seen]:
        first = await writers_of(payments)
        what = replace(given(8.0), run="ended", name="ledger", folder=tmp_path)
        member = payments.members[first]
        async with far(member.port, WAY) as port:
            away = {first: member.model_copy(update={"port": port})}
            ledger = probe("mariadb.ledger", mariadb=payments.model_copy(update={"members": away}), writers=1)
            async with opened(ledger, supplies=what):
                seen = [await ledger.look(what)]
                as_root(mariadb_lab, first, f"KILL CONNECTION USER '{payments.user}'@'127.0.0.1'")
                seen += [await ledger.look(what), await ledger.look(what)]
                as_root(mariadb_lab, first, f"ALTER USER '{payments.user}'@'127.0.0.1' WITH MAX_USER_CONNECTIONS 1")
                try:
                    as_root(mariadb_lab, first, f"KILL CONNECTION USER '{payments.user}'@'127.0.0.1'")
                    async with held(payments, first):
                        seen += [await ledger.look(what), await ledger.look(what)]
                finally:
                    as_root(mariadb_lab, first, f"ALTER USER '{payments.user}'@'127.0.0.1' WITH MAX_USER_CONNECTIONS 0")
        return seen

    told = [(one.outcome, one.detail) for one in asyncio.run(story())]
    assert told == [
        (Outcome.OK, ""),
        (Outcome.OPEN, "the server was ending the connection"),
        (Outcome.OK, ""),
        (Outcome.OPEN, "the server was ending the connection"),
        (Outcome.THROTTLED, "the limit of its user is reached"),
    ]


@asynccontextmanager
async def held(mariadb: MariaDB, name: str) -> AsyncIterator[None]:
    """Hold a connection of the application's user while the block runs."""
    talk = await Talk.begin(as_user(mariadb, mariadb.members[name]), 5.0)
    try:
        yield
    finally:
        talk.end()


def test_two_servers_that_take_writes_are_seen(payments: MariaDB) -> None:
    async def story() -> None:
        other = other_than(payments, await writers_of(payments))
        await told(payments, other, "SET GLOBAL read_only = 0")
        try:
            seen = await once(probe("mariadb.writers", mariadb=payments), 10.0)
        finally:
            await told(payments, other, "SET GLOBAL read_only = 1")
        assert (seen.outcome, seen.who) == (Outcome.WRONG, "m1,m2")
        assert seen.detail == "2 writers"

    asyncio.run(story())


@pytest.mark.parametrize("right", ["READ_ONLY ADMIN", "ALL PRIVILEGES"])
def test_an_application_that_writes_to_a_read_only_server_is_neither_promoted_nor_its_writer_taken(
    mariadb_lab: Facts, payments: MariaDB, right: str
) -> None:
    settle(mariadb_lab, payments)
    first = asyncio.run(writers_of(payments))
    as_root(mariadb_lab, first, f"GRANT {right} ON *.* TO payments@'127.0.0.1'")
    try:
        for kind in ("mariadb.promote", "mariadb.lose_writer"):
            with pytest.raises(ActionRefused, match=f"payments has {right}, so it goes on writing"):
                asyncio.run(action(kind, mariadb=payments).capture(given(10)))
    finally:
        as_root(mariadb_lab, first, f"REVOKE {right} ON *.* FROM payments@'127.0.0.1'")


@pytest.mark.parametrize(
    ("grants", "version", "right"),
    [
        ("USAGE", "10.6.1-MariaDB", ""),
        ("SUPER, PROCESS", "10.6.1-MariaDB", "SUPER"),
        ("SUPER, PROCESS", "10.11.6-MariaDB-0+deb12u1", ""),
        ("SUPER", "11.4.2-MariaDB", ""),
        ("SELECT, READ_ONLY ADMIN", "11.4.2-MariaDB", "READ_ONLY ADMIN"),
    ],
)
def test_super_writes_to_a_read_only_server_before_10_11_alone(grants: str, version: str, right: str) -> None:
    assert past_read_only(grants, version) == right


def test_a_replica_that_does_not_follow_is_no_redundancy_and_nothing_is_taken_then(payments: MariaDB) -> None:
    async def story() -> None:
        other = other_than(payments, await writers_of(payments))
        await told(payments, other, "STOP SLAVE")
        try:
            seen = await once(probe("mariadb.redundancy", mariadb=payments), 10.0)
            assert (seen.outcome, seen.detail) == (Outcome.WRONG, f"{other} does not follow (I/O no, SQL no)")
            with pytest.raises(ActionRefused, match="last healthy server"):
                await action("mariadb.lose_writer", mariadb=payments).capture(given(10))
            with pytest.raises(ActionRefused, match="nobody could be promoted now"):
                await action("mariadb.promote", mariadb=payments).capture(given(10))
        finally:
            await told(payments, other, "START SLAVE")

    asyncio.run(story())


@contextlib.contextmanager
def set_otherwise(mariadb: MariaDB, name: str, there: list[str], back: list[str]) -> Iterator[None]:
    """Set a replica up otherwise, and back."""
    admin = partial(told, mariadb, name)
    for statement in there:
        asyncio.run(admin(statement))
    try:
        yield
    finally:
        for statement in ["STOP SLAVE", *back, "START SLAVE"]:
            asyncio.run(admin(statement))


def redundancy(mariadb: MariaDB) -> str:
    seen = asyncio.run(once(probe("mariadb.redundancy", mariadb=mariadb), 10.0))
    return "" if seen.outcome is Outcome.OK else seen.detail


def refused(mariadb: MariaDB) -> str:
    with pytest.raises(ActionRefused) as because:
        asyncio.run(action("mariadb.lose_writer", mariadb=mariadb).capture(given(10)))
    return str(because.value)


@pytest.mark.parametrize(
    ("there", "back", "words"),
    [
        (
            ["SET GLOBAL replicate_ignore_db = 'audit'"],
            ["SET GLOBAL replicate_ignore_db = ''"],
            "replicate_ignore_db audit",
        ),
        (["CHANGE MASTER TO master_delay = 60"], ["CHANGE MASTER TO master_delay = 0"], "delayed by 60 s"),
        (
            ["SET GLOBAL slave_exec_mode = 'IDEMPOTENT'"],
            ["SET GLOBAL slave_exec_mode = 'STRICT'"],
            "slave_exec_mode IDEM",
        ),
    ],
    ids=["filter", "delay", "errors passed over"],
)
def test_the_writer_is_not_taken_where_the_only_replica_has_not_all(
    payments: MariaDB, there: list[str], back: list[str], words: str
) -> None:
    other = other_than(payments, asyncio.run(writers_of(payments)))
    with set_otherwise(payments, other, ["STOP SLAVE", *there, "START SLAVE"], back):
        eventually(lambda: words in redundancy(payments))
        assert f"{other} has" in refused(payments)
        assert "(do: " in refused(payments)
        assert words in examined(payments)["payments is whole"]
    eventually(lambda: redundancy(payments) == "")


def test_a_replica_that_was_told_to_pass_over_what_it_never_got_has_a_hole(payments: MariaDB) -> None:
    first = asyncio.run(writers_of(payments))
    other = other_than(payments, first)
    admin = as_admin(payments, payments.members[first])
    asyncio.run(told(payments, other, "STOP SLAVE"))
    asyncio.run(asked(admin, "FLUSH TABLES", within=20.0))  # which is logged
    [row] = asyncio.run(asked(admin, "SELECT @@global.gtid_binlog_pos AS at", within=10.0))
    skip = [f"SET GLOBAL gtid_slave_pos = '{row['at']}'"]
    with set_otherwise(
        payments, other, [*skip, "START SLAVE"], ["SET GLOBAL gtid_slave_pos = @@global.gtid_binlog_pos"]
    ):
        eventually(lambda: f"{other} has a hole: {row['at']} is not in its log" in redundancy(payments))
        assert f"rebuild {other} from a backup" in refused(payments)
    eventually(lambda: redundancy(payments) == "")


def test_a_replica_whose_sql_thread_stopped_could_not_take_over(payments: MariaDB) -> None:
    other = other_than(payments, asyncio.run(writers_of(payments)))
    with set_otherwise(payments, other, ["STOP SLAVE SQL_THREAD"], []):
        assert redundancy(payments) == f"{other} does not follow (SQL no)"
        assert f"START SLAVE on {other}" in refused(payments)
        assert "skip_slave_start" in refused(payments)


def test_servers_that_follow_each_other_by_names_are_drilled_and_the_line_to_write_is_told(payments: MariaDB) -> None:
    first = asyncio.run(writers_of(payments))
    other = other_than(payments, first)
    port = payments.members[first].port
    by_name = [f"CHANGE MASTER TO master_host = 'localhost', master_port = {port}"]
    by_address = [f"CHANGE MASTER TO master_host = '127.0.0.1', master_port = {port}"]
    elsewhere = payments.members[first].model_copy(update={"host": "::ffff:127.0.0.1"})
    with set_otherwise(payments, other, ["STOP SLAVE", *by_name, "START SLAVE"], by_address):
        eventually(lambda: redundancy(payments) == "")
        assert not [what for what in examined(payments) if "called by its address" in what]
        mapped = payments.model_copy(update={"members": {**payments.members, first: elsewhere}})
        assert redundancy(mapped) == ""
        asyncio.run(action("mariadb.lose_writer", mariadb=payments).capture(given(10)))


def examined(mariadb: MariaDB) -> dict[str, str]:
    """What the doctor finds wrong, each with a remedy."""
    found = asyncio.run(Servers(target=mariadb).examine(given(10)))
    assert [one for one in found if bool(one.remedy) == one.ok] == []
    return {one.what: one.told for one in found if not one.ok}


def as_root(lab: Facts, name: str, statement: str) -> None:
    """Tell a server something as its root, by its own socket."""
    where = str(lab.environment.parent / "run" / f"{name}.sock")
    with pymysql.connect(unix_socket=where, user="root", autocommit=True) as root, root.cursor() as cursor:
        cursor.execute(statement)


def settle(lab: Facts, mariadb: MariaDB) -> None:
    """Have the writer wait for its replica again, which it does from the first write that the replica confirms."""
    as_root(lab, asyncio.run(writers_of(mariadb)), "CREATE OR REPLACE TABLE payments.settled (n INT)")
    eventually(lambda: examined(mariadb) == {})


def test_the_doctor_names_what_keeps_mariadb_from_being_drilled(mariadb_lab: Facts, payments: MariaDB) -> None:
    settle(mariadb_lab, payments)
    first = asyncio.run(writers_of(payments))
    other = other_than(payments, first)
    changes = (
        (first, "REVOKE RELOAD ON *.* FROM drill@'127.0.0.1'", "GRANT RELOAD ON *.* TO drill@'127.0.0.1'"),
        (
            first,
            "GRANT READ_ONLY ADMIN ON *.* TO payments@'127.0.0.1'",
            "REVOKE READ_ONLY ADMIN ON *.* FROM payments@'127.0.0.1'",
        ),
        (other, "SET GLOBAL rpl_semi_sync_slave_enabled = 0", "SET GLOBAL rpl_semi_sync_slave_enabled = 1"),
        (other, "SET GLOBAL gtid_strict_mode = 0", "SET GLOBAL gtid_strict_mode = 1"),
        (other, "STOP SLAVE", "START SLAVE"),
    )
    for name, bad, _ in changes:
        as_root(mariadb_lab, name, bad)
    try:
        wrong = examined(payments)
    finally:
        for name, _, good in changes:
            as_root(mariadb_lab, name, good)
    assert wrong[f"payments/{first} admin"] == "drill lacks RELOAD"
    assert wrong[f"payments/{first} user"].startswith("payments has READ_ONLY ADMIN")
    assert wrong[f"payments/{other} GTID"] == "gtid_strict_mode is off"
    assert wrong["payments semi-sync"] == f"off on {other}, on elsewhere"
    assert f"{other} does not follow" in wrong["payments is whole"]
    locked_out = payments.model_copy(update={"admin": "nobody", "members": {first: payments.members[first]}})
    assert examined(locked_out)[f"payments/{first}"] == "refuses user or password"


def test_a_mariadb_behind_tls_is_asked_with_its_certificate_checked(mariadb_lab: Facts, payments: MariaDB) -> None:
    ca = str(mariadb_lab.environment.parent / "tls" / "ca.pem")
    secure = payments.model_copy(update={"tls": True, "ca": ca})
    settle(mariadb_lab, payments)
    first = asyncio.run(writers_of(payments))
    for name in payments.members:
        as_root(mariadb_lab, name, "SET GLOBAL require_secure_transport = 1")
    try:
        plain = examined(payments)
        assert examined(secure) == {}
        assert asyncio.run(once(probe("mariadb.redundancy", mariadb=secure), 10.0)).outcome is Outcome.OK
    finally:
        for name in payments.members:
            as_root(mariadb_lab, name, "SET GLOBAL require_secure_transport = 0")
    assert plain[f"payments/{first}"] == "refuses user or password"  # MariaDB does not tell it from a wrong password
    by_name = {first: payments.members[first].model_copy(update={"host": "localhost"})}
    wrong_name = examined(secure.model_copy(update={"members": {**payments.members, **by_name}}))
    assert wrong_name[f"payments/{first}"] == "certificate for another name"
    assert (
        examined(secure.model_copy(update={"ca": None}))[f"payments/{first}"] == "certificate of an unknown authority"
    )


def test_a_server_without_tls_is_told_from_one_that_is_garbage(payments: MariaDB) -> None:
    greeting = b"\n10.11.19-MariaDB\0\1\0\0\0abcdefgh\0" + 0xF7FE.to_bytes(2, "little") + b"\x2d\2\0\xff\x81\x15"
    greeting += b"\0" * 10 + b"abcdefghijkl\0mysql_native_password\0"

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
        await reader.read(1)
        writer.close()

    async def story() -> str:
        async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
            here = {"host": "127.0.0.1", "port": server.sockets[0].getsockname()[1]}
            member = payments.members["m1"].model_copy(update=here)
            with pytest.raises(OSError, match="SSL") as raised:
                await asked(as_admin(payments.model_copy(update={"tls": True}), member), "SELECT 1", within=10.0)
            return in_words(raised.value)

    assert asyncio.run(story()) == "speaks no TLS"


def test_a_server_that_does_not_hold_what_was_declared_is_objected_to(mariadb_lab: Facts, payments: MariaDB) -> None:
    right = guard("mariadb.identity", mariadb=payments, uid=mariadb_lab.uid)
    wrong = guard("mariadb.identity", mariadb=payments, uid="another-place")
    assert asyncio.run(right.objection(given(10))) is None
    objection = asyncio.run(wrong.objection(given(10))) or ""
    assert all(f"payments/{name} is not the declared one" in objection for name in payments.members)
