"""What keeps a game day from being begun: the guards under `blocked`, asked now, or about a day to come."""

import asyncio
from datetime import datetime
from typing import Final

from faildrill.acting.call import ask, words
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.game_day import GameDay
from faildrill.ports import NO_RUN, Guard
from faildrill.ports.calendar import KnowsTimes
from faildrill.ports.target import KindUse

WITHIN: Final = 10.0
"""Seconds for which a guard may look; later is an objection."""


def objection(day: GameDay) -> str | None:
    """Ask every guard, and return what they object to; None when none does. What can't be told is an objection."""
    objections = asyncio.run(_all(day)) if day.blocked else []
    return "; ".join(objections) or None


def foreseen(day: GameDay, at: datetime) -> str | None:
    """Return what is known today to block an occurrence; None where nothing is, which proves nothing of that day."""
    objections = [objects for use in day.blocked if (objects := _said_at(use, at)) is not None]
    return "; ".join(objections) or None


async def _all(day: GameDay) -> list[str]:
    answers = [await _asked(use) for use in day.blocked]
    return [words(answer) for answer in answers if answer is not None]


async def _asked(use: KindUse) -> str | None:
    guard: Guard = build(use, "guard")
    try:
        return await ask(guard.objection(CallContext(NO_RUN, timeout=WITHIN)), WITHIN)
    except (ActionError, CannotSee) as error:
        return f"{use.kind} got no answer, which counts as an objection: {error}"


def _said_at(use: KindUse, at: datetime) -> str | None:
    guard = build(use, "guard")
    if not isinstance(guard, KnowsTimes):
        return None
    try:
        word = guard.said_at(at)
    except CannotSee as error:
        word = f"{use.kind} can't tell, which will count as an objection: {error}"
    return words(word) if word else None
