"""When to hold a look back: how many are under way, and how long nothing at all has answered.

While anything answers, looks go out at their rate. In complete silence each further look weighs on what is looked
at: what it has not read yet it must read when it wakes, and its queue of connections, which its users share, is
short. So in silence looks are spaced by a growing part of its length, up to what counts as slow, and that bounded.
Both sides are kept small: a service that answers what it was sent wakes to few requests and is seen at once, as the
pending looks are answered; one that lost what it was sent is seen by the next look; and the bounds of the outage
are no wider than silence makes them anyhow. How long the service takes to answer is learned from looks sent while it
answered: what waited for the end of a silence tells how long that was, and would keep the looks of the next one apart.
Where looks don't even get there, they weigh on nobody, and go out at their rate: the end is seen to an interval.
"""

from typing import Final, Protocol, runtime_checkable

PART: Final = 4
"""In silence, looks are spaced by its length divided by this."""
NARROWEST: Final = 5_000_000
"""Up to this such a spacing always grows (ns), even where the slowest answer is faster …"""
PART_OF_LONG: Final = 200
"""A long silence is spaced by its length divided by this, so that what piles up grows with its logarithm only …"""
WIDEST: Final = 25_000_000
"""… and nothing is ever spaced by more than this."""
_NEVER: Final = -(1 << 62)
"""Before every moment, so that every answer counts as sent since."""
FORGETTING: Final = 10
"""The slowest answer known is forgotten by a 2 to the power of this part with each other one."""
MOST: Final = 512
"""Looks under way at once where the drill says nothing: no more than the deadline lets pile up, nor than this."""


@runtime_checkable
class Reaches(Protocol):
    """A probe that notices when its looks don't get to what it looks at."""

    def is_cut(self, now: int) -> bool:
        """Tell whether a look that is sent now would most likely not get there."""
        ...


def most_in_flight(every: float, timeout: float) -> int:
    """Return how many looks may be under way at once where the drill says nothing."""
    # As many as can be due while one waits for its deadline, the one that is due and the one that is just given up.
    return min(MOST, int(timeout / every) + 2)


class Restraint:
    """Decides whether a look may go out now."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._slowest = 0
        self._last_sent = 0
        self._quiet_since = 0
        self._back_since = _NEVER

    def allows(self, now: int, pending: int, *, is_cut: bool = False) -> bool:
        """Tell whether a look may be sent now, `pending` looks being under way; `is_cut`: it would not get there."""
        # The order matters: a look that would not get there is bounded by the most as well, or descriptors run out.
        if pending == 0:  # with nothing under way nobody would notice that the silence is over
            return True
        if pending >= self._most:
            return False
        if is_cut:
            return True
        silence = now - self._quiet_since
        widest = min(max(self._tolerated(), silence // PART_OF_LONG), WIDEST)
        return now - self._last_sent >= min(silence // PART, widest)

    def sent(self, now: int, pending: int) -> None:
        """Note that a look goes out; `pending` were under way before."""
        self._last_sent = now
        if pending == 0:
            self._quiet_since = now

    def answered(self, now: int, took: int) -> None:
        """Note that something answered, well or not, and how long it took."""
        if now - self._quiet_since > self._tolerated():
            self._back_since = now
        self._quiet_since = now
        # Only looks that were sent after the silence ended: the others were answered by its end, not by the service's
        # speed.
        if now - took >= self._back_since:
            # A slow decay by shifting: one hiccup of minutes ago must not widen the spacing for the rest of the run.
            self._slowest = max(took, self._slowest - (self._slowest >> FORGETTING))

    def _tolerated(self) -> int:
        """Return for how long nothing may answer before that is more than the usual course of things."""
        return max(2 * self._slowest, NARROWEST)


class Unrestrained(Restraint):
    """Sends at the rate whatever answers, as users do; only what is under way at once is bounded."""

    def allows(self, now: int, pending: int, *, is_cut: bool = False) -> bool:
        """Tell whether fewer than the most are under way."""
        del now, is_cut
        return pending < self._most
