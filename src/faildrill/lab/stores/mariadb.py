"""Two MariaDB servers: one takes writes, the other replicates from it by GTID, and semi-synchronously."""

import asyncio
import os
import secrets
import subprocess
from functools import partial
from pathlib import Path
from typing import Any, Final

import pymysql

from faildrill.lab.core import users, wheel_programs
from faildrill.lab.core.folders import Place
from faildrill.lab.core.node import Node, Recipe
from faildrill.lab.core.port_reservations import LOOPBACK, Reservations
from faildrill.lab.payments import plan, staging
from faildrill.lab.payments.environment_file import host_identity, yaml_text
from faildrill.lab.payments.readiness import until
from faildrill.lab.payments.schema import Identity
from faildrill.lab.stores import certificates
from faildrill.lab.stores.system_programs import program

NODES: Final = ("m1", "m2")
DATABASE: Final = "payments"
USERS: Final = ("payments", "drill", "replica")
_EVERY: Final = {"every": "500ms", "timeout": "2s"}
_PATIENCE: Final = 5

# A server that comes back from the dead is read-only, and rolls back what its replica never had (`init-rpl-role`).
_CONFIG: Final = """\
[mariadbd]
bind-address = {loopback}
port = {port}
datadir = {folder}/data
socket = {socket}
pid-file = {folder}/pid
server-id = {server_id}
{user}
read-only = 1
log-bin = binlog
log-slave-updates = 1
gtid-strict-mode = 1
sync-binlog = 1
rpl-semi-sync-master-enabled = 1
rpl-semi-sync-master-wait-point = AFTER_SYNC
rpl-semi-sync-master-timeout = 1000
rpl-semi-sync-slave-enabled = 1
init-rpl-role = SLAVE
slave-net-timeout = 5
ssl-ca = {tls.ca}
ssl-cert = {tls.server}
ssl-key = {tls.key}
skip-name-resolve = 1
innodb-buffer-pool-size = 32M
innodb-log-file-size = 16M
performance-schema = 0
"""
_ACCOUNTS: Final = (
    "CREATE DATABASE payments",
    "CREATE USER payments@'127.0.0.1' IDENTIFIED BY '{payments}'",
    "GRANT ALL ON payments.* TO payments@'127.0.0.1'",
    "CREATE USER drill@'127.0.0.1' IDENTIFIED BY '{drill}'",
    "GRANT SELECT ON payments.* TO drill@'127.0.0.1'",
    (
        "GRANT BINLOG MONITOR, REPLICA MONITOR, REPLICATION SLAVE ADMIN, READ_ONLY ADMIN, RELOAD ON *.* "
        "TO drill@'127.0.0.1'"
    ),
    "CREATE USER replica@'127.0.0.1' IDENTIFIED BY '{replica}'",
    "GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1'",
    "CREATE TABLE payments.faildrill_identity (uid varchar(64) NOT NULL)",
    "INSERT INTO payments.faildrill_identity VALUES ('{uid}')",
    "SET GLOBAL read_only = 0",
)
_FOLLOW: Final = (
    (
        "CHANGE MASTER TO master_host='{loopback}', master_port={port}, master_user='replica', "
        "master_password='{replica}', master_connect_retry=1, master_use_gtid=slave_pos"
    ),
    "START SLAVE",
)


