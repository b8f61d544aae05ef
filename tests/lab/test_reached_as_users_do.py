"""PostgreSQL as it is reached: through PgBouncer in transaction mode, and by all that libpq takes."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.adapters.postgres.client import Talk
from faildrill.adapters.postgres.ledger import Ledger
from faildrill.adapters.postgres.sessions import by_users_path
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.lab.stores import certificates
from faildrill.record.samples import Outcome
from lab.kinds_here import environment, given, once, opened, probe
from lab.poolers import bouncing, free_port

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture
def payments(steady_lab: Facts) -> Database:
    return environment(steady_lab).of(Database)["payments"]


@pytest.fixture
def cluster(steady_lab: Facts) -> Cluster:
    return environment(steady_lab).of(Cluster)["payments"]


@pytest.fixture
def pooled(payments: Database) -> Iterator[Database]:
    with tempfile.TemporaryDirectory(prefix="fd-bouncer") as folder, bouncing(payments, Path(folder)) as there:
        yield there


@contextlib.asynccontextmanager
async def other_users(database: Database) -> AsyncIterator[None]:
    """Keep the pool's servers going from hand to hand, as users do."""

    async def work() -> None:
        talk = await Talk.begin(by_users_path(database), "user")
        try:
            while True:
                await talk.ask("SELECT pg_sleep(0.002)")
        finally:
            talk.end()

    users = [asyncio.create_task(work()) for _ in range(6)]
    await asyncio.sleep(0.2)
    try:
        yield
    finally:
        for one in users:
            one.cancel()
        await asyncio.gather(*users, return_exceptions=True)


@pytest.mark.parametrize("connection", ["kept", "fresh"])
@pytest.mark.parametrize("kind", ["postgres.write", "postgres.read"])
def test_a_probe_goes_through_the_pool_that_users_go_through(
    pooled: Database, cluster: Cluster, kind: str, connection: str
) -> None:
    async def story() -> None:
        what = probe(kind, database=pooled, cluster=cluster, connection=connection)
        async with other_users(pooled), opened(what):
            for _ in range(20):
                looks = await asyncio.gather(*(what.look(given()) for _ in range(4)))
                assert {(one.outcome, one.detail) for one in looks} == {(Outcome.OK, "")}
                assert {one.who for one in looks} <= set(cluster.members)

    asyncio.run(story())


def test_a_ledger_goes_through_the_pool_and_every_row_is_found_again(
    pooled: Database, cluster: Cluster, tmp_path: Path
) -> None:
    async def story(database: Database, of: Cluster | None) -> tuple[list[Any], dict[str, Any]]:
        ledger = Ledger(database=database, cluster=of, writers=4)
        supplied = CallContext("a-run", 2.0, 0.01, 4, "ledger" if of else "path", tmp_path)
        async with other_users(pooled):
            await ledger.open(supplied)
            looks = [await ledger.look(supplied) for _ in range(100)]
            await ledger.close()
            return looks, await ledger.read_back(supplied)

    for of in (cluster, None):
        looks, found = asyncio.run(story(pooled, of))
        assert {(one.outcome, one.detail) for one in looks} == {(Outcome.OK, "")}
        assert all(one["rows"] == 100 for one in found["nodes"].values())


def dsn_of(database: Database, cluster: Cluster, role: str) -> str:
    hosts = ",".join(one.host for one in cluster.members.values())
    ports = ",".join(str(one.port) for one in cluster.members.values())
    return f"host={hosts} port={ports} dbname={database.database} user={database.user} target_session_attrs={role}"


def test_of_several_hosts_the_one_that_takes_writes_is_found_and_a_standby_where_that_is_asked_for(
    payments: Database, cluster: Cluster
) -> None:
    writer = asyncio.run(once(probe("patroni.writer", cluster=cluster))).who
    url = "postgresql://{user}@{hosts}/{name}?target_session_attrs={role}"
    hosts = ",".join(f"{one.host}:{one.port}" for one in cluster.members.values())

    def seen(kind: str, **said: object) -> Any:  # noqa: ANN401 - a Seen
        database = Database.model_validate({"name": "p", "password": payments.password, **said})
        return asyncio.run(once(probe(kind, database=database, cluster=cluster)))

    members = cluster.members.values()
    keywords: dict[str, object] = {
        "host": ",".join(one.host for one in members),
        "port": ",".join(str(one.port) for one in members),
        "database": payments.database,
        "user": payments.user,
        "target_session_attrs": "read-write",
    }
    forms: list[dict[str, object]] = [
        {"dsn": dsn_of(payments, cluster, "read-write")},
        {"dsn": url.format(user=payments.user, hosts=hosts, name=payments.database, role="primary")},
        keywords,
    ]
    for form in forms:
        assert (seen("postgres.write", **form).outcome, seen("postgres.write", **form).who) == (Outcome.OK, writer)
    for role, who in (("standby", "not the writer"), ("read-only", "not the writer"), ("prefer-standby", "")):
        found = seen("postgres.read", dsn=dsn_of(payments, cluster, role))
        assert found.outcome is Outcome.OK, (role, who)
        assert found.who != writer


