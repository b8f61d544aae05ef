"""What the lab puts into its database: roles, tables, and the marker that says what this place is."""

from dataclasses import dataclass

import asyncpg

from faildrill.lab.payments.plan import DATABASE, Plan

TABLES = """
CREATE TABLE payments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    amount bigint NOT NULL CHECK (amount > 0),
    server text NOT NULL,
    idempotency_key text UNIQUE,
    reference text,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE faildrill_probe (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    probe text NOT NULL,
    run text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE faildrill_ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run text NOT NULL,
    ledger text NOT NULL,
    writer smallint NOT NULL,
    number bigint NOT NULL
);
CREATE TABLE faildrill_environment (name text PRIMARY KEY, drillable boolean NOT NULL, uid text NOT NULL);
GRANT SELECT, INSERT ON payments TO payments;
GRANT SELECT ON payments, faildrill_environment TO faildrill;
GRANT SELECT, INSERT, DELETE ON faildrill_probe, faildrill_ledger TO faildrill;
GRANT pg_monitor TO faildrill;
"""


@dataclass(frozen=True)
class Identity:
    """What the database can be asked to prove which one it is."""

    system_identifier: str
    uid: str


async def takes_logins(plan: Plan, node: str) -> bool:
    """Log in on `node` as its superuser; ValueError when it says that it isn't ready, OSError when nobody is there."""
    try:
        connection = await _connect(plan, node, "postgres")
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ValueError(str(error)) from error
    await connection.close(timeout=5)
    return True


async def takes_standbys(plan: Plan, node: str) -> bool:
    """Log in on `node` as its superuser, and give standbys a role to log in with; ValueError when it isn't ready."""
    statement = f"CREATE ROLE replicator REPLICATION LOGIN PASSWORD '{plan.password('replicator')}'"
    try:
        await asked(plan, node, statement)
    except asyncpg.DuplicateObjectError:
        return True
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ValueError(str(error)) from error
    return True


async def standbys(plan: Plan, node: str) -> list[str]:
    """Return the names of the standbys that stream from `node`."""
    rows = await asked(plan, node, "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'")
    return [row[0] for row in rows]


async def asked(plan: Plan, node: str, statement: str) -> list[asyncpg.Record]:
    """Return what `node` answers its superuser; raises what asyncpg raises."""
    connection = await _connect(plan, node, "postgres")
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement)
    finally:
        connection.terminate()
    return rows


async def create(plan: Plan, node: str) -> Identity:
    """Create everything on the primary `node`, once, as its superuser."""
    connection = await _connect(plan, node, "postgres")
    try:
        for role in ("payments", "faildrill"):
            await connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{plan.password(role)}'")
        await connection.execute(f"CREATE DATABASE {DATABASE}")
    finally:
        await connection.close(timeout=5)
    connection = await _connect(plan, node, DATABASE)
    try:
        await connection.execute(TABLES)
        await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
        await connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO payments, faildrill")
        await connection.execute(
            "INSERT INTO faildrill_environment (name, drillable, uid) VALUES ($1, true, $2)", plan.place.name, plan.uid
        )
        identifier = await connection.fetchval("SELECT system_identifier FROM pg_control_system()")
    finally:
        await connection.close(timeout=5)
    return Identity(str(identifier), plan.uid)


async def _connect(plan: Plan, node: str, database: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=plan.address(node),
        port=plan.port(node),
        user="postgres",
        password=plan.password("postgres"),
        database=database,
        ssl=False,
        timeout=5,
        command_timeout=10,
    )
