"""`haproxy.broken_file`: a configuration that HAProxy can't read is put in place, and it is told to reload."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.master import Standing, reload, standing
from faildrill.adapters.haproxy.server_states import Server, read
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import ActionFailed, CannotSee, reason
from faildrill.ports import Captured, Given, Observed
from faildrill.ports.target import FilePath
from faildrill.system import threads
from faildrill.toolkit.config_file import OfBrokenFile, started
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.programs import Argv

_AGAIN: Final = 0.05
"""Seconds between two looks at a master that loads its files."""
_Servers = Mapping[tuple[str, str], Server]


class BrokenFile(OfBrokenFile):
    """Breaks HAProxy's configuration file and reloads: HAProxy must go on with the configuration that it had.

    It is the mistake of somebody who edits on the host and reloads without `haproxy -c`: a line is added that HAProxy
    can't read. HAProxy must run as a master with workers (`-W` or `-Ws`) and a master socket (`-S`), as Debian's
    service does; the environment names its `master_socket` and `config_file`.

    It is refused, with nothing touched, if the file is bad already, if it was written after HAProxy loaded it, if an
    earlier reload has failed, or if HAProxy accepts the line. Its effect is seen when `haproxy -c` refuses the file,
    the master counts a failed reload, and the same worker as before serves. A restart while the line is there would
    take HAProxy down.

    It is put back when every byte of the file is as it was, a reload succeeded, and every server has the weight and
    state that it had: what was set through the runtime socket and lost in the reload is set again.

        steps:
          - name: a typing mistake is loaded
            haproxy.broken_file: {load_balancer: payments}
        expect:
          - outage: {of: pay, at_most: 0s}
    """

    load_balancer: LoadBalancer = Field(description="the load balancer; it names `master_socket` and `config_file`")
    file: FilePath | None = Field(default=None, description="another file that is changed instead, one that `-f` reads")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [field for field in ("master_socket", "config_file") if getattr(self.load_balancer, field) is None]
        if missing:
            raise ValueError(f"the environment names no {' and no '.join(missing)} of {self.load_balancer.name}")
        return self

    @property
    def _server(self) -> str:
        return "HAProxy"

    @property
    def _path(self) -> Path:
        return Path(self.file or self._config)

    @property
    def _config(self) -> str:
        return self.load_balancer.config_file or ""

    @property
    def _tests(self) -> Argv:
        return self.load_balancer.binary, "-c", "-f", self._config

    @property
    def _touched(self) -> str:
        return f"{self.load_balancer.name}/{self._path.name}"

    async def _others(self, within: float) -> list[Path]:
        try:
            return await threads.of_file(self._config, self._declared)
        except OSError as error:
            raise CannotSee(f"{self._config} can't be looked at: {reason(error)}") from error

    def _declared(self) -> list[Path]:
        """List the files that `-f` reads, but the one that is changed."""
        own, config = self._path.resolve(), Path(self._config)
        files = sorted(config.glob("*.cfg")) if config.is_dir() else [config]
        return [file for file in files if file.resolve() != own]

    async def _since(self) -> float | None:
        return started((await self._standing()).worker)

    async def _running(self, given: Given) -> Captured:
        now = await self._standing()
        if now.failed or not now.worker:
            raise CannotSee(f"{now.failed} reloads of {self.load_balancer.name} failed before: reload it first")
        beside = await self._refuse_unloaded(given.timeout * SHARE)
        servers: Captured = {"/".join(name): list(server) for name, server in (await self._servers()).items()}
        running: Captured = {"master": now.pid, "at": time.time(), "worker": now.worker, "reloads": now.reloads}
        return {**running, "servers": servers, "beside": beside}

    async def _another(self, before: Captured) -> str:
        now = await self._standing()
        if now.pid == before["master"] or now.started >= float(str(before.get("at", 0.0))):
            return ""
        return f"it leads to two: HAProxy's master {before['master']} was looked at first, and now {now.pid} answers"

    async def _load(self, before: Captured, given: Given) -> None:
        former = await self._standing()
        try:
            async with asyncio.timeout(given.timeout * SHARE / 2):
                await reload(self.load_balancer.master_socket or "")
                now = await self._reloaded(former)
                if now.worker != former.worker:
                    await self._tell_again(before, now.worker)
        except (OSError, ValueError) as error:
            raise ActionFailed(f"{self.load_balancer.name} can't be told to reload: {reason(error)}") from error

    async def _reloaded(self, former: Standing) -> Standing:
        """Wait until the master has tried; while it does, it may not answer."""
        while True:
            with suppress(CannotSee):
                now = await self._standing()
                if (now.pid, now.reloads) != (former.pid, former.reloads):
                    return now
            await asyncio.sleep(_AGAIN)

    async def _tell_again(self, before: Captured, worker: int) -> None:
        """Set what was set through the runtime socket, which a new worker doesn't know."""
        socket = self.load_balancer.haproxy_socket
        while f"\nPid: {worker}\n" not in await tell(socket, "show info"):  # noqa: ASYNC110 - it can only be asked
            await asyncio.sleep(_AGAIN)
        commands = [
            command
            for (backend, name), one in self._changed(before, await self._servers())
            for command in (f"weight {one.weight}", *(f"state {state}" for state in one.states))
            for command in [f"set server {backend}/{name} {command}"]
        ]
        if commands and (objections := (await tell(socket, "; ".join(commands))).split()):
            raise ActionFailed(f"{self.load_balancer.name} says: {' '.join(objections)}")

    async def _went_on(self, before: Captured, given: Given) -> Observed:
        now = await self._standing()
        same = now.worker == before["worker"]
        reloads = f"{now.failed} reloads failed, worker {now.worker} {'goes on' if same else 'is another one'}"
        if now.failed > 1:
            reloads += ": it was told to more than once"
        return Observed(now.failed == 1 and same, reloads, {"worker": now.worker})

    async def _loaded(self, before: Captured, given: Given) -> Observed:
        now = await self._standing()
        if now.failed or not now.worker:
            return Observed(holds=False, because=f"{now.failed} reloads failed, worker {now.worker} serves")
        if now.worker == before["worker"]:
            return Observed(holds=True, because=f"worker {now.worker} serves, as before, and no reload failed")
        changed = [f"{backend}/{name}" for (backend, name), _ in self._changed(before, await self._servers())]
        because = f"worker {now.worker} serves; other than before: {', '.join(changed) or 'none of its servers'}"
        return Observed(not changed, because)

    async def count(self, before: Captured, given: Given) -> int:
        """Return how often the master was told to load its files."""
        return (await self._standing()).reloads

    async def _set_by_others(self, before: Captured, given: Given) -> list[str]:
        now = await self._standing()
        if now.worker != before["worker"]:
            return []  # another worker has them from its file
        servers = await self._servers()
        return [
            f"{backend}/{name} is {servers[backend, name].state}, weight {servers[backend, name].weight}; it was "
            f"{one.state}, weight {one.weight}"
            for (backend, name), one in self._changed(before, servers)
        ]

    async def _standing(self) -> Standing:
        try:
            return await standing(self.load_balancer.master_socket or "")
        except (OSError, ValueError) as error:
            raise CannotSee(f"the master of {self.load_balancer.name} does not answer: {error}") from error

    async def _servers(self) -> _Servers:
        try:
            return read(await tell(self.load_balancer.haproxy_socket, "show servers state"))
        except (OSError, ValueError) as error:
            raise CannotSee(f"{self.load_balancer.name} does not tell its servers' state: {error}") from error

    def _changed(self, before: Captured, now: _Servers) -> list[tuple[tuple[str, str], Server]]:
        """List the servers of before whose weight or state is another one now, as they were."""
        former = before["servers"]
        changed = []
        for at, values in former.items() if isinstance(former, dict) else ():
            backend, _, name = at.partition("/")
            before_it = Server(*(int(str(value)) for value in values)) if isinstance(values, list) else None
            is_now = now.get((backend, name))
            if before_it and is_now and (before_it.weight, before_it.states) != (is_now.weight, is_now.states):
                changed.append(((backend, name), before_it))
        return changed
