"""`haproxy.identity`: what the HAProxy behind a runtime socket says it is, and that it is the one that users meet."""

import asyncio
import ipaddress
import re
from contextlib import suppress
from pathlib import Path
from socket import SOCK_STREAM
from typing import Annotated, Final

from pydantic import Field

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.master import standing
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import CannotSee, reason
from faildrill.ports import Given, Told, Words, at, causes
from faildrill.system import bounded_read, processes, threads
from faildrill.system.redaction import clean
from faildrill.toolkit.connection_errors import outcome_of
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.identity import Proves
from faildrill.toolkit.listeners import listeners, parted

_SHOWN: Final = 80
_AGAIN: Final = 0.1
"""Seconds between two looks: an HAProxy that reloads takes connections with its former worker for a moment."""
_CONNECTIONS: Final = 16
"""Connections that are made: if two HAProxy shared the address, all of them would reach ours once in 65,536 times."""
_LET_IN: Final = 0.2
"""Seconds that a connection may take to be listed."""
Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")]


class Identity(Proves):
    """Refuses the drill unless the HAProxy behind the runtime socket says what was declared, and users meet that one.

    What it says is its `description`, from the `global` section of its configuration. Put a random text of your own
    there, in what may be drilled and nowhere else.

    That users meet this HAProxy is proven at each address in `listens`: faildrill connects there and looks for that
    very connection in HAProxy's own list (`show fd`), or, on this host, looks which process listens there. It objects
    if another process takes connections there as well, because half of the users would meet that one, and if the
    connection is not found, for example behind NAT. An address that is a runtime socket itself (`stats socket`) proves
    nothing, because no user goes there, and is an objection. If the environment names a `master_socket` or a
    `config_file`, they must belong to this HAProxy too.

        identity:
          - haproxy.identity: {load_balancer: payments, says: "staging 3f2a9c41", listens: ["10.0.0.5:80"]}
    """

    load_balancer: LoadBalancer = Field(description="the load balancer that is asked through its socket")
    says: Words = Field(min_length=8, description="its `description`: a text that stands here and nowhere else")
    listens: tuple[Address, ...] = Field(min_length=1, description="HOST:PORT where users, or services, reach it")

    def facts(self) -> list[str]:
        """Tell what it says."""
        return [f"haproxy {self.says}"]

    def covers(self) -> list[str]:
        """Name what users reach through it."""
        return [at(address) for address in self.listens]

    async def ask_again(self, given: Given) -> Told:
        """Ask it, and tell apart another HAProxy from one that does not answer, at its socket or where users go."""
        name, answers = self.load_balancer.name, Told([], [], [])
        try:
            async with asyncio.timeout(given.timeout * SHARE):
                info = await self._info()
                if info.get("description", "") != self.says:
                    answers.differs.append(self._other(info.get("description", "")))
                    return answers
                for address in self.listens:
                    place, words = await self._met_by_users(address)
                    answers[place].append(f"{name} {words}")
                await self._its_master(answers)
        except _NotHAProxy as error:
            answers.differs.append(f"{name} did not prove what it is: {error}")
        except (OSError, CannotSee) as error:
            where = self.load_balancer.haproxy_socket
            answers.silent.append(f"{name} did not prove what it is ({where}): {reason(error)}")
        return answers

    async def _info(self) -> dict[str, str]:
        """Return what it says of itself."""
        try:
            lines = (await tell(self.load_balancer.haproxy_socket, "show info")).splitlines()
        except ValueError as error:
            raise _NotHAProxy(str(error)) from error
        fields = {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if not fields.get("Pid", "").isdigit():
            raise _NotHAProxy(f"{self.load_balancer.haproxy_socket} is no runtime socket of HAProxy")
        return fields

    def _other(self, said: str) -> str:
        shown = f"says {clean(said)[:_SHOWN]!r}" if said else "says nothing"
        return (
            f"{self.load_balancer.name} is not the declared one: it {shown} of itself, not {self.says!r}; if it may be "
            f"drilled, write `description {self.says}` into its `global` section, and reload it"
        )

    async def _met_by_users(self, address: str) -> tuple[int, str]:
        """Tell whether users meet it at an address: 0 where they do, 1 where another one answers, 2 where it is unseen.

        With the words for it. Where another one was seen it is looked for again for a second, as during a reload: it is
        gone when it is not seen twice in a row.
        """
        deadline, needed = asyncio.get_running_loop().time() + 1.0, 1
        while True:
            try:
                not_ours = await self._strangers(address)
            except CannotSee as error:
                return 2, f"can't be met where users go, at {address}: {error}"
            except OSError as error:
                outcome, words = outcome_of(error)
                words = words or outcome.in_words()
                return 2, f"can't be met where users go, at {address}: {words}; {causes.what_to_do(words, address)}"
            needed = 2 if not_ours else needed - 1
            if needed == 0:
                return 0, f"at {address}"
            if not_ours and asyncio.get_running_loop().time() > deadline:
                return 1, not_ours
            await asyncio.sleep(_AGAIN)

    async def _strangers(self, address: str) -> str:
        """Say who else than this HAProxy takes connections at an address, or instead of it; empty where nobody does."""
        socket = self.load_balancer.haproxy_socket
        if await self._is_its_socket(address):
            return (
                f"is not met there by users: {address} is a runtime socket of it (`stats socket`), where no user goes"
            )
        with suppress(CannotSee):  # it need not run on this host, nor let this user see
            pid = int((await self._info())["Pid"])
            here = await listeners(address, [pid])
            if here.belong_to([pid]):
                return ""
            if pid in here.pids:
                return (
                    f"is not alone where users go: {here}, and process {pid} is the HAProxy on {socket}; end the others"
                )
        listed = await self._lists(address)
        if listed == _CONNECTIONS:
            return ""
        if listed:
            others = f"{_CONNECTIONS - listed} of {_CONNECTIONS} connections to {address}"
            return (
                f"is not alone where users go: {others} are not of the HAProxy on {socket}: another one shares that "
                "address; end it, or correct the address"
            )
        return (
            f"is not what users meet: a connection to {address} is not one of the HAProxy on {socket}: correct the "
            "socket, or the address"
        )

    async def _is_its_socket(self, address: str) -> bool:
        """Tell whether an address is one of those that take commands: any level of socket may list them."""
        host, port = parted(address)
        try:
            infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
        except (OSError, UnicodeError):
            return False  # whoever looks there next says so
        hosts = {str(info[4][0]) for info in infos} | {host}
        try:
            lines = (await tell(self.load_balancer.haproxy_socket, "show cli sockets")).splitlines()
        except ValueError:
            return False  # more than an answer holds
        own = (line.partition(" ")[0].partition("@")[2].rpartition(":") for line in lines)
        return any(at == str(port) and (_is_any(on) or on.strip("[]") in hosts) for on, _, at in own)

    async def _lists(self, address: str) -> int:
        """Connect several times, send nothing, and count those that it lists, by the port that each comes from.

        Each may reach another one that shares the address. One that is not listed waits perhaps to be let in: those
        that were seen make room, and it is looked again.
        """
        port, loop = parted(address)[1], asyncio.get_running_loop()
        writers: dict[str, asyncio.StreamWriter] = {}
        listed: set[str] = set()
        try:
            for _ in range(_CONNECTIONS):
                _, writer = await asyncio.open_connection(*parted(address))
                writers[str(writer.get_extra_info("sockname")[1])] = writer
            began = loop.time()
            while len(listed) < _CONNECTIONS and loop.time() < began + _LET_IN:
                descriptors = (await tell(self.load_balancer.haproxy_socket, "show fd")).splitlines()
                fresh = {
                    match[1] for line in descriptors if (match := _ours(port).search(line))
                } & writers.keys() - listed
                for descriptor in fresh:
                    writers[descriptor].transport.abort()
                listed |= fresh
                began = loop.time() if fresh else began
                await asyncio.sleep(_LET_IN / 10)
        except ValueError:
            return 0  # more connections than an answer holds
        finally:
            for writer in writers.values():
                writer.transport.abort()
            await asyncio.sleep(0)  # what was ended is closed in the loop's next turn
        return len(listed)

    async def _its_master(self, told: Told) -> None:
        """Look whether the master's socket and the file are those of the process that answers on the runtime socket."""
        balancer = self.load_balancer
        if balancer.master_socket is None:
            return
        try:
            master = await standing(balancer.master_socket)
            pid = int((await self._info())["Pid"])
        except ValueError as error:
            told.differs.append(f"{balancer.name}: {balancer.master_socket} is no master's: {error}")
            return
        if master.worker != pid:
            told.differs.append(
                f"{balancer.name}: the master on {balancer.master_socket} has worker {master.worker}, and process "
                f"{pid} answers on {balancer.haproxy_socket}: they are two HAProxys"
            )
        elif balancer.config_file is not None and not await _reads(master.pid, balancer.config_file):
            told.differs.append(
                f"{balancer.name}: its master {master.pid} was not started with {balancer.config_file}: name the file "
                "that its `-f` names"
            )


def _ours(port: int) -> re.Pattern[str]:
    """Find in a line of `show fd` from which port a client, not one of a runtime socket, has connected to this one."""
    return re.compile(rf"\biocb=.*\blport={port}\b.*\brport=(\d+)\b.*\bfe=(?!GLOBAL\b)")


def _is_any(host: str) -> bool:
    """Tell whether who is bound to a host is so to all addresses."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return host in ("", "*")


class _NotHAProxy(Exception):
    """Whoever answers is no HAProxy."""


async def _reads(pid: int, file: str) -> bool:
    """Tell whether a master was started with a file or its folder; true where it is no process of this host's.

    Only what is a HAProxy here is looked at: the number may be one of a container's own.
    """
    try:
        words = [word.decode(errors="replace") for word in processes.command_line(pid)]
        folder = Path(processes.working_folder(pid))
    except OSError:
        return True
    if not words or "haproxy" not in words[0]:
        return True
    named = [folder / word for word in words[1:] if word and not word.startswith("-")]
    wanted, *those = await threads.aside(lambda: [Path(bounded_read.real(path)) for path in (Path(file), *named)])
    return any(path in (wanted, wanted.parent) for path in those)
