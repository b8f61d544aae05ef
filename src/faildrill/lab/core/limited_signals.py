"""Signals that end by themselves: the lab undoes them after a while, whether or not anybody asks it to."""

import asyncio
from typing import Final

from faildrill.errors import FaildrillError
from faildrill.lab.core.node import Node

LONGEST: Final = 86400.0


class Limits:
    """The time limits of the nodes of a lab; one a node, the last one counts."""

    def __init__(self) -> None:
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def set(self, node: Node, seconds: object) -> None:
        """Have a node run again after float seconds; None lifts its limit. FaildrillError when it is no such time."""
        self.lift(node)
        limit = checked(seconds)
        if limit is not None:
            self._timers[node.recipe.name] = asyncio.get_running_loop().call_later(limit, self._end, node)

    def lift(self, node: Node) -> None:
        """Forget a node's limit: somebody has put it back, or done something else to it."""
        timer = self._timers.pop(node.recipe.name, None)
        if timer is not None:
            timer.cancel()

    def lift_all(self) -> None:
        """Forget every limit: the lab is taken down."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _end(self, node: Node) -> None:
        self._timers.pop(node.recipe.name, None)
        task = asyncio.get_running_loop().create_task(_run_again(node))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def checked(seconds: object) -> float | None:
    """Return a limit in float seconds, None where there is to be none; FaildrillError when it is no such time."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST:
        raise FaildrillError(f"a limit is a number of seconds, {LONGEST:g} at the most")
    return float(seconds)


async def _run_again(node: Node) -> None:
    if node.state() == "stopped":
        await node.signal("CONT")
    elif not node.init:
        await node.start()
