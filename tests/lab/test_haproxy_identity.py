"""Which HAProxy it is, asked over its socket: on this host, with few rights, over TCP, and in a network of its own."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.identity import Identity
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.port_reservations import Reservations
from faildrill.lab.core.wheel_programs import find
from faildrill.ports import Told

pytestmark = [pytest.mark.lab, pytest.mark.timeout(60)]
SAYS = "staging 3f2a9c41"
CONFIG = """\
global
    stats socket {socket} level {level}
    {description}
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend users
    bind {bind}
    http-request return status 200
"""


@dataclass
class Front:
    """A HAProxy, its socket, and where users reach it."""

    socket: str
    listens: str
    process: "subprocess.Popen[bytes]"

    def told(self, socket: str = "", says: str = SAYS) -> Told:
        """Ask the HAProxy behind a socket, its own one unless another is named, whether users meet it here."""
        target = LoadBalancer(name="front", haproxy_socket=socket or self.socket)
        guard = Identity(load_balancer=target, says=says, listens=(self.listens,))
        return asyncio.run(guard.ask_again(CallContext("run-1", 5.0)))


@contextlib.contextmanager
def front(folder: Path, address: str, **more: str) -> Iterator[Front]:
    """Start one; `more` are its socket, its level, what it binds to, and the network that it is in."""
    folder.mkdir()
    at = more.get("socket", str(folder / "admin.sock"))
    words = {"socket": at, "level": "admin", "description": f"description {SAYS}", "bind": address, **more}
    (folder / "haproxy.cfg").write_text(CONFIG.format(**words))
    inside = ["ip", "netns", "exec", more["netns"]] if "netns" in more else []
    command = [*inside, str(find().haproxy), "-db", "-f", str(folder / "haproxy.cfg")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            found = Front(more.get("asked", at).removeprefix("ipv4@"), address, process)
            deadline = time.monotonic() + 20
            while found.told().silent:
                assert time.monotonic() < deadline, found.told()
                assert process.poll() is None
                time.sleep(0.05)
            yield found
        finally:
            process.kill()


@pytest.fixture
def ports() -> Iterator[Reservations]:
    reservations = Reservations()
    yield reservations
    reservations.close()


@pytest.mark.parametrize("level", ["user", "operator", "admin"])
def test_it_is_known_through_a_socket_of_any_level(level: str, tmp_path: Path, ports: Reservations) -> None:
    with front(tmp_path / "a", f"127.0.0.1:{ports.port('a')}", level=level) as one:
        assert one.told() == Told(proved=[f"front at {one.listens}"])


def test_it_is_known_through_a_socket_of_tcp_and_at_all_addresses(tmp_path: Path, ports: Reservations) -> None:
    port, socket = ports.port("a"), f"ipv4@127.0.0.1:{ports.port('socket')}"
    with front(tmp_path / "a", f"127.0.0.1:{port}", socket=socket, bind=f":{port}") as one:
        assert one.told().proved


@pytest.mark.parametrize(("bind", "asked"), [("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "localhost"), ("", "127.0.0.1")])
def test_an_address_that_is_only_a_runtime_socket_is_no_place_where_users_meet_it(
    bind: str, asked: str, tmp_path: Path, ports: Reservations
) -> None:
    port = ports.port("socket")
    both = f"{tmp_path}/admin.sock level admin\n    stats socket ipv4@{bind}:{port}"
    with front(tmp_path / "a", f"127.0.0.1:{ports.port('a')}", socket=both, asked=f"{tmp_path}/admin.sock") as one:
        for socket in (one.socket, f"127.0.0.1:{port}"):
            told = replace(one, listens=f"{asked}:{port}").told(socket)
            assert (told.proved, told.silent) == ([], [])
            assert f"{asked}:{port} is a runtime socket of it (`stats socket`), where no user goes" in told.differs[0]
        assert one.told().proved


def test_another_one_is_refused_whatever_it_says(tmp_path: Path, ports: Reservations) -> None:
    where = [f"127.0.0.1:{ports.port(name)}" for name in ("a", "b")]
    with front(tmp_path / "a", where[0]) as one, front(tmp_path / "b", where[1]) as other:
        assert "is not what users meet" in one.told(other.socket).differs[0]  # it says the same of itself
        assert "it says 'staging 3f2a9c41' of itself, not 'production'" in one.told(says="production").differs[0]


def test_one_that_shares_its_port_with_another_is_refused_each_time(tmp_path: Path, ports: Reservations) -> None:
    """As one that was left over by a start: the kernel gives half of the users to each."""
    where = f"127.0.0.1:{ports.port('a')}"
    with front(tmp_path / "a", where) as one, front(tmp_path / "b", where):
        found = [one.told() for _ in range(6)]
    assert [told.proved for told in found] == [[]] * 6
    assert "is not alone where users go: process" in found[0].differs[0]


def test_one_that_hangs_or_is_down_proves_nothing(tmp_path: Path, ports: Reservations) -> None:
    with front(tmp_path / "a", f"127.0.0.1:{ports.port('a')}") as one:
        one.process.kill()
        one.process.wait()
        found = one.told()
        assert (found.proved, found.differs, len(found.silent)) == ([], [], 1)


@contextlib.contextmanager
def network(name: str, subnet: str) -> Iterator[str]:
    """Make a network namespace that is reached over a link of its own, as a container is; give its address."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2")
    steps = [
        f"ip netns add {name}",
        f"ip link add {name}h type veth peer name {name}n netns {name}",
        f"ip addr add {subnet}.1/30 dev {name}h",
        f"ip link set {name}h up",
        f"ip -n {name} addr add {subnet}.2/30 dev {name}n",
        f"ip -n {name} link set {name}n up",
        f"ip -n {name} link set lo up",
    ]
    try:
        for step in steps:
            if subprocess.run(step.split(), check=False, capture_output=True).returncode:
                pytest.skip(f"this kernel does not let us: {step}")
        yield f"{subnet}.2"
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_one_in_a_network_of_its_own_is_known_by_our_connection(tmp_path: Path, ports: Reservations) -> None:
    with network("fdhapa", "10.213.71") as address:
        here, there = f"127.0.0.1:{ports.port('a')}", f"{address}:8080"
        with front(tmp_path / "a", here) as one, front(tmp_path / "b", there, netns="fdhapa") as other:
            assert other.told().proved
            assert "is not what users meet" in other.told(one.socket).differs[0]


def test_one_of_two_that_share_a_port_in_a_network_of_their_own_is_refused(tmp_path: Path) -> None:
    with network("fdhapb", "10.213.72") as address:
        where = f"{address}:8080"
        with front(tmp_path / "a", where, netns="fdhapb") as one, front(tmp_path / "b", where, netns="fdhapb"):
            found = [one.told() for _ in range(6)]
    assert [told.proved for told in found] == [[]] * 6
    assert "of 16 connections to" in found[0].differs[0]
