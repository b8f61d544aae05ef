"""See whether an action's effect is there, and whether what was before it is there again."""

from typing import TypeGuard

from faildrill.ports import Action, Captured, Confirms, Given, Observed, Restores
from faildrill.ports.effect import EFFECT_IS, LOOKS_COST, Effect, Lasts, Suspects


async def effect(action: Action, before: Captured, given: Given) -> Observed:
    """Look whether the effect is there; where the action does not know, a captured state that changed is the effect."""
    if _confirms(action):
        return await action.confirm(before, given)
    now = await action.capture(given)
    return Observed(now != before, "the captured state changed" if now != before else "nothing changed")


async def lasts(action: Action, before: Captured, given: Given) -> Observed:
    """Look whether the effect, a state, is still there; where the action tells no other way, as right after it."""
    if _lasts(action):
        return await action.lasts(before, given)
    return await effect(action, before, given)


async def suspect(action: Action, before: Captured, given: Given) -> str:
    """Say who or what ended the effect, as far as the action can tell."""
    return await action.suspect(before, given) if _suspects(action) else ""


def effect_is(action: Action) -> Effect:
    """Tell whether the effect of an action is an event or a state; one that doesn't say is looked at again: a state."""
    return "event" if getattr(action, EFFECT_IS, "state") == "event" else "state"


def looks_cost(action: Action) -> bool:
    """Tell whether a look at the effect is not to be made more often than it must."""
    return bool(getattr(action, LOOKS_COST, False))


async def restored(action: Action, before: Captured, given: Given) -> Observed:
    """Look whether it is as before; where the action does not know, the captured state must be the same."""
    if _restores(action):
        return await action.restored(before, given)
    now = await action.capture(given)
    return Observed(now == before, "as it was before" if now == before else f"now {now}, before {before}")


def knows_its_effect(action: Action) -> bool:
    """Tell whether the action can tell its effect from any other change of what it changes."""
    return _confirms(action)


def _confirms(action: Action) -> TypeGuard[Confirms]:
    return issubclass(type(action), Confirms)  # of a class the answer is kept; `isinstance` looks anew each time


def _restores(action: Action) -> TypeGuard[Restores]:
    return issubclass(type(action), Restores)


def _lasts(action: Action) -> TypeGuard[Lasts]:
    return issubclass(type(action), Lasts)


def _suspects(action: Action) -> TypeGuard[Suspects]:
    return issubclass(type(action), Suspects)
