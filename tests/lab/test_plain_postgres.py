"""Who could take over from a PostgreSQL without Patroni: Debian's PostgreSQL 15, a primary and a standby for real."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from faildrill.adapters.postgres.replication import Replication
from faildrill.adapters.postgres.target import Cluster, ClusterMember
from faildrill.kinds.call_context import CallContext
from lab.conftest import eventually
from lab.poolers import free_port

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
PROGRAMS = Path("/usr/lib/postgresql/15/bin")


@dataclass
class Pair:
    """A primary and its standby."""

    folder: Path
    ports: dict[str, int]

    def run(self, program: str, *words: str) -> None:
        as_whom = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        done = subprocess.run(  # type: ignore[call-overload]
            [str(PROGRAMS / program), *words], capture_output=True, text=True, timeout=60, check=False, **as_whom
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def control(self, what: str, name: str, *words: str) -> None:
        where = ("-D", str(self.folder / name))
        self.run("pg_ctl", what, *where, "-w", "-t", "30", *words)

    def start(self, name: str, *settings: str) -> None:
        options = " ".join([f"-p {self.ports[name]} -k {self.folder} -h 127.0.0.1,127.0.0.2", *settings])
        self.control("start", name, "-l", str(self.folder / f"{name}.log"), "-o", options)

    def tell(self, name: str, *statements: str) -> None:
        async def work() -> None:
            connection = await asyncpg.connect(host="127.0.0.1", port=self.ports[name], user="postgres")
            try:
                for one in statements:
                    await connection.execute(one)
            finally:
                await connection.close()

        asyncio.run(work())

    @property
    def cluster(self) -> Cluster:
        members = {
            name: ClusterMember(name=name, api="http://127.0.0.1:1", host="127.0.0.1", port=port)
            for name, port in self.ports.items()
        }
        return Cluster(name="plain", scope="plain", database="postgres", user="postgres", members=members)

    def objection(self, cluster: Cluster | None = None) -> str:
        guard = Replication(cluster=cluster or self.cluster, behind=1 << 20)
        return asyncio.run(guard.objection(CallContext("run", 5.0))) or ""


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    if not (PROGRAMS / "initdb").exists():
        pytest.skip("no PostgreSQL 15 here: install postgresql-15")
    with tempfile.TemporaryDirectory(prefix="fd-pg15-") as name:
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        made = Pair(folder, {"a": free_port(), "b": free_port()})
        made.run("initdb", "-D", str(folder / "a"), "-A", "trust", "-N", "-U", "postgres")
        try:
            made.start("a")
            made.tell("a", "SELECT pg_create_physical_replication_slot('b')")
            source = f"host=localhost port={made.ports['a']} user=postgres"
            made.run("pg_basebackup", "-D", str(folder / "b"), "-R", "-S", "b", "-c", "fast", "-N", "-d", source)
            made.start("b")
            yield made
        finally:
            for one in ("b", "a"):
                with contextlib.suppress(AssertionError):
                    made.control("stop", one, "-m", "immediate")


@pytest.fixture
def whole(pair: Pair) -> Pair:
    eventually(lambda: pair.objection() == "")
    return pair


@contextlib.contextmanager
def restarted(pair: Pair, name: str, *settings: str) -> Iterator[None]:
    """Start a server with other settings, and again without them."""
    pair.control("stop", name, "-m", "fast")
    pair.start(name, *settings)
    try:
        yield
    finally:
        pair.control("stop", name, "-m", "fast")
        pair.start(name)


def told(pair: Pair, *words: str) -> Callable[[], bool]:
    return lambda: all(one in pair.objection() for one in words)


def test_a_standby_that_streams_under_no_name_of_its_own_is_whole(whole: Pair) -> None:
    assert whole.objection() == ""  # its application_name is `walreceiver`, and `localhost` is 127.0.0.1


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("-c recovery_min_apply_delay=1h", "b replays 1h late by design"),
        ("-c recovery_target_time=2099-01-01", "b stops at its recovery_target_time"),
        ("-c hot_standby=off", "b "),
        ("-c max_wal_senders=10 -c primary_conninfo=", "b does not stream from a"),
    ],
    ids=["delay", "target", "no hot standby", "no source"],
)
def test_a_standby_that_is_set_otherwise_could_not_take_over(whole: Pair, setting: str, words: str) -> None:
    if "hot_standby" in setting:
        whole.control("stop", "b", "-m", "fast")
        with contextlib.suppress(AssertionError):
            whole.start("b", setting, "-c log_min_messages=warning")
        try:
            eventually(told(whole, words, "with hot_standby on"))
        finally:
            whole.control("stop", "b", "-m", "fast")
            whole.start("b")
        return
    with restarted(whole, "b", setting):
        eventually(told(whole, words, "(do: "))


def test_a_standby_that_has_paused_or_whose_slot_is_gone_could_not_take_over(whole: Pair) -> None:
    whole.tell("b", "SELECT pg_wal_replay_pause()")
    try:
        eventually(told(whole, "b has paused replaying (do: SELECT pg_wal_replay_resume() on b)"))
    finally:
        whole.tell("b", "SELECT pg_wal_replay_resume()")
    eventually(lambda: whole.objection() == "")
    whole.control("stop", "b", "-m", "fast")
    whole.tell("a", "SELECT pg_drop_replication_slot('b')")
    whole.start("b")
    try:
        eventually(told(whole, "b "))
    finally:
        whole.tell("a", "SELECT pg_create_physical_replication_slot('b')")


def test_a_standby_that_streams_from_an_address_nobody_declared_is_told_with_the_line_to_write(whole: Pair) -> None:
    def of(known_as: str | None) -> Cluster:
        there = whole.cluster.members["a"].model_copy(update={"host": "127.0.0.2", "known_as": known_as})
        return whole.cluster.model_copy(update={"members": {**whole.cluster.members, "a": there}})

    address = f"localhost:{whole.ports['a']}"
    seen = whole.objection(of(None))
    assert f"b does not stream from a, but from {address}" in seen
    assert f'write `known_as: "{address}"` under a' in seen
    assert whole.objection(of(address)) == ""
