"""An audit from end to end on files and sockets of the test's own: what is printed, written and exited with."""

import asyncio
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from faildrill.adapters.haproxy.settings import Balancer
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.cli.main import cli
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.standards import SettingsRead

NGINX = """\
events {}
http {
    upstream payments { server a:80 weight=%s; server b:80; }
    server { location / { proxy_connect_timeout 1s; proxy_read_timeout 10s; proxy_pass http://payments; } }
}
"""
STANDARD = "standard: edge\nbackends:\n  payments:\n    servers: {'a:80': {weight: 1}, 'b:80': {weight: 1}}\n"
ENVIRONMENT = "environment: here\nstandards: {edge: edge.yaml}\nsettings:\n  edge: {nginx.settings: {file: %s}}\n"
SOCKET = """\
# pxname,svname,slim,status,weight,bck,check_rise,check_fall,addr,cookie,mode,algo,
payments,pay1,,UP,1,0,2,2,127.0.0.1:8081,,http,,
payments,BACKEND,400,UP,2,0,,,,,http,roundrobin,

1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_check_state
3 payments 1 pay1 127.0.0.1 2 0 1 1 6

Name: HAProxy
Version: 2.8.25
Uptime_sec: 5

"""


def audited(folder: Path, *options: str, weight: str = "1", file: str = "nginx.conf") -> Result:
    """Audit an NGINX whose first server has a weight."""
    (folder / "nginx.conf").write_text(NGINX % weight, encoding="utf-8")
    (folder / "edge.yaml").write_text(STANDARD, encoding="utf-8")
    (folder / "here.yaml").write_text(ENVIRONMENT % (folder / file), encoding="utf-8")
    return CliRunner().invoke(cli, ["audit", str(folder / "here.yaml"), *options])


def test_what_is_as_approved_exits_0(tmp_path: Path) -> None:
    done = audited(tmp_path)
    assert done.exit_code == 0, done.output
    assert "read       edge: NGINX's configuration" in done.output


def test_a_changed_weight_is_severe_with_both_values_a_reason_and_a_remedy_and_exits_1(tmp_path: Path) -> None:
    done = audited(tmp_path, weight="10")
    assert done.exit_code == 1
    assert "severe     edge: weight of payments/a:80: 10, the standard says 1" in done.output
    assert "looks like a slow database" in done.output
    assert "nginx -s reload" in done.output
    assert done.output.endswith("here: 1 severe, 2 notes\n")


def test_nginx_takes_names_in_any_case_and_so_does_a_standard_of_it(tmp_path: Path) -> None:
    other = STANDARD.replace("payments", "Payments").replace("'a:80'", "'A:80'")
    (tmp_path / "nginx.conf").write_text(NGINX % "1", encoding="utf-8")
    (tmp_path / "edge.yaml").write_text(other, encoding="utf-8")
    (tmp_path / "here.yaml").write_text(ENVIRONMENT % (tmp_path / "nginx.conf"), encoding="utf-8")
    done = CliRunner().invoke(cli, ["audit", str(tmp_path / "here.yaml")])
    assert done.exit_code == 0, done.output


def test_an_audit_without_a_standard_weighs_the_rules_that_need_none_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(NGINX % "1", encoding="utf-8")
    (tmp_path / "new.yaml").write_text(
        f"environment: new\nsettings:\n  edge: {{nginx.settings: {{file: {tmp_path / 'nginx.conf'}}}}}\n",
        encoding="utf-8",
    )
    done = CliRunner().invoke(cli, ["audit", str(tmp_path / "new.yaml")])
    assert done.exit_code == 0, done.output
    assert "note       edge: no standard is called 'edge', so what is set here was compared with nothing" in done.output
    assert "payments/a:80 is checked only by user requests" in done.output


def test_what_can_not_be_read_never_passes(tmp_path: Path) -> None:
    done = audited(tmp_path, file="gone.conf")
    assert done.exit_code == 4
    assert "unread     edge: " in done.output


def test_a_check_by_users_requests_alone_misses_any_objective(tmp_path: Path) -> None:
    done = audited(tmp_path, "--objective", "5s")
    assert done.exit_code == 1
    assert "may stay in use (payments/a:80: passive; payments/b:80: passive)" in done.output
    assert "only failing user requests show it" in done.output


def test_only_what_is_severe_may_be_made_to_count(tmp_path: Path) -> None:
    (tmp_path / "one.conf").write_text((NGINX % "1").replace("server b:80;", "server b:80 down;"), encoding="utf-8")
    assert audited(tmp_path, file="one.conf").exit_code == 1
    assert audited(tmp_path, "--fail-on", "severe", file="one.conf").exit_code == 0


