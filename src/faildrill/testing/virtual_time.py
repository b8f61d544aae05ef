"""Virtual time: an event loop that jumps to its next timer, so that ten minutes of a drill pass in milliseconds.

Only what waits on the loop is moved: `asyncio.sleep`, timeouts, locks, queues. A thread, another process or a socket
takes the time that it takes, and the loop doesn't wait for it: such a part is tested in real time.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

T = TypeVar("T")
START: Final = 1_000.0
"""What the loop's clock shows at first: not zero, so that a moment taken for a duration is seen."""


class _Jumping(selectors.SelectSelector):
    """Never waits: what it is told to wait for has passed."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.now = start

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            # Asyncio waits without a limit when no timer is set: only a file could wake it, and none did.
            if timeout is None:
                raise RuntimeError("nothing will ever happen again: the run hangs")
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time is that of its selector; RuntimeError where all that is left waits for ever."""

    def __init__(self, start: float = START) -> None:
        self._jumping = _Jumping(start)
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual time, in float seconds."""
        return self._jumping.now


class LoopClock:
    """The clock of the running loop, for what is given a clock; the wall stands still."""

    def now_ns(self) -> int:
        """Return the loop's time, in whole nanoseconds."""
        return round(asyncio.get_running_loop().time() * 1e9)

    def wall(self) -> str:
        """Return a moment that is the same in every test."""
        return "2026-11-22T10:30:00.000000Z"


def run(what: Coroutine[Any, Any, T], start: float = START) -> T:
    """Run a coroutine in virtual time, on a clock that shows `start` at first, and return what it returns."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(start)) as runner:
        return runner.run(what)
