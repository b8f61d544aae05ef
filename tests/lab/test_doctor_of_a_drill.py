"""`faildrill doctor DRILL`: what would cost a run is told before it, each on a part that was broken on purpose."""

import asyncio
import base64
import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from faildrill.lab.core.wheel_programs import find
from lab.conftest import eventually
from lab.haproxies import CONFIG, PARTS
from lab.kinds_here import environment
from lab.test_succession import called

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
DRILL = """\
drill: all-that-it-needs
environment: lab
probes:
  writes: {postgres.write: {database: payments}, every: 100ms, timeout: 2s}
  ledger: {postgres.ledger: {database: payments}, every: 100ms, timeout: 2s}
steps:
  - name: switch over
    patroni.switchover: {cluster: payments}
  - name: other weights
    haproxy.weights: {load_balancer: payments, backend: payments, set: {pay1: 70}}
expect:
  - outage: {of: writes, at_most: 30s}
"""


@pytest.fixture
def drill(tmp_path: Path) -> Path:
    path = tmp_path / "drill.yaml"
    path.write_text(DRILL, encoding="utf-8")
    return path


def examined(drill: Path, env: str = "lab") -> tuple[int, dict[str, dict[str, Any]]]:
    """What the doctor says of a drill, by what it says it of; and its exit code."""
    command = [sys.executable, "-m", "faildrill", "doctor", str(drill), "--env", env, "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, {one["what"]: one for one in json.loads(done.stdout)}


@contextlib.contextmanager
def edited(lab: Facts, node: str, **restapi: Any) -> Iterator[None]:
    """Change what a node's file says of its interface, as its operator would, and have it read again."""
    path = lab.environment.with_name("nodes") / node / "patroni.yml"
    cluster = environment(lab).of(Cluster)["payments"]
    before = path.read_text(encoding="utf-8")
    settings = yaml.safe_load(before)
    settings["restapi"] |= restapi
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    called(cluster, node, "POST /reload", {})
    try:
        yield
    finally:
        path.write_text(before, encoding="utf-8")
        _reload(lab, node, restapi.get("authentication") or {})


def _reload(lab: Facts, node: str, login: dict[str, str]) -> None:
    api = environment(lab).of(Cluster)["payments"].members[node].api
    words = f"{login.get('username', '')}:{login.get('password', '')}"
    headers = {"Authorization": "Basic " + base64.b64encode(words.encode()).decode()}
    asked = urllib.request.Request(f"{api}/reload", data=b"{}", method="POST", headers=headers)  # noqa: S310 - http
    urllib.request.urlopen(asked, timeout=5).close()  # noqa: S310 - the same


def as_superuser(lab: Facts, *statements: str) -> None:
    """Tell the primary something as its superuser."""

    async def work() -> None:
        cluster = environment(lab).of(Cluster)["payments"]
        primary = next(one for one in cluster.members if called(cluster, one, "GET /patroni")["role"] == "primary")
        secret = lab.environment.with_name("passwords") / "postgres"
        connection = await asyncpg.connect(
            host=cluster.members[primary].host,
            port=cluster.members[primary].port,
            user="postgres",
            password=secret.read_text(encoding="utf-8").strip(),
            database=cluster.database,
        )
        try:
            for one in statements:
                await connection.execute(one)
        finally:
            await connection.close()

    asyncio.run(work())


def test_a_drill_that_could_be_run_is_well_and_each_of_its_probes_was_looked_with(
    steady_lab: Facts, drill: Path
) -> None:
    assert steady_lab.name == "lab"
    code, found = examined(drill)
    assert [one for one in found.values() if not one["ok"]] == []
    assert code == 0
    assert found["probe writes"]["told"] == "ok"
    assert found["probe ledger"]["told"] == "ok"
    assert found["step other-weights socket"]["told"] == "is of level admin"
    assert "takes others while it runs" in found["step other-weights weights of payments"]["told"]
    assert found["step switch-over Patroni's interface"]["told"] == "every node takes changing calls from us"


def test_a_right_that_is_missing_on_a_table_is_told_with_the_grant_to_run(steady_lab: Facts, drill: Path) -> None:
    tables = ("faildrill_probe", "faildrill_ledger")
    examined(drill)  # which creates them
    owned = [f"ALTER TABLE {one} OWNER TO postgres" for one in tables]
    taken = [f"REVOKE ALL ON {one} FROM faildrill" for one in tables]
    as_superuser(steady_lab, *owned, *taken)
    try:
        code, found = examined(drill)
    finally:
        as_superuser(steady_lab, *(f"ALTER TABLE {one} OWNER TO faildrill" for one in tables))
    assert code == 1
    for probe, table in (("writes", "faildrill_probe"), ("ledger", "faildrill_ledger")):
        grant = f"GRANT INSERT, SELECT, DELETE ON {table} TO faildrill"
        assert found[f"probe {probe}"]["remedy"] == f"its owner must run: {grant}"


def test_a_patroni_that_takes_no_changing_calls_from_us_is_told_before_the_switchover(
    steady_lab: Facts, drill: Path
) -> None:
    login = {"username": "operator", "password": "only-theirs"}
    with edited(steady_lab, "pg1", authentication=login):
        eventually(lambda: not examined(drill)[1]["step switch-over Patroni's interface"]["ok"])
        told = examined(drill)[1]["step switch-over Patroni's interface"]
    assert told["told"].startswith("pg1 401")
    assert "api_user and api_password" in told["remedy"]
    leader = environment(steady_lab).of(Cluster)["payments"]
    assert called(leader, "pg1", "GET /patroni")["timeline"] == called(leader, "pg2", "GET /patroni")["timeline"]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (("user", "balance roundrobin"), ("socket", "is of level user")),
        (("admin", "balance static-rr"), ("weights of payments", "takes none but 0 % and 100 %")),
        (("admin", "balance source"), ("weights of payments", "unknown: balance source is by a hash")),
    ],
)
def test_a_haproxy_that_would_not_do_it_is_told_with_what_to_write(
    steady_lab: Facts, tmp_path: Path, made: tuple[str, str], told: tuple[str, str]
) -> None:
    what, words = told
    folder = tmp_path / "h"
    folder.mkdir()
    with balancing(folder, *made) as place:
        drill = tmp_path / "weights.yaml"
        drill.write_text(
            "drill: weights\nenvironment: front\nprobes:\n  up: {tcp.connect: {address: "
            f'"127.0.0.1:{steady_lab.database_port}"}}, every: 100ms}}\nsteps:\n  - name: weigh\n    haproxy.weights: '
            "{load_balancer: front, backend: payments, set: {s1: 70}}\nexpect:\n  - outage: {of: up, at_most: 1s}\n",
            encoding="utf-8",
        )
        code, found = examined(drill, str(place))
    assert code == 1
    assert words in found[f"step weigh {what}"]["told"]
    assert found[f"step weigh {what}"]["remedy"]


