"""What is to happen when: an agenda run by one exact alarm, which also meters how long this process was held up."""

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Final

from faildrill.probing.timer import Alarm

HEARTBEAT: Final = 1_000_000
"""While an answer is awaited, the alarm rings at least this often (ns), so that being held up is noticed."""
NOTICEABLE: Final = 300_000
"""A lateness of the alarm (ns) that is more than the usual course of things."""
NEVER: Final = 1 << 62
"""Later than every moment of CLOCK_MONOTONIC; still far below what a timer's seconds can hold."""

Call = Callable[[int, int], None]
"""Called with the moment it was set for and the moment it is (ns)."""


class Entry:
    """Something on the agenda; it can be struck off."""

    __slots__ = ("call",)

    def __init__(self, call: Call) -> None:
        self.call: Call | None = call

    def strike(self) -> None:
        """Take it off: it will not be called, nor will the alarm ring for it."""
        self.call = None


class Agenda:
    """Calls each entry at its moment, exact to the alarm; entries are called in the order of their moments."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Entry]] = []
        self._number = 0
        self._alarm = Alarm()
        self._armed = NEVER
        self._running = False
        self._held = 0
        self.awaiting = 0
        """How many answers are awaited now; kept by those who wait for them."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run on a loop from now on."""
        loop.add_reader(self._alarm.fileno(), self._ring)
        self._arm(time.monotonic_ns())

    def at(self, moment: int, call: Call) -> Entry:
        """Put a call on the agenda."""
        entry = Entry(call)
        # The number breaks ties: of two entries of one moment the one that was put on first is called first, as Calls
        # don't compare.
        self._number += 1
        heapq.heappush(self._entries, (moment, self._number, entry))
        # While entries are being called the alarm is set once, after the last of them.
        if moment < self._armed and not self._running:
            self._set(moment)
        return entry

    def held(self, now: int) -> int:
        """Tell for how many ns in all, up to now, this process did not come to what it had to do.

        The difference between two calls bounds what a time measured between them owes to ourselves.
        """
        # The alarm should have rung at `_armed`; that we are asked now and it has not been served is our own delay.
        late = now - self._armed
        return self._held + late if late > NOTICEABLE else self._held

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call nothing any more."""
        loop.remove_reader(self._alarm.fileno())
        self._alarm.close()

    def _ring(self) -> None:
        now = time.monotonic_ns()
        self._held = self.held(now)
        self._armed = NEVER
        self._running = True
        entries = self._entries
        try:
            while entries and entries[0][0] <= now:
                moment, _, entry = heapq.heappop(entries)
                if entry.call is not None:
                    entry.call(moment, now)
        finally:
            self._running = False
            # Anew, not `now`: what was called took time, and the heartbeat counts from its end.
            self._arm(time.monotonic_ns())

    def _arm(self, now: int) -> None:
        entries = self._entries
        # What was struck off stays in the heap until it comes up: it would have to be searched for to be taken out.
        while entries and entries[0][2].call is None:
            heapq.heappop(entries)
        moment = entries[0][0] if entries else NEVER
        self._set(min(moment, now + HEARTBEAT) if self.awaiting else moment)

    def _set(self, moment: int) -> None:
        self._armed = moment
        self._alarm.set(moment)
