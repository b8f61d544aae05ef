"""The lab as it is when it is up."""

import asyncio
import json
import stat
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from click.testing import CliRunner

from faildrill.adapters.lab.reach import Supervisor
from faildrill.adapters.postgres.target import Cluster
from faildrill.cli.lab import lab as command
from faildrill.errors import ActionRefused, CannotSee, FaildrillError
from faildrill.lab.core import startup
from faildrill.lab.core.facts import Facts
from faildrill.loading.environment_file import load_environment
from faildrill.system.processes import descendants
from faildrill.toolkit.links import OPEN, LinkMode
from lab.conftest import ask, eventually

pytestmark = pytest.mark.lab


def environment(lab: Facts) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(lab.environment.read_text())
    return content


def pay(lab: Facts, key: str | None = None) -> tuple[int, dict[str, Any], dict[str, str]]:
    headers = {"Idempotency-Key": key} if key else {}
    request = urllib.request.Request(f"{lab.payments}/payments", b'{"amount": 7}', headers)  # noqa: S310 - the lab's own
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
        return answer.status, json.load(answer), dict(answer.headers)


def asked(lab: Facts, query: str, *values: object, port: int | None = None) -> Any:  # noqa: ANN401 - what the query asks for
    """Ask the database as the role that drills ask with, through HAProxy or at `port`."""
    database = environment(lab)["databases"]["payments"]
    login = database | {"password": Path(database["password"].removeprefix("file:")).read_text()}

    async def ask_once() -> object:
        connection = await asyncpg.connect(**login | {"port": port or login["port"]}, ssl=False, timeout=5)
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()

    return asyncio.run(ask_once())


