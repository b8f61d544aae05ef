"""What `haproxy.settings` reads of real HAProxies, of each version that is here: what nobody changed is no drift."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.server_states import read as states
from faildrill.adapters.haproxy.settings import Balancer
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.auditing.rules import remarks
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.wheel_programs import find
from faildrill.standards import Backend, SettingsRead, differences

pytestmark = [pytest.mark.lab, pytest.mark.timeout(60)]
BINARIES = [str(find().haproxy), *([found] if (found := shutil.which("haproxy")) else [])]
HEAD = """\
global
  stats socket {folder}/s.sock level {level}
  nbthread 1
{more}
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  timeout check 1s
  option redispatch
frontend f
  bind unix@{folder}/users.sock
  default_backend shop
backend shop
"""


@contextlib.contextmanager
def running(binary: str, folder: Path, shop: str, more: str = "", level: str = "admin") -> Iterator[Path]:
    """Run a HAProxy whose backend is of these lines; yield its file."""
    file = folder / "haproxy.cfg"
    file.write_bytes((HEAD.format(folder=folder, more=more, level=level) + shop).encode("latin-1"))
    told = {**os.environ, "SHOP_INTER": "3s", "SHOP_HOST": "localhost"}
    command = [binary, "-db", "-dr", "-f", str(file)]
    with subprocess.Popen(command, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 20
            while not (folder / "s.sock").exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield file
        finally:
            process.kill()


def read(file: Path, binary: str | None = None, files: list[str] | None = None) -> SettingsRead:
    """Read its settings."""
    balancer = LoadBalancer(name="lb", haproxy_socket=str(file.parent / "s.sock"))
    kind = Balancer(load_balancer=balancer, file=files or str(file), binary=binary)
    return asyncio.run(kind.settings(CallContext("audit", 15.0)))


def command(file: Path, *words: str) -> None:
    """Tell it something at run time."""
    answer = asyncio.run(tell(str(file.parent / "s.sock"), "; ".join(words)))
    assert "Unknown" not in answer
    assert "require" not in answer


def told(found: SettingsRead, *rules: str) -> list[str]:
    """List what rules find."""
    return [one.what for one in remarks("lb", found) if one.rule in (rules or ("saved", "readable"))]


def shop(found: SettingsRead) -> Backend:
    """Return the backend that is in force."""
    assert found.live.backends is not None
    return found.live.backends["shop"]


NOBODY = {
    "names of hosts": "  server a localhost:18472 check\n  server b LOCALHOST:18473\n  server c 127.1:18474\n",
    "prefixes": "  server a ipv4@127.0.0.1:1\n  server b ipv6@[::1]:1\n  server c tcp@127.0.0.1:2\n  server d ::1:90\n",
    "ports": "  server a 127.0.0.1\n  server b 127.0.0.1:+5\n  server c 127.0.0.1:-5\n",
    "sockets": "  server a unix@/tmp/no.sock check\n  server b /tmp/no.sock\n  server c abns@no\n",
    "a template": "  server-template web 3 web.internal.test:1 check inter 1s resolvers dns init-addr none\n"
    "resolvers dns\n  nameserver ns1 127.0.0.1:18453\n",
    "variables": '  option httpchk GET "${HEALTH}"\n  cookie "${HEALTH}" insert\n'
    '  server a "${SHOP_HOST}:1" check inter "${SHOP_INTER}" cookie a\n  server b ${SHOP_HOST}:2 weight "${W-7}"\n',
    "conditions": '.if streq("$SHOP_INTER",3s)\n  server a 127.0.0.1:1 weight 7\n'
    ".else\n  server b 127.0.0.1:2\n.endif\n"
    ".if defined(NOT_THERE)\n  balance leastconn\n.elif version_atleast(2.5)\n  balance source\n.endif\n",
    "a disabled backend": "  server a 127.0.0.1:1\nbackend off\n  disabled\n  server x 127.0.0.1:1\n",
    "disabled servers and their followers": "  server a 127.0.0.1:1 check disabled\n  server b 127.0.0.1:1 track a\n",
    "track and agents": "  server a 127.0.0.1:1 track health/a\n  server b 127.0.0.1:1 agent-check agent-port 1\n"
    "  server c 127.0.0.1:1 check agent-check agent-port 1\nbackend health\n  server a 127.0.0.1:1 check inter 4s\n",
    "ends of lines in a comment": "  server a 127.0.0.1:1 # caf\xe9 \x0b weight 9 \x85 weight 8\n  retries 2\r\n",
    "algorithms": "  balance random(2)\n  server a 127.0.0.1:1\n"
    "backend by\n  balance hash src\n  server a 127.0.0.1:1\n"
    "backend header\n  balance hdr(host)\n  server a 127.0.0.1:1\n",
    "quotes and escapes": '  http-check send hdr X "a # b" hdr Y \'c "d\' hdr Z e\\ f\n  option httpchk\n'
    '  server a 127.0.0.1:1 weight "5" # "\n',
}


@pytest.mark.parametrize("binary", BINARIES, ids=["lab", "path"][: len(BINARIES)])
@pytest.mark.parametrize("lines", NOBODY.values(), ids=NOBODY)
def test_what_nobody_changed_is_no_drift(tmp_path: Path, binary: str, lines: str) -> None:
    with running(binary, tmp_path, lines, "  setenv HEALTH /healthz") as file:
        found = read(file)
        assert told(found) == []
        assert found.written is not None


@pytest.mark.parametrize("binary", BINARIES, ids=["lab", "path"][: len(BINARIES)])
def test_what_somebody_changed_is_told(tmp_path: Path, binary: str) -> None:
    lines = "  server a localhost:18472 check\n  server b 127.0.0.1:1 check\n  server c 127.0.0.1:1 check disabled\n"
    with running(binary, tmp_path, lines) as file:
        command(file, *("set server shop/a addr 127.0.0.9", "set server shop/a weight 5", "disable health shop/b"))
        command(file, *("set server shop/b addr 127.0.0.8 port 7", "set server shop/c state ready"))
        found = read(file)
        assert told(found, "saved") == [
            "weight of shop/a: 5 runs, the file says 1",
            "address of shop/b: 127.0.0.8:7 runs, the file says 127.0.0.1:1",
            "check of shop/b: none runs, the file says tcp",
            "state of shop/c: ready runs, the file says maint",
        ]
        [doubt] = told(found, "readable")
        assert doubt.startswith("address of shop/a: 127.0.0.9 runs for localhost, which is ")


@pytest.mark.parametrize("binary", BINARIES, ids=["lab", "path"][: len(BINARIES)])
def test_a_server_that_was_disabled_in_the_file_and_put_back_is_usable(tmp_path: Path, binary: str) -> None:
    with running(binary, tmp_path, "  server a 127.0.0.1:1 disabled\n") as file:
        command(file, "set server shop/a state ready")
        answer = asyncio.run(tell(str(tmp_path / "s.sock"), "show servers state shop"))
        [server] = states(answer).values()
        assert (server.administrative, server.state, server.usable) == (4, "ready", True)


def test_a_value_from_the_environment_or_a_condition_is_that_of_the_process(tmp_path: Path) -> None:
    with running(BINARIES[0], tmp_path, NOBODY["variables"], "  setenv HEALTH /healthz") as file:
        found = shop(read(file))
        check = (found.servers or {})["a"].check
        assert check is not None
        assert (check.path, check.interval, found.stickiness) == ("/healthz", 3.0, "cookie")
        standard = {"servers": {"a": {"address": "localhost:1"}, "b": {"weight": 7, "address": "127.0.0.1:2"}}}
        reading = read(file)
        assert (
            list(differences(Backend.model_validate(standard), shop(reading), ("backends", "shop"), reading.spelled))
            == []
        )


def test_what_a_socket_of_level_user_does_not_tell_is_unread(tmp_path: Path) -> None:
    with running(BINARIES[0], tmp_path, NOBODY["variables"], "  setenv HEALTH /healthz", level="user") as file:
        found = read(file)
        check = (shop(found).servers or {})["a"].check
        assert check is not None
        assert (check.path, check.interval) == ("/healthz", None)
        assert any("`server` depends on an environment variable" in one for one in told(found, "readable"))


@pytest.mark.parametrize("binary", BINARIES, ids=["lab", "path"][: len(BINARIES)])
def test_a_weight_that_an_agent_sets_is_nobodys_change(tmp_path: Path, binary: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as agent:
        port = agent.getsockname()[1]
        lines = f"  server a 127.0.0.1:1 check weight 100 agent-check agent-port {port} agent-inter 100ms\n"
        with running(binary, tmp_path, lines) as file:
            connection, _ = agent.accept()
            connection.sendall(b"50% drain\n")
            connection.close()
            _until(lambda: (shop(read(file)).servers or {})["a"].weight == 50)
            found = read(file)
            assert (shop(found).servers or {})["a"].state == "drain"
            assert told(found) == []
            path = ("backends", "shop", "servers", "a", "weight")
            assert found.steered[path] == "its agent"


def _until(holds: object) -> None:
    assert callable(holds)
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("binary", BINARIES, ids=["lab", "path"][: len(BINARIES)])
def test_folders_and_several_files_are_read_as_haproxy_reads_them(tmp_path: Path, binary: str) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    with running(binary, tmp_path, "  server a 127.0.0.1:1 check\n") as file:
        whole = file.read_text(encoding="utf-8")
        head, rest = whole.split("frontend f")
        (folder / "10-first.cfg").write_text(head, encoding="utf-8")
        (folder / "20-then.cfg").write_text(f"frontend f{rest}", encoding="utf-8")
        for name in (".hidden.cfg", "README", "30-folder.cfg.bak"):
            (folder / name).write_text("backend other\n", encoding="utf-8")
        one = read(file, binary)
        for files in ([str(folder)], [str(folder / "10-first.cfg"), str(folder / "20-then.cfg")]):
            found = read(file, binary, files)
            assert (found.live, found.written) == (one.live, one.written)
            assert [one for one in found.unread if "was changed after" not in one.why] == []


@pytest.mark.parametrize("binary", BINARIES, ids=["lab", "path"][: len(BINARIES)])
def test_the_words_of_haproxy_are_told_when_it_refuses_its_file_and_when_it_warns(tmp_path: Path, binary: str) -> None:
    with running(binary, tmp_path, "  server a 127.0.0.1:1 check\n") as file:
        text = file.read_text(encoding="utf-8")
        file.write_text(f"{text}  blance roundrobin\n", encoding="utf-8")
        refused = told(read(file, binary), "readable")
        assert any("haproxy -c refuses it: " in one and "unknown keyword 'blance'" in one for one in refused), refused
        file.write_text(text.replace("  timeout client 10s\n", ""), encoding="utf-8")
        warned = told(read(file, binary), "warned")
        assert any("haproxy -c warns: " in one and "missing timeouts" in one for one in warned), warned
