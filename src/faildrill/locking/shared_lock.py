"""The lock between hosts, where an environment declares one: taken besides the machine's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from faildrill.acting.call import call
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.locking.declared_facts import proven
from faildrill.model.environment import Environment
from faildrill.ports import Lock
from faildrill.system import who

WITHIN: Final = 10.0
"""Seconds in which the lock must be ours; later is an objection."""


class Shared:
    """An environment's lock between hosts, held or not."""

    def __init__(self, environment: Environment, run: str) -> None:
        self._environment = environment
        self._run = run
        self._lock: Lock | None = None

    async def objection(self) -> str | None:
        """Take the lock; return who holds it, or why it could not be taken, and None when it is ours."""
        use = self._environment.lock
        if use is None:
            return None
        lock: Lock = build(use, "lock")
        holder = f"{who.user()}@{who.machine()} {self._run}"
        taking = lock.take(proven(self._environment).keys, holder, CallContext(self._run, timeout=WITHIN))
        try:
            other = await call(taking, WITHIN)
        except (ActionError, CannotSee) as error:
            return f"{use.kind}: {error}; nobody knows whether another host drills here"
        if other is not None:
            return f"{use.kind}: the environment is being drilled by {other}; wait for it or abort it there"
        self._lock = lock
        return None

    @property
    def held(self) -> Lock | None:
        """The lock, where it is ours to lose."""
        return self._lock

    async def release(self) -> None:
        """Give it back, if it was taken."""
        lock, self._lock = self._lock, None
        if lock is not None:
            await call(lock.release(), WITHIN)


@contextlib.asynccontextmanager
async def kept_away(environment: Environment, run: str) -> AsyncIterator[None]:
    """Keep other hosts away meanwhile, as well as it can be done: putting back never waits for the lock, nor needs it.

    Takes the lock again that was lost with the session of a runner that died.
    """
    shared = Shared(environment, run)
    taking = asyncio.create_task(shared.objection())
    try:
        yield
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        with contextlib.suppress(ActionError, CannotSee):
            await shared.release()
