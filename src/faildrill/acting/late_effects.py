"""Watch for what a request does late: given up is not gone, and what was not there a moment ago may come yet.

Whoever was asked may act for a while after nobody waits for him any more. For so long, as its kind says
(`ports.effect.ACTS_LATE`) and for `IN_TRANSIT` at least (for less after quick steps), nothing of it counts as put back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from faildrill import durations
from faildrill.acting.call import IN_TRANSIT, LOOK_AGAIN, Patience, TookTooLong, call, observe, words
from faildrill.acting.sight import effect, knows_its_effect, looks_cost, restored
from faildrill.errors import ActionError, CannotSee
from faildrill.ports import Action, Captured, Given, Observed
from faildrill.ports.effect import ACTS_LATE
from faildrill.record.timeline import Intended

AGREED: Final = 2
"""Looks in a row that must say the same."""
_LOOK: Final = 1.0
"""Seconds that a look has at least."""


class LateEffect(NamedTuple):
    """What came of a request after nobody waited for it any more."""

    came: bool
    is_told: bool
    """Whether it can be told at all: looks that don't agree, or can't see until the end, tell nothing."""
    because: str


class Window(NamedTuple):
    """From when until when what was asked for may come; moments of the loop's clock, in seconds."""

    start: float
    until: float
    """Its end; nothing comes afterwards."""
    last: float
    """When whoever looks must have ended, told or not: the time of an undo is bounded."""

    @classmethod
    def of(cls, action: Action, intent: Intended, over: float) -> "Window":
        """Return the one that begins now, for a request that nobody of ours makes any more since `over`."""
        now = asyncio.get_running_loop().time()
        within, undo_within = intent.within, intent.undo_within
        until = max(now + min(IN_TRANSIT, within, undo_within), over + acts_late(action, intent.before))
        return cls(now, until, max(now + undo_within, now + AGREED * _LOOK))

    @property
    def is_too_long(self) -> str:
        """Say that it is longer than may be looked; the empty string where it isn't."""
        if self.until <= self.last:
            return ""
        more = durations.show(self.until - self.last)
        return f"its request may still be carried out for {more} after the time that its undo has"


def acts_late(action: Action, before: Captured) -> float:
    """Return the float seconds for which what an action asked for may still be done after nobody waits for it."""
    recorded = before.get(ACTS_LATE)
    own = float(getattr(action, ACTS_LATE, 0.0))
    return max(own, float(recorded)) if isinstance(recorded, int | float) else own


async def late_effect(action: Action, before: Captured, given: Given, window: Window) -> LateEffect:
    """Look whether the effect of a step comes though it was put back, until it can't any more.

    `before` is what was there when it was seen put back, or when an earlier step took its place. Where it is not so
    from the first, it came just now; of a kind that knows its effect from any other change, only that tells then.
    """
    costs = looks_cost(action)
    knows = knows_its_effect(action)
    was_back = (await observe(lambda: restored(action, before, given), window.start, twice=not costs)).holds
    was_back = was_back or not knows

    looks = 0

    async def comes() -> Observed:
        nonlocal looks
        looks += 1
        if costs or not knows:
            back = await restored(action, before, given)
            return Observed(was_back and not back.holds, back.because)
        if looks % 2:  # where reads come from two in turn, each question must meet both of them
            back, there = await restored(action, before, given), await effect(action, before, given)
        else:
            there, back = await effect(action, before, given), await restored(action, before, given)
        if was_back and back.holds and there.holds:
            raise CannotSee(
                f"looks contradict each other: it is put back ({back.because}), and it is in effect ({there.because})"
            )
        comes = not back.holds if was_back else there.holds
        return Observed(comes, there.because if there.holds else back.because)

    if costs:  # one look, when it is over
        await asyncio.sleep(min(window.until, window.last) - window.start)
        return _told(await _agreed(comes, window._replace(last=window.last + given.timeout), needed=1), window)
    return _told(await _agreed(comes, window, needed=AGREED), window)


def _told(found: LateEffect, window: Window) -> LateEffect:
    if found.came or not window.is_too_long:
        return found
    return found._replace(is_told=False, because=f"{window.is_too_long}; seen last: {found.because}")


async def _agreed(look: Callable[[], Awaitable[Observed]], window: Window, needed: int) -> LateEffect:
    """Look until so many looks in a row say that it came, or, from the window's end on, that it did not."""
    loop = asyncio.get_running_loop()
    patience = Patience(window.last)
    latest: LateEffect | None = None
    row = 0
    while True:
        start = loop.time()
        is_cut_off = False
        try:
            observed = await call(look(), patience.of(start))
            row = row + 1 if latest and latest.is_told and latest.came is observed.holds else 1
            latest = LateEffect(observed.holds, is_told=True, because=words(observed.because))
        except (ActionError, CannotSee) as error:
            is_cut_off = isinstance(error, TookTooLong)
            row, latest = 0, LateEffect(came=False, is_told=False, because=f"it could not be seen: {words(error)}")
        now = loop.time()
        patience.took(now - start, is_cut_off=is_cut_off)
        if row >= needed and (latest.came or now >= min(window.until, window.last)):
            return latest
        if now >= window.last:
            return latest if not latest.is_told else latest._replace(came=False, is_told=False, because=_split(latest))
        await asyncio.sleep(LOOK_AGAIN)


def _split(found: LateEffect) -> str:
    return f"no two looks in a row agreed; the last one: {found.because}"
