"""`haproxy.settings`: what is set at a HAProxy, from its runtime socket and from its file."""

import asyncio
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from faildrill.adapters.haproxy.file import parse
from faildrill.adapters.haproxy.runtime import runtime
from faildrill.errors import CannotSee
from faildrill.ports import Given, Kind
from faildrill.settings import Difference, Reading, Settings, Unread, overlaid
from faildrill.system import bounded_read
from faildrill.targets import LoadBalancer

_LARGEST: Final = 4 << 20
_SHARE: Final = 0.8
"""The part of a call's time that asking the socket, or checking the file, may take."""
_SECOND: Final = 1.0
"""HAProxy tells its age in whole seconds."""


class Balancer(Kind):
    """Reads a HAProxy's settings: what is in force from its runtime socket, the rest from its configuration file.

    The socket tells members, weights, states, connection limits, the algorithm and the thresholds of checks; timeouts,
    intervals, retries and redispatch are only in the file. Without `file` they can't be read, and an audit says so.
    Where both tell, the socket has it: what an operator changed at run time, and the next reload loses, is told apart.
    With `binary` the file is checked by `haproxy -c` first. A file that was changed after HAProxy was started is told,
    as what only it says may not be what runs.

        settings:
          payments: {haproxy.settings: {load_balancer: payments, file: /etc/haproxy/haproxy.cfg, binary: haproxy}}
    """

    load_balancer: LoadBalancer = Field(description="the load balancer that is asked")
    file: str | None = Field(default=None, description="its configuration file, on this machine")
    binary: str | None = Field(default=None, description="the program that checks the file, e.g. haproxy")

    async def settings(self, given: Given) -> Reading:
        """Ask the socket, read the file, put both together."""
        within = given.timeout * _SHARE / 2
        socket = self.load_balancer.haproxy_socket
        try:
            async with asyncio.timeout(within):
                live, info = await runtime(socket)
        except (OSError, ValueError) as error:
            raise CannotSee(f"{socket} does not answer as HAProxy does ({_said(error)})") from error
        source = f"HAProxy {info.get('Version', '')} at {socket}"
        if self.file is None:
            why = "the runtime socket does not tell them; name HAProxy's `file` in the environment"
            return Reading(source, live, unread=(Unread("timeouts, check intervals, retries and redispatch", why),))
        try:
            written, unread = _read(Path(self.file))
        except (OSError, ValueError) as error:
            return Reading(source, live, unread=(Unread(self.file, _said(error)),))
        unread = (*unread, *await self._refused(within), *_not_loaded(Path(self.file), info))
        return Reading(f"{source} and {self.file}", overlaid(written, live), written, unread)

    def remedy(self, difference: Difference) -> str:
        """Return the command for the runtime socket, or where to look in the file."""
        command = _command(difference)
        if command:
            return f"echo {shlex.quote(command)} | socat stdio {shlex.quote(_address(self.load_balancer))}"
        where = self.file or "HAProxy's configuration file"
        return f"correct {where}, check it with `haproxy -c -f {where}`, and reload HAProxy"

    async def _refused(self, within: float) -> tuple[Unread, ...]:
        """Let the program check the file, where one is named."""
        if self.binary is None or self.file is None:
            return ()
        try:
            process = await asyncio.create_subprocess_exec(
                *(self.binary, "-c", "-q", "-f", self.file),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            return (Unread(f"haproxy -c {self.file}", f"{self.binary} can't be started: {_said(error)}"),)
        try:
            async with asyncio.timeout(within):
                _, errors = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return (Unread(f"haproxy -c {self.file}", "did not end in time"),)
        if process.returncode == 0:
            return ()
        last = [line for line in errors.decode(errors="replace").splitlines() if "ALERT" in line or line][:1]
        return (Unread(self.file, f"haproxy -c refuses it: {' '.join(last)[:300]}"),)


def _read(file: Path) -> tuple[Settings, tuple[Unread, ...]]:
    data = bounded_read.read(file, _LARGEST)
    try:
        return parse(data.decode())
    except ValidationError as error:
        raise ValueError(f"holds what HAProxy would not take: {error.errors()[0]['msg']}") from error


def _not_loaded(file: Path, info: Mapping[str, str]) -> tuple[Unread, ...]:
    """Tell that the file is younger than the process that should have read it."""
    uptime = info.get("Uptime_sec", "")
    if not uptime.isdecimal():
        return ()
    started = time.time() - float(uptime)
    if file.stat().st_mtime <= started + _SECOND:
        return ()
    why = "was changed after HAProxy was started: what only it tells may not be what runs; reload HAProxy"
    return (Unread(str(file), why),)


def _command(difference: Difference) -> str:
    """Return what the runtime socket takes to set what the standard says, empty where it can't be set there."""
    section, backend, *rest = (*difference.path, "", "")
    if section != "backends" or rest[0] != "servers" or difference.how != "differs":
        return ""
    server, what = f"{backend}/{rest[1]}", rest[2] if len(rest) > 2 else ""  # noqa: PLR2004 - servers, NAME, what
    wanted = difference.standard
    if what == "check":
        return f"enable health {server}" if difference.live == "none" else ""
    return {
        "weight": f"set server {server} weight {wanted}",
        "state": f"set server {server} state {wanted}",
        "max_connections": f"set maxconn server {server} {0 if wanted == 'none' else wanted}",
    }.get(what, "")


def _address(balancer: LoadBalancer) -> str:
    socket = balancer.haproxy_socket
    host, colon, port = socket.rpartition(":")
    return f"tcp:{host}:{port}" if colon and port.isdecimal() and "/" not in socket else socket


def _said(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or ("timed out" if isinstance(error, TimeoutError) else "")
