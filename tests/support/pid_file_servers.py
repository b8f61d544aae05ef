"""A host to be: real processes in a folder, each a server with a child, started by a program of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from faildrill.adapters.ssh.pid_file import LocalProcess

SERVER: Final = """
import os, socket, sys, threading, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
if os.fork() == 0:
    server.close()
    while True:
        time.sleep(60)
with open(sys.argv[2] + ".new", "w") as file:
    file.write(f"{os.getpid()}\\n")
os.rename(sys.argv[2] + ".new", sys.argv[2])
kept = []
while True:
    kept.append(server.accept())
"""
START: Final = """#!/bin/sh
rm -f {pid_file}
echo started >>{folder}/starts
setsid {prefix}{python} -I -S {server} {port} {pid_file} </dev/null >/dev/null 2>&1 &
turns=0
until [ -s {pid_file} ] && kill -0 "$(cat {pid_file})" 2>/dev/null; do
    turns=$((turns + 1))
    [ "$turns" -lt 250 ] || exit 1
    sleep 0.02
done
"""


class Server:
    """One member: its server, its pid file, and what starts it."""

    def __init__(self, folder: Path, name: str, elsewhere: int | None = None) -> None:
        """`elsewhere`: a port, in a network of its own."""
        self.name, self.folder = name, folder
        self.pid_file = folder / f"{name}.pid"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = elsewhere or int(free.getsockname()[1])
        self.program = folder / f"{name}.py"
        self.program.write_text(SERVER)
        self.start = folder / f"start-{name}"
        prefix = "unshare --net sh -c 'ip link set lo up; exec \"$@\"' sh " if elsewhere else ""
        text = START.format(
            prefix=prefix,
            folder=folder,
            python=sys.executable,
            server=self.program,
            port=self.port,
            pid_file=self.pid_file,
        )
        self.start.write_text(text)
        self.start.chmod(0o700)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return int(self.pid_file.read_text())

    @property
    def starts(self) -> int:
        with suppress(FileNotFoundError):
            return len((self.folder / "starts").read_text().splitlines())
        return 0

    def tree(self) -> list[int]:
        """Return its processes that live."""
        found = []
        for one in Path("/proc").iterdir():
            with suppress(OSError):
                # Not by the file alone: who holds a limit of it has its path among his words, too.
                if one.name.isdecimal() and f"-S\0{self.program}\0".encode() in (one / "cmdline").read_bytes():
                    found.append(int(one.name))
        return sorted(pid for pid in found if state(pid) not in "ZX")

    def params(self) -> dict[str, Any]:
        return {
            "pid_file": str(self.folder / "{member}.pid"),
            "command": "{member}.py",
            "start_command": [str(self.folder / "start-{member}")],
        }

    def reach(self, **more: Any) -> LocalProcess:
        return LocalProcess.model_validate({**self.params(), **more})


def state(pid: int) -> str:
    """Return the letter that the kernel has for what a process does; X where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


@contextmanager
def server(folder: Path, name: str = "pay1", elsewhere: int | None = None) -> Iterator[Server]:
    """Give a server that runs, and leave none of its processes."""
    one = Server(folder, name, elsewhere)
    try:
        subprocess.run([str(one.start)], check=True)
        yield one
    finally:
        for pid in one.tree():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def eventually(look: Callable[[], object], within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not look():
        assert time.monotonic() < deadline, "not seen in time"
        time.sleep(0.02)
