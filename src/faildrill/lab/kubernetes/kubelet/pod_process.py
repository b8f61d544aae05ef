"""The process of a container: started, signalled, ended with all that descends from it, and its end seen at once."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from faildrill.system.processes import descendants


class PodProcess:
    """One process, the first of its session."""

    def __init__(self, argv: list[str], variables: Mapping[str, str], folder: Path, log: Path) -> None:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._process = subprocess.Popen(
                argv,
                env=dict(variables),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        finally:
            os.close(file)
        self.pid = self._process.pid
        self.code: int | None = None
        """How it ended, if it has: its exit code, or 128 and the number of the signal."""
        self._over: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._handle = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._handle, self._seen)

    async def ended(self) -> int:
        """Wait for its end, and return how it ended."""
        return await asyncio.shield(self._over)

    async def end(self, grace: float) -> None:
        """Ask it to end, and after `grace` seconds kill it with all that descends from it."""
        if self.code is None:
            self._send([self.pid], signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self.ended()
        self.kill()
        await self.ended()

    def kill(self) -> None:
        """Kill it, with all that descends from it."""
        if self.code is None:
            self._send([*(one.pid for one in descendants(self.pid)), self.pid], signal.SIGKILL)

    def _send(self, pids: Iterable[int], number: int) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _seen(self) -> None:
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        with suppress(ProcessLookupError):
            os.killpg(
                self.pid, signal.SIGKILL
            )  # what it leaves in its session; its id is nobody else's before the wait
        code = self._process.wait()
        self.code = code if code >= 0 else 128 - code
        self._over.set_result(self.code)
