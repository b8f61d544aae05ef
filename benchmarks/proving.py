"""How long it takes to prove what became of so many acknowledged writes: reading the rows, and weighing them."""

import asyncio
import subprocess
import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from faildrill.adapters.postgres.ledger import TABLE, Ledger
from faildrill.adapters.postgres.target import Database
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core import wheel_programs
from faildrill.record.ledger import CHECK, Note, path_of
from faildrill.record.ledger.accounts import accounts

RUN: Final = "proving"
NAME: Final = "ledger"
_MILLISECOND: Final = 1_000_000


class Took(NamedTuple):
    """Seconds of reading the rows back and of weighing them, and seconds of our processor for both."""

    reading: float
    weighing: float
    cpu: float


def note(folder: Path, writes: int) -> None:
    """Write a ledger of so many acknowledged writes, four under way at once, as the writers would."""
    number = np.arange(1, writes + 1, dtype=np.uint64)
    tail = number | (number % np.uint64(4)) << np.uint64(40)
    at = np.concatenate([number * np.uint64(_MILLISECOND), (number + np.uint64(3)) * np.uint64(_MILLISECOND)])
    tail = np.concatenate([tail | np.uint64(Note.SENT << 48), tail | np.uint64(Note.ACKNOWLEDGED << 48)])
    order = np.argsort(at, kind="stable")
    at, tail = at[order], tail[order]
    folded = at ^ tail
    for shift in (32, 16, 8):
        folded = folded ^ (folded >> np.uint64(shift))
    tail |= ((folded & np.uint64(0xFF)) ^ np.uint64(CHECK)) << np.uint64(56)
    np.stack([at, tail], axis=1).tofile(path_of(folder, NAME))


def fill(port: int, writes: int) -> None:
    """Put the rows into the table that such writes leave behind."""
    rows = f"SELECT '{RUN}', '{NAME}', n % 4, n FROM generate_series(1, {writes}) AS n"  # noqa: S608 - constants
    statement = (
        f"TRUNCATE {TABLE.name} RESTART IDENTITY; INSERT INTO {TABLE.name} (run, ledger, writer, number) {rows};"
        f"VACUUM ANALYZE {TABLE.name}"
    )
    where = ["-h", "127.0.0.1", "-p", str(port), "-U", "bench", "-q"]
    commands = [word for one in statement.split(";") for word in ("-c", one)]
    subprocess.run(
        [str(wheel_programs.find().postgres / "psql"), *where, *commands, "postgres"], check=True, timeout=300
    )


def prove(port: int, folder: Path) -> Took:
    """Read back and weigh, as a run does when it is over; AssertionError where anything is lost or not proven."""
    for kept in folder.glob(f"{NAME}@*.rows"):
        kept.unlink()
    database = Database(name="bench", host="127.0.0.1", port=port, database="postgres", user="bench")
    given = CallContext(RUN, timeout=60.0, name=NAME, folder=folder)
    began, used = time.perf_counter(), time.process_time()
    asyncio.run(Ledger(database=database).read_back(given))
    read = time.perf_counter()
    [account] = accounts(folder, NAME).values()
    took = Took(read - began, time.perf_counter() - read, time.process_time() - used)
    assert account.acknowledged and not account.lost, account  # noqa: S101, PT018 - a wrong answer is no measurement
    return took