def test_it_is_ready_in_time_and_tells_when_each_part_was(
    lab: Facts, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    assert lab.timings["payment"] == max(lab.timings.values())
    figure(f"the lab was ready after {lab.timings['payment']:.1f} s")
    assert lab.timings["payment"] < many(120, 20)


def test_up_of_a_lab_that_is_up_is_the_same_lab(lab: Facts) -> None:
    assert startup.up("lab") == lab


def test_a_payment_is_written_and_says_who_took_it(lab: Facts) -> None:
    status, body, headers = pay(lab)
    assert status == 201
    assert body["server"] == headers["x-server"]
    assert body["server"] in {"pay1", "pay2", "pay3"}
    assert body["database_node"] == headers["x-database-node"]
    assert asked(lab, "SELECT amount FROM payments WHERE id = $1", body["id"]) == 7


def test_the_same_key_is_the_same_payment_written_once(lab: Facts) -> None:
    paid = [pay(lab, "same key") for _ in range(4)]
    assert [status for status, _, _ in paid] == [201, 200, 200, 200]
    assert len({body["id"] for _, body, _ in paid}) == 1
    assert asked(lab, "SELECT count(*) FROM payments WHERE idempotency_key = 'same key'") == 1


def test_payments_are_spread_over_all_servers(lab: Facts) -> None:
    assert {pay(lab)[1]["server"] for _ in range(6)} == {"pay1", "pay2", "pay3"}


def test_the_environment_file_proves_what_it_is(lab: Facts) -> None:
    identity = environment(lab)["identity"]
    proven = asked(lab, "SELECT system_identifier FROM pg_control_system()")
    assert identity[0]["postgres.identity"]["system_identifier"] == str(proven)
    marker = asked(lab, "SELECT uid FROM faildrill_environment WHERE name = 'lab' AND drillable")
    assert identity[1]["postgres.marker"]["uid"] == marker


def test_the_environment_file_is_one_that_drills_can_use(lab: Facts) -> None:
    loaded = load_environment(lab.environment)
    assert loaded.drillable
    assert list(loaded.of(Cluster)["payments"].members) == ["pg1", "pg2"]


def test_both_database_nodes_answer_directly_and_one_is_the_primary(lab: Facts) -> None:
    members = environment(lab)["clusters"]["payments"]["members"]
    in_recovery = [asked(lab, "SELECT pg_is_in_recovery()", port=member["port"]) for member in members.values()]
    assert sorted(in_recovery) == [False, True]


def test_the_role_that_drills_ask_with_can_write_its_probes_and_nothing_else(lab: Facts) -> None:
    insert = "INSERT INTO faildrill_probe (probe, run) VALUES ('p', 'r') RETURNING id"
    assert asked(lab, insert) > 0
    assert asked(lab, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1
    for query in (
        "DELETE FROM payments",
        "INSERT INTO payments (amount, server) VALUES (1, 'x')",
        "UPDATE faildrill_environment SET drillable = true",
        "CREATE TABLE mine (id int)",
        "SELECT pg_promote()",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            asked(lab, query)


def test_no_password_is_on_a_command_line_or_readable_by_others(lab: Facts) -> None:
    secrets = [path.read_text() for path in (lab.folder / "passwords").iterdir()]
    lines = [Path(f"/proc/{one.pid}/cmdline").read_bytes().decode() for one in descendants(lab.supervisor)]
    assert len(secrets) == 5
    assert not [line for line in lines for secret in secrets if secret in line]
    assert stat.S_IMODE(lab.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (lab.folder / "passwords").iterdir()} == {0o600}


def test_only_its_owner_may_use_the_control_socket(lab: Facts) -> None:
    assert stat.S_IMODE(lab.control.stat().st_mode) == 0o600


def test_it_listens_on_the_loopback_only(lab: Facts) -> None:
    ours = {f"socket:[{fd.stat().st_ino}]" for one in descendants(lab.supervisor) for fd in sockets_of(one.pid)}
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {fields[9]: fields[1].split(":")[0] for fields in listening if fields[3] == "0A"}
    addresses = {address for inode, address in inodes.items() if f"socket:[{inode}]" in ours}
    assert addresses == {"0100007F"}


def sockets_of(pid: int) -> list[Path]:
    found = Path(f"/proc/{pid}/fd").iterdir()
    return [path for path in found if str(path.readlink()).startswith("socket:")]


def test_no_node_knows_anything_of_a_drill(lab: Facts) -> None:
    for one in descendants(lab.supervisor):
        environ = Path(f"/proc/{one.pid}/environ").read_bytes().split(b"\0")
        named = {name.partition(b"=")[0] for name in environ if name.startswith(b"FAILDRILL")}
        assert named <= {b"FAILDRILL_LAB"}


def test_the_supervisor_refuses_what_it_does_not_know_and_goes_on(lab: Facts) -> None:
    for request, why in (
        ({"op": "format"}, "no such operation"),
        ({"op": "signal", "node": "pg3", "signal": "KILL"}, "no such node"),
        ({"op": "signal", "node": "pay1", "signal": "BOOM"}, "no such signal"),
        ({"op": "signal", "node": "pay1"}, "signal"),
        ({"op": "link", "name": "pg1", "mode": "bent"}, "no such mode"),
        ({"op": "link", "name": "pay1", "mode": "cut"}, "no such link"),
    ):
        with pytest.raises(FaildrillError, match=why):
            ask(lab, request)
    assert ask(lab, {"op": "status"})["phase"] == "ready"


def test_status_shows_every_node(lab: Facts) -> None:
    result = CliRunner().invoke(command, ["status"])
    assert result.exit_code == 0
    for node in ("etcd", "pg1", "pg2", "pay1", "pay2", "pay3", "haproxy"):
        assert node in result.output
    assert lab.name in result.output
    assert f"environment: {lab.environment}\n" in result.output


def test_logs_of_a_node_are_its_own(lab: Facts) -> None:
    pay(lab)
    result = CliRunner().invoke(command, ["logs", "haproxy", "-n", "2000"])
    assert "POST /payments" in result.output
    assert {line.split()[0] for line in result.output.splitlines()} == {"haproxy"}


def test_logs_of_an_unknown_node_say_which_there_are(lab: Facts) -> None:
    result = CliRunner().invoke(command, ["logs", "pg7"])
    assert isinstance(result.exception, FaildrillError)
    assert "pg1" in str(result.exception)
    assert lab.name


def test_a_killed_payment_server_is_taken_out_and_comes_back_when_started(steady_lab: Facts) -> None:
    reach = Supervisor(socket=str(steady_lab.control))
    asyncio.run(reach.signal("pay1", "KILL"))
    assert asyncio.run(reach.state("pay1")) == "absent"
    eventually(lambda: {pay(steady_lab)[1]["server"] for _ in range(6)} == {"pay2", "pay3"}, 10)
    asyncio.run(reach.start("pay1"))
    asyncio.run(reach.start("pay1"))
    assert asyncio.run(reach.state("pay1")) == "running"
    eventually(lambda: "pay1" in {pay(steady_lab)[1]["server"] for _ in range(6)}, 10)


def test_a_hung_payment_server_is_held_whole(steady_lab: Facts) -> None:
    reach = Supervisor(socket=str(steady_lab.control))
    asyncio.run(reach.signal("pay2", "STOP"))
    assert asyncio.run(reach.state("pay2")) == "stopped"
    asyncio.run(reach.signal("pay2", "CONT"))
    assert asyncio.run(reach.state("pay2")) == "running"


def test_a_cut_link_stops_replication_and_an_open_one_lets_it_go_on(steady_lab: Facts) -> None:
    streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    primary = pay(steady_lab)[1]["database_node"]
    reach = Supervisor(socket=str(steady_lab.control))
    asyncio.run(reach.link(primary, LinkMode("cut")))
    assert asyncio.run(reach.link_now(primary)) == LinkMode("cut")
    eventually(lambda: asked(steady_lab, streaming) == 0)
    assert pay(steady_lab)[0] == 201
    asyncio.run(reach.link(primary, OPEN))
    eventually(lambda: asked(steady_lab, streaming) == 1)


def test_a_blackholed_link_holds_replication_back(steady_lab: Facts) -> None:
    primary = pay(steady_lab)[1]["database_node"]
    ask(steady_lab, {"op": "link", "name": primary, "mode": "blackhole"})
    pay(steady_lab)
    time.sleep(0.3)
    assert asked(steady_lab, "SELECT sent_lsn > replay_lsn FROM pg_stat_replication")


def test_a_killed_primary_is_replaced_and_rejoins_when_it_is_started(steady_lab: Facts) -> None:
    reach = Supervisor(socket=str(steady_lab.control))
    paid = pay(steady_lab)[1]
    old = paid["database_node"]
    asyncio.run(reach.signal(old, "KILL"))
    before = time.monotonic()
    assert asyncio.run(reach.state(old)) == "absent"

    def served_by_another() -> bool:
        try:
            return bool(pay(steady_lab)[1]["database_node"] != old)
        except OSError:
            return False

    eventually(served_by_another, 60)
    assert time.monotonic() - before < 40
    assert asked(steady_lab, "SELECT amount FROM payments WHERE id = $1", paid["id"]) == 7
    asyncio.run(reach.start(old))
    ask(steady_lab, {"op": "steady", "within": 60}, 65)


def test_an_unknown_member_is_refused_and_can_not_be_seen(lab: Facts) -> None:
    reach = Supervisor(socket=str(lab.control))
    with pytest.raises(ActionRefused, match="no such node"):
        asyncio.run(reach.signal("pg9", "KILL"))
    with pytest.raises(CannotSee, match="no node"):
        asyncio.run(reach.state("pg9"))


def test_without_a_supervisor_nothing_is_changed_and_nothing_seen(tmp_path: Path) -> None:
    reach = Supervisor(socket=str(tmp_path / "none.sock"))
    with pytest.raises(ActionRefused, match="can't be reached"):
        asyncio.run(reach.start("pg1"))
    with pytest.raises(CannotSee, match="does not answer"):
        asyncio.run(reach.state("pg1"))