class MariaDBStaging(staging.Staging):
    """Both servers of one lab."""

    def __init__(self, planned: plan.Plan) -> None:
        self.plan = planned
        self.nodes = {name: Node(_recipe(planned, name)) for name in NODES}
        self.links = {}

    async def bring_up(self, progress: staging.Progress) -> Identity:
        """Install both, start both, and wait until one replicates from the other."""
        first, second = NODES
        await asyncio.gather(*(self._install(name) for name in NODES))
        await asyncio.gather(*(node.start() for node in self.nodes.values()))
        for name in NODES:
            await until(self.nodes[name], "a server that takes logins", partial(self._ask, name), staging.WITHIN)
        words = {user: self.plan.password(user) for user in USERS} | {"uid": self.plan.uid, "loopback": LOOPBACK}
        await self._tell(first, _ACCOUNTS, words)
        progress(first)
        await self._tell(second, _FOLLOW, {**words, "port": self.plan.port(first)})
        await until(self.nodes[second], "replication", self.steady, staging.WITHIN)
        progress(second)
        return Identity("", self.plan.uid)

    async def steady(self) -> bool:
        """Look once whether one server takes writes, and the other one follows it and has all that it has."""
        if not all(node.state() == "running" for node in self.nodes.values()):
            return False
        roles = [await self._role(name) for name in NODES]
        reached = {(await self._ask(name, "SELECT @@global.gtid_current_pos AS it"))[0]["it"] for name in NODES}
        return sorted(roles) == ["follows", "writes"] and len(reached) == 1

    def environment_text(self, identity: Identity) -> str:
        """Return the text of the environment file."""
        planned = self.plan
        login = {"user": "payments", "password": _file(planned, "payments")}
        login |= {"admin": "drill", "admin_password": _file(planned, "drill")}
        login |= {"replication_user": "replica", "replication_password": _file(planned, "replica")}
        members = {name: {"host": LOOPBACK, "port": planned.port(name), "reach": "lab"} for name in NODES}
        content: dict[str, Any] = {
            "environment": planned.place.name,
            "about": "A MariaDB that takes writes, and one that replicates from it, on this machine.",
            "drillable": True,
            "reaches": {"lab": {"lab.supervisor": {"socket": str(planned.place.control)}}},
            "mariadb": {"payments": {"database": DATABASE, **login, "members": members}},
            "identity": [{"mariadb.identity": {"mariadb": "payments", "uid": identity.uid}}, host_identity(planned)],
            "probes": {"redundancy": {"mariadb.redundancy": {"mariadb": "payments"}, **_EVERY}},
        }
        return yaml_text(content)

    async def _install(self, name: str) -> None:
        """Make a server's own tables; whether that went well shows when it starts: the supervisor reaps this child."""
        folder = self.plan.folder(name)
        install = program("mariadb-install-db", "mariadb-server")
        argv = [str(install), "--no-defaults", f"--datadir={folder / 'data'}", f"--tmpdir={folder}", "--skip-test-db"]
        argv += ["--auth-root-authentication-method=normal", "--force", *([] if os.geteuid() else ["--user=root"])]
        with self.plan.log(name).open("ab") as log:
            await asyncio.to_thread(subprocess.run, argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)

    async def _role(self, name: str) -> str:
        read_only = (await self._ask(name, "SELECT @@global.read_only AS it"))[0]["it"]
        follows = await self._ask(name, "SHOW SLAVE STATUS")
        running = [row["Slave_IO_Running"] == row["Slave_SQL_Running"] == "Yes" for row in follows]
        return (
            "follows" if read_only and running == [True] else ("writes" if not read_only and not running else "neither")
        )

    async def _tell(self, name: str, statements: tuple[str, ...], words: dict[str, Any]) -> None:
        for statement in statements:
            await self._ask(name, statement.format(**words))

    async def _ask(self, name: str, statement: str = "SELECT 1") -> list[dict[str, Any]]:
        """Ask a server as its root, by its own socket."""

        def ask() -> list[dict[str, Any]]:
            connection = pymysql.connect(
                unix_socket=str(_socket(self.plan, name)),
                user="root",
                connect_timeout=_PATIENCE,
                read_timeout=_PATIENCE,
                cursorclass=pymysql.cursors.DictCursor,
                autocommit=True,
            )
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())

        try:
            return await asyncio.to_thread(ask)
        except pymysql.Error as error:
            raise OSError(str(error)) from error


def make(place: Place) -> MariaDBStaging:
    """Plan a lab of MariaDB and lay it out in its folders."""
    planned = plan.Plan(place, wheel_programs.find(), Reservations(), users.myself(), secrets.token_hex(8))
    staging.make_folders(planned, NODES)
    for user in USERS:
        planned.password_file(user).write_text(secrets.token_hex(16), encoding="ascii")
    certificates.make(planned.place.folder / "tls")
    return MariaDBStaging(planned)


def _recipe(planned: plan.Plan, name: str) -> Recipe:
    folder = planned.folder(name)
    config = folder / "my.cnf"
    text = _CONFIG.format(
        loopback=LOOPBACK,
        port=planned.port(name),
        folder=folder,
        socket=_socket(planned, name),
        server_id=NODES.index(name) + 1,
        tls=certificates.at(planned.place.folder / "tls"),
        user="" if os.geteuid() else "user = root",
    )
    config.write_text(text, encoding="utf-8")
    binary = program("mariadbd", "mariadb-server")
    return Recipe(name, [str(binary), f"--defaults-file={config}"], folder, planned.log(name), part="mariadb")


def _socket(planned: plan.Plan, name: str) -> Path:
    return planned.place.run / f"{name}.sock"


def _file(planned: plan.Plan, user: str) -> str:
    return f"file:{planned.password_file(user)}"
