"""A PgBouncer in front of a database, as users have it; skipped in words without the program."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.adapters.postgres.target import Database

_CONFIG = """\
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
max_client_conn = 200
server_login_retry = 1
logfile = {folder}/log
pidfile = {folder}/pid
"""


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextlib.contextmanager
def bouncing(database: Database, folder: Path, more: str = "") -> Iterator[Database]:
    """Give the database as it is reached through a PgBouncer in transaction mode."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer here: install pgbouncer")
    password = database.password.resolve().reveal() if database.password else ""
    own = free_port()
    config = folder / "pgbouncer.ini"
    config.write_text(
        _CONFIG.format(
            host=database.host, port=database.port, user=database.user, password=password, own=own, folder=folder
        )
        + more,
        encoding="utf-8",
    )
    as_nobody = {"user": "nobody"} if os.getuid() == 0 else {}
    if as_nobody:  # PgBouncer refuses to run as root, and reads its file as whom it runs
        shutil.chown(folder, "nobody")
        shutil.chown(config, "nobody")
        for one in folder.parents[:3]:
            one.chmod(one.stat().st_mode | 0o011)
    with subprocess.Popen([program, str(config)], stderr=subprocess.PIPE, text=True, **as_nobody) as process:  # type: ignore[call-overload]
        try:
            _accepts(own, process)
            yield database.model_copy(update={"host": "127.0.0.1", "port": own, "password": None})
        finally:
            process.terminate()


def _accepts(port: int, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, "PgBouncer does not accept connections"
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.05)
        else:
            return
