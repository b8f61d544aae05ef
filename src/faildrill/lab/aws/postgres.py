"""The instances: PostgreSQL that starts as the writer, or as a reader of the writer that it is told of."""

from pathlib import Path
from typing import Final

from faildrill.lab.aws.plan import FIRST, AwsPlan
from faildrill.lab.core import users
from faildrill.lab.core.node import Recipe
from faildrill.lab.hosts.configs import CONFIG, INITDB
from faildrill.lab.payments.configs import write

_RUN: Final = """\
#!/bin/sh
# What an instance runs: PostgreSQL, as a reader of the one whose address stands in the file `writer`, or as the writer
# where nothing stands there. A writer that is to be a reader is rewound to where the two parted, or else copied anew.
export LC_ALL=C PGPASSFILE={passwords}
data={data}
writer=$(cat {follows})
source="host=$writer port={port} application_name={name}"
copy() {{ {bin}/pg_basebackup -D "$data" -d "$source user=replicator" -R -X stream -c fast --no-sync; }}
while [ ! -s "$data/PG_VERSION" ]; do
    rm -rf "$data"
    {make} && break
    sleep 0.2
done
if [ -z "$writer" ]; then
    rm -f "$data/standby.signal"
    exec {bin}/postgres -D "$data" -c config_file={config}
fi
if [ ! -e "$data/standby.signal" ]; then
    rewind="$source user=postgres dbname=postgres"
    {bin}/pg_rewind -D "$data" --config-file={config} --no-sync --source-server="$rewind" || {{ rm -rf "$data"; copy; }}
    touch "$data/standby.signal"
fi
exec {bin}/postgres -D "$data" -c config_file={config} -c primary_conninfo="$source user=replicator"
"""
_HBA: Final = """\
local all all scram-sha-256
host all all 127.0.0.0/8 scram-sha-256
host replication replicator 127.0.0.0/8 scram-sha-256
"""


def follows(plan: AwsPlan, name: str) -> Path:
    """Return the file that says whom an instance follows: the address of the writer, or nothing."""
    return plan.folder(name) / "writer"


def instance(plan: AwsPlan, name: str) -> Recipe:
    """Lay an instance out in its folder, and return what its node runs."""
    folder = plan.folder(name)
    data, binaries = folder / "data", plan.parts.postgres
    write(follows(plan, name), "" if name == FIRST else plan.address(FIRST))
    hba = write(folder / "pg_hba.conf", _HBA)
    places = {"data": data, "hba": hba, "sockets": ""}  # both have the same port: one folder would hold one socket only
    config = CONFIG.format(**places, loopback=plan.address(name), port=plan.port(name), name=name)
    lines = "".join(f"*:*:*:{role}:{plan.password(role)}\n" for role in ("postgres", "replicator"))
    secret = write(folder / "postgres.password", plan.password("postgres"))
    script = _RUN.format(
        passwords=write(folder / "pgpass", lines),
        data=data,
        follows=follows(plan, name),
        port=plan.port(name),
        make=INITDB.format(bin=binaries, password=secret) if name == FIRST else "copy",
        bin=binaries,
        config=write(folder / "postgresql.conf", config),
        name=name,
    )
    path = write(folder / "run", script)
    path.chmod(0o700)
    users.give(folder, plan.postgres_user)
    return Recipe(name, [str(path)], folder, plan.log(name), plan.postgres_user, "postgresql")
