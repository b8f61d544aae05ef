"""`haproxy.settings`: what is set at a HAProxy, from its runtime socket, its files, and the program itself."""

import asyncio
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import Field

from faildrill.adapters.haproxy import own_program, runtime_settings
from faildrill.adapters.haproxy.config_file import Files, parse
from faildrill.adapters.haproxy.lines import Beside, Source, conditions
from faildrill.adapters.haproxy.runtime_settings import Runtime
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import CannotSee, reason
from faildrill.ports import Given, Kind
from faildrill.ports.target import FilePath, Program
from faildrill.standards import Aside, Difference, SettingsRead, Unread, overlaid
from faildrill.system import bounded_read, threads
from faildrill.toolkit.deadlines import SHARE

_LARGEST: Final = 4 << 20
_MOST: Final = 1000
"""Files in a folder."""
_SECOND: Final = 1.0
"""HAProxy tells its age in whole seconds."""


class Balancer(Kind):
    """Reads HAProxy's settings: what is in force from its runtime socket, the rest from its configuration files.

    The socket shows members, weights, states, connection limits, the algorithm and the thresholds of health checks.
    Timeouts, intervals, retries and redispatch are only in the files: without `file` they can't be read, and the audit
    says so. If both have a value, the socket's counts. What an operator changed at run time, and the next reload loses,
    is reported apart from what agents, DNS records and templates set.

    `file` is a file, a folder (its `*.cfg`, as `haproxy -f` takes them), or a list of these. Environment variables are
    taken from the running process (its socket must have level `operator`), and conditions are decided by `haproxy -cc`:
    with `binary`, or with the haproxy on PATH if it has the running version. With `binary` the files are also checked
    by `haproxy -c`, and its messages are reported. A file that was changed after HAProxy started is reported, because
    what runs may differ from it.

        settings:
          payments: {haproxy.settings: {load_balancer: payments, file: /etc/haproxy/haproxy.cfg, binary: haproxy}}
    """

    load_balancer: LoadBalancer = Field(description="the load balancer that is asked")
    file: FilePath | list[FilePath] | None = Field(
        default=None, description="its configuration on this machine: a file, a folder, or a list, as for `-f`"
    )
    binary: Program | None = Field(default=None, description="the program that checks the file, e.g. haproxy")

    async def settings(self, given: Given) -> SettingsRead:
        """Ask the socket, read the files, put both together."""
        within = given.timeout * SHARE / 3
        socket = self.load_balancer.haproxy_socket
        try:
            async with asyncio.timeout(within):
                live = await runtime_settings.runtime(socket)
        except (OSError, ValueError) as error:
            raise CannotSee(f"{socket} does not answer as HAProxy does ({reason(error)})") from error
        source = f"HAProxy {live.info.get('Version', '')} at {socket}"
        if self.file is None:
            why = "the runtime socket does not tell them; name HAProxy's `file` in the environment"
            unread = (Unread("timeouts, check intervals, retries and redispatch", why),)
            return _reading(source, live, unread)
        try:
            sources = await threads.aside(self._read)
        except OSError as error:
            return _reading(source, live, (Unread(self._files, reason(error)),))
        return await self._put_together(source, live, sources, within)

    async def _put_together(self, source: str, live: Runtime, sources: list[Source], within: float) -> SettingsRead:
        beside = await self._beside(live, sources, within)
        files = parse(sources, beside)
        checked = await self._checked(beside.variables, within)
        unread = (
            *files.unread,
            *checked.unread,
            *await threads.aside(lambda: _not_loaded([Path(one.name) for one in sources], live.info)),
            *await own_program.doubtful(live.named, files.resolving, within / 2),
        )
        return _reading(f"{source} and {self._files}", live, unread, files, checked.asides)

    def remedy(self, difference: Difference) -> str:
        """Return the command for the runtime socket, or where to look in the file."""
        command = _command(difference)
        if command:
            return f"echo {shlex.quote(command)} | socat stdio {shlex.quote(_address(self.load_balancer))}"
        if self.file is None:
            where = "HAProxy's configuration file"
            return f"correct {where}, check it with `haproxy -c -f FILE`, and reload HAProxy"
        checks = " ".join(f"-f {shlex.quote(path)}" for path in self._named)
        return f"correct {self._files}, check it with `haproxy -c {checks}`, and reload HAProxy"

    def _read(self) -> list[Source]:
        paths = [path for named in self._named for path in bounded_read.in_time(named, partial(_files, Path(named)))]
        return [Source(str(path), _text(path)) for path in paths]

    @property
    def _named(self) -> list[str]:
        return [self.file] if isinstance(self.file, str) else self.file or []

    @property
    def _files(self) -> str:
        return ", ".join(self._named)

    async def _beside(self, live: Runtime, sources: Sequence[Source], within: float) -> Beside:
        """Ask the process for its environment and the program for conditions, where the files need them."""
        asked = conditions(sources)
        if not asked and not any("$" in source.text for source in sources):
            return Beside(version=live.version)
        try:
            async with asyncio.timeout(within / 2):
                variables = await runtime_settings.variables(self.load_balancer.haproxy_socket)
        except (OSError, ValueError):
            variables = None
        decided = await own_program.decided(self.binary, live.info, asked, variables, within / 2) if asked else {}
        return Beside(variables, decided, live.version)

    async def _checked(self, variables: Mapping[str, str] | None, within: float) -> own_program.Said:
        """Let the program check the files, where one is named."""
        if self.binary is None:
            return own_program.Said()
        return await own_program.checked(self.binary, self._named, variables, within)


def _reading(
    source: str,
    live: Runtime,
    unread: Iterable[Unread],
    files: Files | None = None,
    asides: tuple[Aside, ...] = (),
) -> SettingsRead:
    written = files.settings if files else None
    together = overlaid(written, live.settings) if written else live.settings
    return SettingsRead(source, together, written, tuple(unread), asides, live.spelled, live.steered)


def _files(path: Path) -> list[Path]:
    """Return a file, or the files of a folder that `haproxy -f` would take, in its order."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.name.endswith(".cfg") and not file.name.startswith("."))
    return [file for file in files if file.is_file()][:_MOST]


def _text(path: Path) -> str:
    """Return a file's text; HAProxy takes bytes of any encoding in a comment or a word."""
    data = bounded_read.read(path, _LARGEST)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _not_loaded(files: Iterable[Path], info: Mapping[str, str]) -> Iterable[Unread]:
    """Tell of files that are younger than the process that should have read them."""
    uptime = info.get("Uptime_sec", "")
    started = time.time() - float(uptime) if uptime.isdecimal() else time.time()
    why = "was changed after HAProxy was started: what only it tells may not be what runs; reload HAProxy"
    return [Unread(str(file), why) for file in files if file.stat().st_mtime > started + _SECOND]


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
