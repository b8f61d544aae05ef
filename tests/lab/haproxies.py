"""A HAProxy of a test's own, whose servers are HAProxy itself, all on sockets in a folder, without a port."""

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.lab.core.wheel_programs import find

CONFIG = """\
global
    stats socket {folder}/admin.sock level admin
    nbthread 1
    log stdout format raw local0

defaults
    mode {mode}
    timeout connect 1s
    timeout client 5s
    timeout server 5s

frontend users
    {log}
    bind unix@{folder}/users.sock
    bind fd@{listening}
    default_backend payments

backend payments
    {backend}
    server s1 unix@{folder}/s1.sock {server} cookie s1
    server s2 unix@{folder}/s2.sock {server} cookie s2
    server s3 unix@{folder}/s3.sock {server} cookie s3
    {more}

listen servers
    mode http
    bind unix@{folder}/s1.sock name s1
    bind unix@{folder}/s2.sock name s2
    bind unix@{folder}/s3.sock name s3
    bind unix@{folder}/s4.sock name s4
    http-request return status 200 content-type application/json {names}
"""


NAMES = """hdr X-Server "%[so_name]" lf-string '{"by":"%[so_name]"}'"""
PARTS = {"names": NAMES, "mode": "http", "backend": "balance roundrobin", "server": "", "more": "", "log": ""}


@dataclass
class Balancer:
    """It runs for as long as the block does."""

    folder: Path
    port: int = 0
    """A port of it, for those who come over TCP."""

    @property
    def log(self) -> Path:
        """Its access log."""
        return self.folder / "access.log"

    @property
    def target(self) -> LoadBalancer:
        """What a kind is given."""
        servers = ["s1", "s2", "s3", "s4"]
        return LoadBalancer(
            name="front", haproxy_socket=str(self.folder / "admin.sock"), backends={"payments": servers}
        )

    async def tell(self, *commands: str) -> str:
        """Tell it something."""
        return await tell(self.target.haproxy_socket, "; ".join(commands))

    async def ask(self, times: int, *, header: str = "", kept: bool = False) -> None:
        """Send requests one after the other, each on a connection of its own or all on one."""
        left = times
        while left:
            reader, writer = await asyncio.open_unix_connection(self.folder / "users.sock")
            for _ in range(left if kept else 1):
                writer.write(f"GET / HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
                head = await reader.readuntil(b"\r\n\r\n")
                assert b" 200 " in head.splitlines()[0] + b" "
                await reader.readexactly(len(b'{"by":"s1"}'))
                left -= 1
            writer.close()


@contextlib.contextmanager
def balancer(folder: Path, **parts: str) -> Iterator[Balancer]:
    """Start one, wait until it answers, and end it; `parts` are the words of its configuration that a test sets."""
    config = folder / "haproxy.cfg"
    with socket.create_server(("127.0.0.1", 0)) as listening, (folder / "access.log").open("wb") as log:
        words = {**PARTS, **parts, "folder": folder, "listening": listening.fileno()}
        config.write_text(CONFIG.format(**words))
        command = [str(find().haproxy), "-db", "-f", str(config)]
        with subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL, pass_fds=[listening.fileno()]) as process:
            try:
                _until(folder / "admin.sock", process)
                yield Balancer(folder, listening.getsockname()[1])
            finally:
                process.kill()


def _until(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a file is there."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
