"""Who listens at an address of this host, seen on real sockets of this process and of another one."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from faildrill.errors import CannotSee
from faildrill.toolkit.listeners import is_dark, listeners

ELSEWHERE = """
import socket, sys
one = socket.create_server((sys.argv[1], int(sys.argv[2])), reuse_port=sys.argv[3] == "shared")
print(one.getsockname()[1], flush=True)
sys.stdin.read()
"""
V6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists()


@contextmanager
def another(host: str = "127.0.0.1", port: int = 0, *, shared: bool = False) -> Iterator[tuple[int, int]]:
    """Have another process listen, and tell which, and at which port."""
    command = [sys.executable, "-c", ELSEWHERE, host, str(port), "shared" if shared else ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.pid, int(process.stdout.readline())
        process.kill()


@pytest.fixture
def other() -> Iterator[tuple[int, int]]:
    """Another process that listens, and where."""
    with another() as found:
        yield found


def server(host: str, family: int = socket.AF_INET, *, both: bool = False) -> socket.socket:
    return socket.create_server((host, 0), family=family, dualstack_ipv6=both)


def belongs(address: str, pid: int) -> bool:
    return asyncio.run(listeners(address)).belong_to([pid])


def test_a_socket_belongs_to_the_process_that_holds_it_and_to_no_other(other: tuple[int, int]) -> None:
    pid, port = other
    assert belongs(f"127.0.0.1:{port}", pid)
    assert not belongs(f"127.0.0.1:{port}", os.getpid())
    assert f"process {pid} (" in str(asyncio.run(listeners(f"127.0.0.1:{port}")))


@pytest.mark.parametrize("name", ["127.0.0.1", "127.0.0.9", "localhost"])
def test_one_that_listens_everywhere_listens_at_each_address(name: str) -> None:
    with closing(server("0.0.0.0")) as one:  # noqa: S104 - that is what is tested
        assert belongs(f"{name}:{one.getsockname()[1]}", os.getpid())


def test_one_that_listens_elsewhere_does_not_listen_here() -> None:
    with closing(server("127.0.0.2")) as one:
        assert not asyncio.run(listeners(f"127.0.0.1:{one.getsockname()[1]}")).sockets


@pytest.mark.skipif(not V6, reason="this machine has no IPv6")
def test_a_socket_of_both_families_takes_connections_of_both() -> None:
    with closing(server("::", socket.AF_INET6, both=True)) as one:
        port = one.getsockname()[1]
        assert belongs(f"127.0.0.1:{port}", os.getpid())
        assert belongs(f"[::1]:{port}", os.getpid())


def test_the_very_address_goes_before_all_addresses() -> None:
    with closing(socket.create_server(("0.0.0.0", 0), reuse_port=True)) as everywhere:  # noqa: S104 - what is tested
        port = everywhere.getsockname()[1]
        with another(port=port, shared=True) as (pid, _):
            assert belongs(f"127.0.0.1:{port}", pid)
            assert belongs(f"127.0.0.2:{port}", os.getpid())


def test_a_port_that_two_share_belongs_to_neither_alone() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), reuse_port=True)) as one:
        port = one.getsockname()[1]
        with another(port=port, shared=True) as (pid, _):
            assert not belongs(f"127.0.0.1:{port}", os.getpid())
            assert asyncio.run(listeners(f"127.0.0.1:{port}")).belong_to([os.getpid(), pid])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else here")
def test_a_socket_of_somebody_else_s_is_seen_and_whose_it_is_is_not(other: tuple[int, int]) -> None:
    asked = (
        "import asyncio, os, sys; from faildrill.toolkit.listeners import listeners\n"
        "str(asyncio.run(listeners(sys.argv[1]))); os.setuid(65534)  # all that it imports, it has by then\n"
        "found = asyncio.run(listeners(sys.argv[1])); print(len(found.sockets), found.is_seen, found)"
    )
    command = [sys.executable, "-c", asked, f"127.0.0.1:{other[1]}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == f"1 False a process that this user can't see listens at 127.0.0.1:{other[1]}\n"


@pytest.mark.parametrize("address", ["192.0.2.7:80", "no-such-name.invalid:80", "127.0.0.1", "127.0.0.1:http"])
def test_what_can_t_be_seen_from_here_is_never_taken_for_seen(address: str) -> None:
    with pytest.raises(CannotSee):
        asyncio.run(listeners(address))


def test_an_address_is_dark_where_nobody_listens(other: tuple[int, int]) -> None:
    with closing(server("127.0.0.1")) as one:
        port = one.getsockname()[1]
    assert asyncio.run(is_dark(f"127.0.0.1:{port}", 1.0))
    assert not asyncio.run(is_dark(f"127.0.0.1:{other[1]}", 1.0))
    with pytest.raises(CannotSee):
        asyncio.run(is_dark("no-such-name.invalid:80", 5.0))
