"""`playbooks/postgres-promote` on Debian's PostgreSQL 15: two clusters on this machine, two hosts to Ansible."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from faildrill.adapters.ansible.playbook import Playbook
from faildrill.adapters.ansible.target import Hosts
from lab.hosts_lab import given, step

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]
BIN: Final = Path("/usr/lib/postgresql/15/bin")
PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin"
CONTROL: Final = """#!/bin/sh
# Controls a cluster as systemctl controls a unit; what it starts finds nothing of whoever asked for it.
data={folder}/$2
case $1 in
  start) exec env -i PATH=$PATH {as_owner} {bin}/pg_ctl -D "$data" -w -l "$data.log" -o "-c config_file=$data.conf" \\
         start >/dev/null 2>&1 </dev/null ;;
  stop) env -i PATH=$PATH {as_owner} {bin}/pg_ctl -D "$data" status >/dev/null || exit 0
        exec env -i PATH=$PATH {as_owner} {bin}/pg_ctl -D "$data" -w -m fast stop ;;
  is-active) exec env -i PATH=$PATH {as_owner} {bin}/pg_ctl -D "$data" status ;;
esac
"""


@dataclass
class Clusters:
    """A primary `db1` and its standby `db2`."""

    folder: Path
    as_owner: list[str]
    ports: dict[str, int]

    def __post_init__(self) -> None:
        control = CONTROL.format(folder=self.folder, bin=BIN, as_owner=" ".join(self.as_owner))
        (self.folder / "control").write_text(control)
        (self.folder / "control").chmod(0o755)

    def do(self, program: str, *arguments: str) -> str:
        argv = [*self.as_owner, str(BIN / program), *arguments]
        return subprocess.run(argv, check=True, text=True, capture_output=True, cwd="/", timeout=120).stdout.strip()

    def control(self, what: str, name: str) -> None:
        subprocess.run([self.folder / "control", what, name], check=True, timeout=120)

    def ask(self, name: str, statement: str) -> str:
        where = ("-h", "127.0.0.1", "-p", str(self.ports[name]), "-U", "postgres", "postgres")
        return self.do("psql", "-XAt", "-c", statement, *where)

    def begin(self) -> None:
        first, second = (str(self.folder / name) for name in self.ports)
        self.do("initdb", "-D", first, "-U", "postgres", "-A", "trust", "-k")
        for name, port in self.ports.items():  # beside the data, as Debian has it: pg_rewind copies what lies within
            places = f"data_directory = '{self.folder / name}'\nhba_file = '{self.folder / name}/pg_hba.conf'\n"
            network = f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
            (self.folder / f"{name}.conf").write_text(f"{places}{network}fsync = off\nwal_keep_size = 64MB\n")
        self.control("start", "db1")
        source = f"host=127.0.0.1 port={self.ports['db1']} user=postgres application_name=db2"
        self.do("pg_basebackup", "-D", second, "-R", "-X", "stream", "-c", "fast", "-d", source)
        self.control("start", "db2")
        self.ask("db1", "CREATE TABLE payments (n int)")
        self.ask("db1", "CREATE TABLE pages AS SELECT n FROM generate_series(1, 200000) AS n")  # many to write down

    def part(self) -> None:
        """End replication, and have the primary write what the standby will never have: it must be rewound."""
        self.ask("db2", "ALTER SYSTEM SET primary_conninfo = ''")
        self.ask("db2", "SELECT pg_reload_conf()")
        while self.ask("db1", "SELECT count(*) FROM pg_stat_replication") != "0":
            time.sleep(0.1)
        self.ask("db1", "INSERT INTO payments VALUES (1)")

    def hosts(self) -> Hosts:
        lines = []
        for name, port in self.ports.items():
            known = {
                "ansible_connection": "local",
                "ansible_python_interpreter": shutil.which("python3", path=PATH) or sys.executable,  # the owner's, too
                "ansible_become_method": "su",
                "pg_host": "127.0.0.1",
                "pg_port": str(port),
                "pg_bin": str(BIN),
                "pg_data": str(self.folder / name),
                "pg_config": str(self.folder / f"{name}.conf"),
                "pg_service": name,
                "pg_user": "postgres",
                "pg_replication_user": "postgres",
                "pg_become": str(bool(self.as_owner)).lower(),
                "service_control": str(self.folder / "control"),
            }
            lines.append(f"    {name}: {{{', '.join(f'{key}: {value}' for key, value in known.items())}}}\n")
        inventory = self.folder / "inventory.yml"
        inventory.write_text("all:\n  hosts:\n" + "".join(lines))
        return Hosts(name="databases", inventory=str(inventory))


@pytest.fixture
def clusters() -> Iterator[Clusters]:
    if not (BIN / "pg_rewind").exists():
        pytest.skip("no PostgreSQL 15: apt install postgresql-15")
    is_root = os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="fd-postgres-"))
    if is_root:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    as_owner = [str(shutil.which("runuser", path=PATH)), "-u", "postgres", "--"] if is_root else []
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = {"db1": one.getsockname()[1], "db2": two.getsockname()[1]}
    made = Clusters(folder, as_owner, ports)
    try:
        made.begin()
        yield made
    finally:
        for name in ports:
            subprocess.run([folder / "control", "stop", name], check=False, capture_output=True, timeout=120)
        shutil.rmtree(folder, ignore_errors=True)


def promotion(clusters: Clusters) -> Playbook:
    return step(clusters.hosts(), "postgres-promote", pg_primary="db1", pg_standby="db2")


def test_a_promotion_on_postgresql_15_is_put_back_by_rewinding_a_primary_that_went_its_own_way(
    clusters: Clusters,
) -> None:
    action = promotion(clusters)

    async def scenario() -> None:
        before = await action.capture(given())
        clusters.part()
        await action.apply(before, given())
        seen = await action.confirm(before, given())
        assert seen.holds, seen.because
        clusters.ask("db2", "INSERT INTO payments VALUES (7)")
        await action.undo(before, given())
        restored = await action.restored(before, given())
        assert restored.holds, restored.because

    asyncio.run(scenario())
    assert [clusters.ask(name, "SELECT n FROM payments") for name in clusters.ports] == ["7", "7"]
    assert [clusters.ask(name, "SELECT pg_is_in_recovery()") for name in clusters.ports] == ["f", "t"]