def test_a_first_host_that_is_down_does_not_keep_the_second_from_being_asked(payments: Database) -> None:
    dead = payments.model_copy(update={"host": "127.0.0.1,127.0.0.1", "port": f"{free_port()},{payments.port}"})
    assert asyncio.run(once(probe("postgres.write", database=dead))).outcome is Outcome.OK


def test_a_service_and_a_password_file_are_read_as_libpq_reads_them(
    payments: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert payments.password is not None
    secret = payments.password.resolve().reveal()
    services, passwords = tmp_path / "services", tmp_path / "pgpass"
    services.write_text(
        f"[other]\nhost=nowhere\n[pay]\nhost={payments.host}\nport={payments.port}\n"
        f"dbname={payments.database}\nuser={payments.user}\n",
        encoding="utf-8",
    )
    passwords.write_text(
        f"# ours\nelsewhere:*:*:*:wrong\n*:{payments.port}:*:{payments.user}:{secret}\n", encoding="utf-8"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    by_service = Database(name="p", service="pay", passfile=str(passwords))

    def look() -> Any:  # noqa: ANN401 - a Seen
        return asyncio.run(once(probe("postgres.write", database=by_service)))

    passwords.chmod(0o644)
    assert look().detail == "wants a password"  # others could read the file, and so libpq does not
    passwords.chmod(0o600)
    assert look().outcome is Outcome.OK
    by_surroundings = Database(name="p", dsn="service=pay")
    assert asyncio.run(once(probe("postgres.write", database=by_surroundings))).outcome is not Outcome.OK
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    assert asyncio.run(once(probe("postgres.write", database=by_surroundings))).outcome is Outcome.OK
    gone = asyncio.run(once(probe("postgres.write", database=Database(name="p", service="gone"))))
    assert "the service gone is in none of" in gone.detail


def test_who_answers_is_checked_as_sslmode_and_sslrootcert_say(payments: Database) -> None:
    with tempfile.TemporaryDirectory(prefix="fd-bouncer") as name:
        folder = Path(name)
        made = certificates.make(folder)
        if os.getuid() == 0:
            shutil.chown(made.key, "nobody")
        more = f"client_tls_sslmode = require\nclient_tls_key_file = {made.key}\nclient_tls_cert_file = {made.server}\n"
        with bouncing(payments, folder, more) as there:

            def seen(**said: str) -> tuple[Outcome, str]:
                database = Database.model_validate({**there.model_dump(mode="json"), **said})
                kinds = ("postgres.write", "postgres.read")
                found = [asyncio.run(once(probe(one, database=database))) for one in kinds]
                assert found[0].detail == found[1].detail
                return found[0].outcome, found[0].detail

            for mode in ("prefer", "require", "verify-ca", "verify-full"):
                files = {"sslrootcert": str(made.ca)} if mode.startswith("verify") else {}
                assert seen(sslmode=mode, **files) == (Outcome.OK, "")
            other = certificates.make(folder / "other")
            assert seen(sslmode="verify-ca", sslrootcert=str(other.ca)) == (
                Outcome.WRONG,
                "certificate of an unknown authority",
            )
            elsewhere = {"sslrootcert": str(made.ca), "host": "localhost"}
            assert seen(sslmode="verify-ca", **elsewhere)[0] is Outcome.OK
            assert seen(sslmode="verify-full", **elsewhere) == (Outcome.WRONG, "certificate for another name")
            outcome, words = seen(sslmode="verify-full", sslrootcert=str(folder / "gone.pem"))
            assert outcome is Outcome.BROKEN
            assert "can't be read" in words
    assert asyncio.run(
        once(probe("postgres.write", database=payments.model_copy(update={"sslmode": "require"})))
    ).detail == ("speaks no TLS")


@pytest.mark.parametrize(
    ("said", "because"),
    [
        ({"dsn": "host=a password=secret user=u"}, "a password in `dsn`"),
        ({"dsn": "postgresql://u:secret@a/d"}, "a password in `dsn`"),
        ({"host": "host=a,b target_session_attrs=read-write", "user": "u", "database": "d"}, "is given as `dsn`"),
        ({"host": "a"}, "database, user missing"),
        ({"host": "a", "user": "u", "database": "d", "port": "5432,x"}, "a port is a number"),
    ],
)
def test_what_can_not_lead_to_a_database_is_refused_when_it_is_read(said: dict[str, str], because: str) -> None:
    with pytest.raises(ValidationError, match=because):
        Database.model_validate({"name": "p", **said})