@contextlib.contextmanager
def balancing(folder: Path, level: str, backend: str) -> Iterator[Path]:
    """Start a HAProxy with a socket of a level, and give the file of an environment that declares it."""
    text = CONFIG.format(folder=folder, listening=0, **{**PARTS, "backend": backend})
    text = text.replace("level admin", f"level {level}").replace("    bind fd@0\n", "")
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    declared = {
        "environment": "front",
        "drillable": True,
        "load_balancers": {
            "front": {"haproxy_socket": str(folder / "admin.sock"), "backends": {"payments": ["s1", "s2", "s3"]}}
        },
    }
    place = folder / "front.yaml"
    place.write_text(yaml.safe_dump(declared), encoding="utf-8")
    with subprocess.Popen([str(find().haproxy), "-db", "-f", str(folder / "haproxy.cfg")]) as process:
        try:
            eventually((folder / "admin.sock").exists)
            yield place
        finally:
            process.terminate()


def test_the_doctor_tidies_away_nothing_of_a_run(steady_lab: Facts, drill: Path) -> None:
    examined(drill)
    as_superuser(steady_lab, "INSERT INTO faildrill_ledger (run, ledger, writer, number) VALUES ('a-run', 'l', 1, 1)")
    examined(drill)
    as_superuser(
        steady_lab, "DO $$ BEGIN ASSERT (SELECT count(*) FROM faildrill_ledger WHERE run = 'a-run') = 1; END $$"
    )
