"""What a dead database node holds on its disk, read past everything that a drill uses."""

import re
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import asyncpg

from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core import users, wheel_programs
from faildrill.lab.core.facts import Facts
from faildrill.record.ledger import Note
from faildrill.record.timeline import FILE, AnyEvent, Entry, entries
from faildrill.system import kernel


def numbers_of(lab: Facts, node: str, run: str, aside: Path) -> set[int]:
    """Read the ledger's rows of a run from a copy of the data of a node that is down: PostgreSQL in single-user mode.

    Its crash recovery finds all that was ever flushed there, so an acknowledged write is among it.
    """
    copy = shutil.copytree(lab.folder / "nodes" / node / "data", aside / node)
    user = users.for_postgres()
    if user.how == "other":
        shutil.chown(copy, user.uid, user.gid)
    query = f"SELECT string_agg(number::text, ',') AS numbers FROM faildrill_ledger WHERE run = '{run}'\n"  # noqa: S608 - a name of ours
    told = subprocess.run(
        [
            str(wheel_programs.find().postgres / "postgres"),
            "--single",
            "-D",
            str(copy),
            "-c",
            "hot_standby=off",
            "payments",
        ],
        input=query,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        preexec_fn=_into(user),
    )
    shutil.rmtree(copy)
    found = re.search(r'numbers = "([0-9,]*)"', told.stdout)
    assert found, told.stdout + told.stderr
    return {int(number) for number in found.group(1).split(",")}


def _into(user: users.User) -> Callable[[], None] | None:
    if user.how == "namespace":
        return lambda: kernel.enter_user_namespace(user.uid, user.gid)
    return None


async def numbers_on(cluster: Cluster, node: str, run: str) -> list[int]:
    """Read the ledger's rows of a run from a node that runs."""
    member = cluster.members[node]
    assert cluster.password is not None
    connection = await asyncpg.connect(
        host=member.host,
        port=member.port,
        user=cluster.user,
        database=cluster.database,
        password=cluster.password.resolve().reveal(),
    )
    try:
        rows = await connection.fetch("SELECT number FROM faildrill_ledger WHERE run = $1", run)
    finally:
        await connection.close()
    return [cast("int", row[0]) for row in rows]


def acknowledged(path: Path) -> set[int]:
    """Read the numbers of the acknowledged writes from a ledger, one record after the other."""
    content = path.read_bytes()
    tails = [tail for _, tail in struct.iter_unpack("<QQ", content[: len(content) // 16 * 16])]
    return {tail & (1 << 40) - 1 for tail in tails if tail >> 48 & 0xFF == Note.ACKNOWLEDGED}


def until(folder: Path, event: type[AnyEvent], step: str, within: float = 90.0) -> Entry:
    """Wait until an event of a step is in the timeline."""
    deadline = time.monotonic() + within
    while True:
        for entry in entries(folder / FILE):
            if isinstance(entry.what, event) and getattr(entry.what, "step", "") == step:
                return entry
        assert time.monotonic() < deadline, f"no {event.__name__} of {step}"
        time.sleep(0.05)
