"""Compare before anything is put back: only what is ours is, and of several exactly ours has changed."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, TypeGuard

from faildrill.acting.calling import LOOK_AGAIN, call, observe
from faildrill.acting.effects import action_of
from faildrill.effect_traits import Compares, Found, Pictures
from faildrill.errors import ActionError, CannotSee, FaildrillError
from faildrill.ports import Action, Captured, Given, Observed
from faildrill.timeline import Entry, Intended

LOOK: Final = 2.0
"""Seconds that such a look may take: the fault stays on meanwhile."""


async def of_others(action: Action, before: Captured, given: Given, within: float) -> str | None:
    """Say what somebody else has made of it, by two looks that agree; the empty string where nobody has.

    None where that can't be told for float seconds: it is put back all the same, as it is the fault, as far as anybody
    knows.
    """
    if not _compares(action):
        return ""
    first = await _found(action, before, given, within)
    if first is None or first.whose != "others":
        return None if first is None else ""
    await asyncio.sleep(LOOK_AGAIN)
    again = await _found(action, before, given, within)
    if again is None or again.whose != "others":
        return ""
    return (
        f"somebody else has changed it, so nothing is touched: it is {again.now}; the step had made it "
        f"{again.expected}. To put back what was before: {again.remedy}"
    )


async def _found(action: Compares, before: Captured, given: Given, within: float) -> Found | None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        try:
            return await call(action.found(before, given), min(within, LOOK))
        except (ActionError, CannotSee):
            if loop.time() + LOOK_AGAIN >= deadline:
                return None
        await asyncio.sleep(LOOK_AGAIN)


async def pictured(action: Action, given: Given) -> dict[str, str]:
    """Return what was asked of all that an action is about one of; empty where it is about one alone."""
    return await action.picture(given) if _pictures(action) else {}


def owned(entries: Iterable[Entry]) -> set[str]:
    """Name those in the picture that the steps of a run change."""
    found: set[str] = set()
    for entry in entries:
        if isinstance(entry.what, Intended):
            with suppress(FaildrillError, ValueError):
                action = action_of(entry.what)
                found |= set(action.own(entry.what.before)) if _pictures(action) else set()
    return found


async def beside(
    action: Action, given: Given, picture: Mapping[str, str], changed: Iterable[str], deadline: float
) -> Observed:
    """Look until all others are what they were before; `changed` are those that steps of this run have changed.

    Apart from the looks at the effect: where reads come from two in turn, a look and the next must meet both of them.
    """
    spared = set(changed)

    async def look() -> Observed:
        now = await pictured(action, given)
        others = [
            f"{name} is {now[name]}, was {former}"
            for name, former in picture.items()
            if name not in spared and now.get(name, former) != former  # one that can't be seen proves nothing
        ]
        return Observed(not others, f"not only its own has changed: {', '.join(others)}" if others else "")

    return await observe(look, deadline) if picture else Observed(holds=True, because="")


def _compares(action: Action) -> TypeGuard[Compares]:
    return issubclass(type(action), Compares)


def _pictures(action: Action) -> TypeGuard[Pictures]:
    return issubclass(type(action), Pictures)
