"""Which NGINX it is: its master's process, the files that it reads, and where it listens."""

import re
import time
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import JsonValue

from faildrill.adapters.nginx.settings import printed
from faildrill.clock import boot_id
from faildrill.errors import CannotSee
from faildrill.ports import Captured
from faildrill.system import bounded_read, processes, threads
from faildrill.system.processes import Process
from faildrill.toolkit.listeners import listeners

_MOST_OF_A_NUMBER: Final = 4096
"""Bytes of the file that holds the number of the master."""
_MASTER: Final = b"nginx: master"
"""How NGINX's master calls itself (ngx_setproctitle)."""
_MARK: Final = re.compile(r"^# configuration file (.+):$", re.MULTILINE)
"""What `nginx -T` writes above each file."""
_COMMENT: Final = re.compile(r"#.*")
"""To the end of its line."""
_LISTEN: Final = re.compile(r"(?:^|[{;])\s*listen\s+([^\s;]+)([^;]*);", re.MULTILINE)
"""The address of a `listen`, and its parameters."""
_ANY: Final = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - read, not bound to
"""Where one that listens everywhere can be met."""
_PID: Final = re.compile(r"^\s*pid\s+[\"']?([^;\"'\s]+)[\"']?\s*;", re.MULTILINE)
"""The file of the master's number, as the configuration names it."""


class Master(NamedTuple):
    """The process that an NGINX is, whatever it has loaded: the file of its number may lead to another one."""

    process: Process
    boot: str
    """Of this machine: starts of processes are counted from it."""

    @classmethod
    def now(cls, pid_file: str) -> "Master":
        """Look who is; CannotSee where the file names none."""
        pid = master(pid_file)
        try:
            return cls(processes.read(pid), boot_id())
        except OSError as error:
            raise CannotSee(f"NGINX's master {pid} can't be looked at: {error}") from error

    def captured(self) -> dict[str, JsonValue]:
        """Return it as data, with the moment in ticks of this boot."""
        at = int(time.clock_gettime(time.CLOCK_BOOTTIME) * processes.TICKS)
        return {"master": self.process.pid, "start": self.process.start, "at": at, "boot": self.boot}

    def differs(self, before: Captured) -> str:
        """Say that this is another one than was captured, which ran already then; the empty string where it isn't.

        One that was started since is what a restart has made of it. An earlier version did not ask.
        """
        known = before.get("master"), before.get("start")
        if "boot" not in before or known == self.process.identity or before["boot"] != self.boot:
            return ""
        if self.process.start > int(str(before["at"])):
            return ""
        return f"it leads to two: NGINX's master {known[0]} was looked at first, and now {self.process.pid} is there"


class Nginx(NamedTuple):
    """An NGINX of this host, as it was declared: all of it must belong together."""

    config: str
    pid_file: str
    binary: str

    async def apart(self, files: list[str], addresses: list[str], within: float) -> str:
        """Return how the parts don't belong together, the empty string where they do; CannotSee where it can't be told.

        The master that the file of its number names must run with the configuration, which includes each of the files;
        and it, or a worker of its own, must hold every socket that takes connections at each of the addresses, and
        wherever the configuration has it listen: what was not loaded yet is not what it runs with, either.
        """
        pid = await threads.aside(lambda: master(self.pid_file))
        if words := await threads.aside(lambda: self._other_file(pid)):
            return words
        dump = await self._dump(within)
        if words := await threads.aside(lambda: self._other_files(dump, files)):
            return words
        for address in dict.fromkeys((*addresses, *listening(dump))):
            own = [pid, *await threads.aside(lambda: children(pid))]
            holders = await listeners(address, own)
            if not holders.sockets:
                raise CannotSee(
                    f"{holders}, where NGINX's master {pid} is to: load what its files say, or correct them"
                )
            if not holders.is_seen:
                raise CannotSee(f"{holders}, so whether it is NGINX's master {pid} is unknown")
            if not holders.belong_to(own):
                return f"NGINX's master {pid} of {self.pid_file} is not what answers: {holders}"
        return ""

    async def files(self, within: float) -> list[Path]:
        """List all files that it reads its configuration from, as they are found now; CannotSee."""
        return [Path(name) for name in _MARK.findall(await self._dump(within))]

    def _other_file(self, pid: int) -> str:
        """Tell from its command line whether the master was started with another configuration."""
        words = _words(pid)
        named = words[words.index("-c") + 1] if "-c" in words[:-1] else None
        if named is None or not named.startswith("/") or Path(named).resolve() == Path(self.config).resolve():
            return ""
        return f"NGINX's master {pid} of {self.pid_file} runs with {named}, not with {self.config}: they are two NGINXs"

    def _other_files(self, dump: str, files: list[str]) -> str:
        """Tell from what the configuration includes whether its master's number, or one of the files, is another's."""
        names = {Path(name).resolve() for name in _MARK.findall(dump)}
        own_pid = _PID.search(_MARK.split(dump)[2] if names else "")
        if own_pid and Path(self.config).parent.joinpath(own_pid[1]).resolve() != Path(self.pid_file).resolve():
            return f"{self.config} has its master write its number to {own_pid[1]}, not to {self.pid_file}: correct one"
        lost = [file for file in files if Path(file).resolve() not in names]
        return f"{lost[0]} is not among the files that {self.config} includes: another NGINX reads it" if lost else ""

    async def _dump(self, within: float) -> str:
        try:
            return await printed((self.binary, "-T", "-q", "-c", self.config), within)
        except (OSError, ValueError) as error:
            raise CannotSee(f"what {self.config} includes can't be read: {error}") from error


def listening(dump: str) -> list[str]:
    """Return HOST:PORT of everything over TCP that a configuration listens at, as far as it is an address."""
    addresses = []
    for where, words in _LISTEN.findall(_COMMENT.sub("", dump)):
        if where.startswith("unix:") or {"udp", "quic"} & set(words.split()):
            continue
        host, _, port = where.rpartition(":") if ":" in where.rpartition("]")[2] else (where, "", "80")
        if where.isdecimal():
            host, port = "*", where
        addresses.append(f"{_ANY.get(host, host)}:{port}")
    return addresses


def master(pid_file: str) -> int:
    """Return the process of NGINX's master; CannotSee where the file names none."""
    try:
        pid = int(bounded_read.read(pid_file, _MOST_OF_A_NUMBER).decode("ascii"))
        title = b" ".join(processes.command_line(pid))
    except (OSError, ValueError) as error:
        raise CannotSee(f"{pid_file} names no running process: {error}") from error
    if not title.startswith(_MASTER):
        raise CannotSee(f"process {pid} of {pid_file} is no master of NGINX")
    return pid


def children(pid: int) -> list[int]:
    """Return the processes of a master; CannotSee where they can't be looked at."""
    try:
        return processes.children(pid)
    except OSError as error:
        raise CannotSee(f"NGINX's master {pid} can't be looked at: {error}") from error


def _words(pid: int) -> list[str]:
    try:
        return b" ".join(processes.command_line(pid)).decode(errors="replace").split()
    except OSError:
        return []
