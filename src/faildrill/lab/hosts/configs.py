"""What each host of the lab finds in its folder: its programs, its services and their configuration."""

import json
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import faildrill
from faildrill.lab.core import process_tree, users
from faildrill.lab.core.node import Recipe
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.hosts.plan import APPLICATION_HOSTS, DATABASE_HOSTS, HostsPlan
from faildrill.lab.payments.configs import balancing, serving, write

_ROOT: Final = str(Path(faildrill.__file__).parent.parent)
_SYSTEMCTL: Final = f"import sys; sys.path.insert(0, {_ROOT!r}); from faildrill.lab.hosts.systemctl import main; main()"
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
PRIMARY, STANDBY = DATABASE_HOSTS

POSTGRES: Final = """\
#!/bin/sh
# What the unit `postgres` runs: PostgreSQL, whose data directory is made at the first start of the host.
export LC_ALL=C PGPASSFILE={passwords}
data={data}
while [ ! -s "$data/PG_VERSION" ]; do
    rm -rf "$data"
    {make} && break
    sleep 0.2
done
exec {bin}/postgres -D "$data" -c config_file={config}
"""
INITDB: Final = "{bin}/initdb -D $data -U postgres --pwfile={password} -A scram-sha-256 -k -E UTF8 --no-sync >/dev/null"
BASEBACKUP: Final = "{bin}/pg_basebackup -D $data -d {primary} -R -X stream -c fast --no-sync"
CONFIG: Final = """\
data_directory = '{data}'
hba_file = '{hba}'
listen_addresses = '{loopback}'
port = {port}
unix_socket_directories = '{sockets}'
cluster_name = '{name}'
max_connections = 60
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
wal_keep_size = 128MB
max_wal_size = 256MB
wal_sender_timeout = 15s
wal_receiver_timeout = 15s
wal_retrieve_retry_interval = 500ms
log_checkpoints = off
"""
HBA: Final = """\
local all all scram-sha-256
host all all {loopback}/32 scram-sha-256
host replication replicator {loopback}/32 scram-sha-256
"""


def host(plan: HostsPlan, name: str) -> Recipe:
    """Lay a host out in its folder, and return what its node runs: its SSH server."""
    folder = plan.folder(name)
    for inner in ("bin", "units", "home", "etc"):
        (folder / inner).mkdir()
    _program(folder / "bin" / "systemctl", [sys.executable, "-I", "-S", "-c", _SYSTEMCTL, str(folder)])
    _program(folder / "bin" / "python3", [sys.executable])
    services = _services(plan, name)
    for service, spec in services.items():
        write(folder / "units" / f"{service}.json", json.dumps(spec, indent=2))
    settings = {
        "folder": str(folder),
        "port": plan.port(f"{name} ssh"),
        "host_key": str(folder / "etc" / "ssh_host_ed25519_key"),
        "authorized_keys": str(folder / "etc" / "authorized_keys"),
        "services": list(services),
        "env": _environment(plan, name),
    }
    path = write(folder / "etc" / "sshd.json", json.dumps(settings, indent=2))
    user = plan.postgres_user if name in DATABASE_HOSTS else users.myself()
    argv = [sys.executable, "-P", "-m", "faildrill.lab.hosts.ssh_server", str(path)]
    return Recipe(name, argv, folder, plan.log(name), user, "ssh")


def give(plan: HostsPlan, name: str) -> None:
    """Give the folder of a database host to the user that it runs as, where that is another one."""
    if name in DATABASE_HOSTS:
        users.give(plan.folder(name), plan.postgres_user)


def _services(plan: HostsPlan, name: str) -> dict[str, dict[str, Any]]:
    if name in APPLICATION_HOSTS:
        program = serving(plan, name, plan.folder(name) / "etc", DATABASE_HOSTS)
        return {"payments": _unit(plan, name, "payments", program)}
    if name in DATABASE_HOSTS:
        return {
            "postgres": _unit(plan, name, "postgres", postgres(plan, name)) | {"stop_signal": "SIGINT"},
            "role": _unit(plan, name, "role", _role(plan, name)),
        }
    return {"haproxy": _unit(plan, name, "haproxy", _haproxy(plan, name))}


def _unit(plan: HostsPlan, name: str, service: str, argv: list[str]) -> dict[str, Any]:
    log = plan.folder(name) / "home" / f"{service}.log" if plan.is_shared else plan.log(f"{name}-{service}")
    return {"argv": argv, "env": _environment(plan, name) | {"PYTHONUNBUFFERED": "1"}, "log": str(log)}


def _environment(plan: HostsPlan, name: str) -> dict[str, str]:
    """Return what everything on a host finds in its environment, its mark among it."""
    folder = plan.folder(name)
    return {
        "PATH": f"{folder}/bin:{_PATH}",
        "HOME": f"{folder}/home",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/sh",
        process_tree.MARK: str(folder),
    }


def _role(plan: HostsPlan, name: str) -> list[str]:
    secret = write(plan.folder(name) / "etc" / "role.password", plan.password("faildrill"))
    login = {"host": LOOPBACK, "port": plan.port(name), "user": "faildrill", "database": "postgres"}
    config = {"port": plan.port(f"{name} role"), "database": login, "password_file": str(secret)}
    path = write(plan.folder(name) / "etc" / "role.json", json.dumps(config, indent=2))
    return [sys.executable, "-P", "-m", "faildrill.lab.hosts.role_server", str(path)]


def _haproxy(plan: HostsPlan, name: str) -> list[str]:
    text = balancing(plan, APPLICATION_HOSTS, {one: f"{one} role" for one in DATABASE_HOSTS})
    path = write(plan.folder(name) / "etc" / "haproxy.cfg", text)
    return [str(plan.parts.haproxy), "-db", "-f", str(path)]


def postgres(plan: HostsPlan, name: str) -> list[str]:
    """Lay out in its folders what a database host needs for PostgreSQL, and return the command that runs it."""
    folder = plan.folder(name)
    etc, data = folder / "etc", folder / "data"
    hba = write(etc / "pg_hba.conf", HBA.format(loopback=LOOPBACK))
    sockets = plan.postgres_sockets
    port = plan.port(name)
    config = CONFIG.format(data=data, hba=hba, loopback=LOOPBACK, port=port, sockets=sockets, name=name)
    lines = "".join(f"*:*:*:{role}:{plan.password(role)}\n" for role in ("postgres", "replicator"))
    secret = write(etc / "postgres.password", plan.password("postgres"))
    primary = f"host={LOOPBACK} port={plan.port(PRIMARY)} user=replicator dbname=replication application_name={name}"
    make = INITDB if name == PRIMARY else BASEBACKUP
    script = POSTGRES.format(
        passwords=write(etc / "pgpass", lines),
        data=data,
        make=make.format(bin=plan.parts.postgres, password=secret, primary=shlex.quote(primary)),
        bin=plan.parts.postgres,
        config=write(etc / "postgresql.conf", config),
    )
    path = write(folder / "bin" / "postgres-run", script)
    path.chmod(0o700)
    return [str(path)]


def _program(path: Path, argv: list[str]) -> None:
    write(path, f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    path.chmod(0o700)
