"""Threads that nobody waits for longer than he wants to: what blocks in one holds up nothing else, and ends no run."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from faildrill.system import bounded_read

T = TypeVar("T")


class Scheduling(NamedTuple):
    """How the kernel lets a thread run; a thread of Python is not as urgent as the one that starts it."""

    policy: int
    priority: int

    @classmethod
    def now(cls) -> Self:
        """Return that of this thread."""
        return cls(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)

    def apply(self) -> None:
        """Let this thread run so, where it may: one that is kept from running may hold up those that wait for it."""
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, self.policy, os.sched_param(self.priority))


async def aside(work: Callable[[], T]) -> T:
    """Do what may block in a thread of its own; whoever is cancelled while he awaits it leaves it behind."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type] # None only where T is

    def do() -> None:
        try:
            done: tuple[T | None, BaseException | None] = (work(), None)
        except Exception as error:  # noqa: BLE001 - carried to who awaits it
            done = (None, error)
        # The work may end after the program's course did: a closed loop takes no calls, and nobody awaits the result.
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, *done)

    threading.Thread(target=do, daemon=True).start()
    return await future


async def read(path: Path | str, most: int = bounded_read.LARGEST, within: float = bounded_read.WITHIN) -> bytes:
    """Read a file as `bounded_read.read` does, and hold up nothing else meanwhile."""
    return await aside(lambda: bounded_read.read(path, most, within))


async def of_file(path: Path | str, work: Callable[[], T], within: float = bounded_read.WITHIN) -> T:
    """Do with a file what may hang as `bounded_read.in_time` does, and hold up nothing else meanwhile."""
    return await aside(lambda: bounded_read.in_time(path, work, within))
