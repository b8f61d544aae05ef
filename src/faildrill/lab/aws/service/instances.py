"""What the service does to the instances: end one, promote one, start one as a reader."""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import asyncpg

from faildrill.errors import FaildrillError
from faildrill.lab.aws.service.settings import Settings
from faildrill.lab.core import control
from faildrill.system import processes

_WITHIN: Final = 30.0
_PAUSE: Final = 0.02
FAILURES: Final = (OSError, TimeoutError, FaildrillError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""How any of it fails."""


class Instances:
    """The instances of one cluster, which are nodes of the lab."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._password = Path(settings.password_file).read_text(encoding="ascii").strip()

    async def end(self, name: str) -> None:
        """End one as PostgreSQL's fast shutdown does: connections are dropped, and its readers have all that it had."""
        state = (await self._ask({"op": "status"}))["nodes"][name]["state"]
        if state != "absent":
            how = "KILL" if state == "stopped" else "INT"  # one that is held hears nothing
            await self._ask({"op": "signal", "node": name, "signal": how})
            await self._ask({"op": "wait", "node": name, "state": "absent", "within": _WITHIN})

    async def promote(self, name: str) -> None:
        """Make a reader the writer, and return when it takes writes."""
        await self._asked(name, f"SELECT pg_promote(true, {_WITHIN:g}::int)")
        self._follow(name, "")

    async def start(self, name: str, writer: str) -> None:
        """Start one as a reader of `writer`, or as the writer itself, and return when it answers."""
        self._follow(name, "" if name == writer else self._settings.instances[writer].address)
        deadline = time.monotonic() + _WITHIN
        while not await self._started(name) or await self.writes(name) is not (name == writer):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} was not up within {_WITHIN:g} s")
            await asyncio.sleep(_PAUSE)

    async def writes(self, name: str) -> bool | None:
        """Tell whether one takes writes; None where it doesn't answer."""
        try:
            return not await self._asked(name, "SELECT pg_is_in_recovery()")
        except FAILURES:
            return None

    def runs(self, name: str) -> bool:
        """Tell whether the main process of one is there and not held by a signal."""
        folder = Path(self._settings.instances[name].writer_file).with_name("data")
        try:
            pid, *_ = (folder / "postmaster.pid").read_text(encoding="utf-8").split()
            process = processes.look(int(pid))
        except (OSError, ValueError):
            return False
        return process is not None and process.state not in processes.STOPPED

    async def _started(self, name: str) -> bool:
        try:
            await self._ask({"op": "start", "node": name})
        except FaildrillError:  # something of it is still ending
            return False
        return True

    def _follow(self, name: str, writer: str) -> None:
        Path(self._settings.instances[name].writer_file).write_text(writer, encoding="ascii")

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(control.ask, Path(self._settings.supervisor), request, _WITHIN + 1)

    async def _asked(self, name: str, statement: str) -> object:
        connection = await asyncpg.connect(
            host=self._settings.instances[name].address,
            port=self._settings.port,
            user="postgres",
            password=self._password,
            database="postgres",
            ssl=False,
            timeout=2,
        )
        try:
            return await connection.fetchval(statement, timeout=_WITHIN + 1)
        finally:
            connection.terminate()
