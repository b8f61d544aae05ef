"""`process.alive`: whether a process of this host lives, with the moment at which it ended."""

import asyncio
import os
import time
from typing import Final

from pydantic import PrivateAttr

from faildrill.adapters.process.search import Named
from faildrill.errors import CannotSee
from faildrill.ports import Given, Seen, TellEdge
from faildrill.record.samples import Outcome
from faildrill.system import processes
from faildrill.system.processes import STOPPED, Process

_GONE: Final = "no such process"


class Alive(Named):
    """Looks whether a process of this host lives; good while it does and is not stopped by a signal.

    The process is named and checked as in `process.kill`. The kernel reports its end at once, also between looks, so
    that even a process that is started again within an interval is seen to have been gone. `who` is its process id:
    another id is another process.

        probes:
          payments: {process.alive: {pid_file: /run/payments.pid, command: payments-server}, every: 200ms}
    """

    _descriptor: int | None = PrivateAttr(default=None)
    _process: Process | None = PrivateAttr(default=None)
    _tell: TellEdge | None = PrivateAttr(default=None)

    async def open(self, given: Given) -> None:
        """Prepare nothing: the first look finds the process."""

    async def close(self) -> None:
        """Let go of the process."""
        self._let_go()

    def on_edge(self, given: Given, tell: TellEdge) -> None:
        """Tell the moment of its end."""
        self._tell = tell

    async def look(self, given: Given) -> Seen:
        """Look at the process that was seen before, or find the one that is there now."""
        known = self._process
        now = processes.look(known.pid) if known else None
        if known is None or now is None or now.identity != known.identity:
            try:
                now = await self.find()
            except CannotSee as error:
                return Seen(Outcome.BROKEN, detail=str(error))
            self._watch(now)
        if now is None:
            return Seen(Outcome.REFUSED, detail=_GONE)
        if now.state in STOPPED:
            return Seen(Outcome.WRONG, str(now.pid), "stopped by a signal")
        return Seen(Outcome.OK, str(now.pid))

    def _watch(self, process: Process | None) -> None:
        """Have the kernel tell of this process's end."""
        self._let_go()
        if process is None:
            return
        try:
            self._descriptor = os.pidfd_open(process.pid)
        except OSError:
            return  # it ended just now: the next look sees that
        now = processes.look(process.pid)
        if now is None or now.identity != process.identity:
            self._let_go()
            return
        self._process = process
        asyncio.get_running_loop().add_reader(self._descriptor, self._ended)

    def _ended(self) -> None:
        now, was = time.monotonic_ns(), self._process
        self._let_go()
        if self._tell is not None and was is not None:
            self._tell(Seen(Outcome.REFUSED, str(was.pid), "ended", now, now))

    def _let_go(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
        self._descriptor, self._process = None, None