def test_an_environment_that_lists_nothing_is_told_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_text("environment: bare\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["audit", str(tmp_path / "bare.yaml")])
    assert done.exit_code == 2
    assert "lists nothing to audit" in done.output


def test_json_junit_and_sarif_say_the_same(tmp_path: Path) -> None:
    files = {name: tmp_path / f"audit.{name}" for name in ("json", "junit", "sarif")}
    audited(tmp_path, *(word for name, path in files.items() for word in (f"--{name}", str(path))), weight="10")
    told = json.loads(files["json"].read_text(encoding="utf-8"))
    [severe] = [one for one in told["remarks"] if one["grade"] == "severe"]
    assert (severe["live"], severe["standard"], told["worst"]) == ("10", "1", "severe")
    [suite] = ET.fromstring(files["junit"].read_bytes()).iter("testsuite")  # noqa: S314 - written here
    assert (suite.get("failures"), suite.get("errors"), suite.get("hostname")) == ("1", "0", "localhost")
    _check_sarif(json.loads(files["sarif"].read_text(encoding="utf-8")), len(told["remarks"]))


def test_sarif_names_the_environments_file_as_it_is_seen_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "our staging"
    folder.mkdir()
    log = json.loads(audited(folder, "-o", "sarif", weight="10").stdout)
    places = [place["physicalLocation"] for one in log["runs"][0]["results"] for place in one["locations"]]
    assert {one["artifactLocation"]["uri"] for one in places} == {"our%20staging/here.yaml"}


def _check_sarif(log: dict[str, object], remarks: int) -> None:
    """Check what SARIF 2.1.0 requires of a log and what code hosts ask for."""
    assert (log["version"], log["$schema"]) == ("2.1.0", "https://json.schemastore.org/sarif-2.1.0.json")
    runs = log["runs"]
    assert isinstance(runs, list)
    [run] = runs
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    assert len(run["results"]) == remarks
    for one in run["results"]:
        assert rules[one["ruleIndex"]] == one["ruleId"]
        assert one["level"] in {"none", "note", "warning", "error"}
        assert one["kind"] in {"pass", "open", "informational", "notApplicable", "review", "fail"}
        assert one["kind"] == "fail" or one["level"] == "none"  # 3.27.10: only what failed has a level
        assert one["message"]["text"]
        [place] = one["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "drills/environments/here.yaml"


async def _read(folder: Path, file: str, binary: str | None = None) -> SettingsRead:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(SOCKET.encode())
        writer.close()

    path = folder / "haproxy.sock"
    async with await asyncio.start_unix_server(serve, path):
        balancer = LoadBalancer(name="front", haproxy_socket=str(path))
        return await Balancer(load_balancer=balancer, file=file or None, binary=binary).settings(
            CallContext("audit", 5.0)
        )


def test_what_only_haproxys_file_tells_is_unread_without_it(tmp_path: Path) -> None:
    found = asyncio.run(_read(tmp_path, ""))
    assert [one.what for one in found.unread] == ["timeouts, check intervals, retries and redispatch"]


def test_a_file_that_is_younger_than_the_process_is_told(tmp_path: Path) -> None:
    (tmp_path / "new.cfg").write_text("backend payments\n server pay1 127.0.0.1:1 check\n", encoding="utf-8")
    found = asyncio.run(_read(tmp_path, str(tmp_path / "new.cfg")))
    assert ["changed after HAProxy was started" in one.why for one in found.unread] == [True]


@pytest.mark.parametrize(
    ("binary", "told"), [("/bin/false", "haproxy -c refuses it"), ("/nowhere/haproxy", "can't be started")]
)
def test_a_file_that_haproxy_refuses_is_told(tmp_path: Path, binary: str, told: str) -> None:
    (tmp_path / "new.cfg").write_text("backend payments\n server pay1 127.0.0.1:1 check\n", encoding="utf-8")
    found = asyncio.run(_read(tmp_path, str(tmp_path / "new.cfg"), binary))
    assert any(told in one.why for one in found.unread)


def test_a_haproxy_that_is_not_there_can_not_be_read() -> None:
    balancer = LoadBalancer(name="front", haproxy_socket="/nowhere/haproxy.sock")
    with pytest.raises(CannotSee, match="does not answer as HAProxy does"):
        asyncio.run(Balancer(load_balancer=balancer).settings(CallContext("audit", 1.0)))
