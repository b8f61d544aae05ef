"""What may end a run from outside while it acts: its environment is halted, its lock is lost, a condition fails."""

import asyncio
from typing import Final

from faildrill.acting.call import call
from faildrill.errors import ActionError, CannotSee
from faildrill.guarding import abort_guards
from faildrill.kinds.call_context import CallContext
from faildrill.locking import halt_switch
from faildrill.locking.declared_facts import proven
from faildrill.locking.lock_keeper import LockKeeper
from faildrill.locking.shared_lock import Shared
from faildrill.running.run_context import Scene
from faildrill.running.stop_request import Stop

POLL: Final = 0.1
"""Seconds between two looks at the switch."""


class Interrupts:
    """Looks outside from the warm-up to the last step, and asks the run to stop at the first reason."""

    def __init__(self, scene: Scene, stop: Stop, shared: Shared | LockKeeper) -> None:
        self._scene = scene
        self._stop = stop
        self._shared = shared
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to look."""
        conditions = abort_guards.conditions(self._scene.drill)
        looks = [self._switch(), self._lock(), *(self._condition(condition) for condition in conditions)]
        self._tasks = [asyncio.create_task(look) for look in looks]

    async def stop(self) -> None:
        """Look no more: what comes now is put back already."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _switch(self) -> None:
        place = proven(self._scene.environment)
        while (halt := halt_switch.halted(place)) is None:  # noqa: ASYNC110 - a file has no event to await
            await asyncio.sleep(POLL)
        self._stop.ask("condition", str(halt))

    async def _lock(self) -> None:
        if self._shared.held is not None:
            because = await self._shared.held.lost()
            self._stop.ask("condition", f"the lock between hosts is lost, so nothing more is done: {because}")

    async def _condition(self, one: abort_guards.Condition) -> None:
        """Ask it at its rate, open loop; what can't be asked counts as broken, as it does before the start."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            given = CallContext(self._scene.run, timeout=one.within)
            try:
                reason = await call(one.guard.objection(given), one.within)
            except (ActionError, CannotSee) as error:
                reason = f"could not be asked: {error}"
            if reason is not None:
                self._stop.ask("condition", f"{one.kind}: {reason}")
                return
            # A slow answer delays the next question, and never makes two of them follow each other at once.
            due = max(due + one.every, loop.time())
            await asyncio.sleep(due - loop.time())
