"""See whether an action's effect is there, and whether what was before it is there again."""

from faildrill.ports import Action, Captured, Confirms, Given, Observed, Restores


async def effect(action: Action, before: Captured, given: Given) -> Observed:
    """Look whether the effect is there; where the action does not know, a captured state that changed is the effect."""
    if isinstance(action, Confirms):
        return await action.confirm(before, given)
    now = await action.capture(given)
    return Observed(now != before, "the captured state changed" if now != before else "nothing changed")


async def restored(action: Action, before: Captured, given: Given) -> Observed:
    """Look whether it is as before; where the action does not know, the captured state must be the same."""
    if isinstance(action, Restores):
        return await action.restored(before, given)
    now = await action.capture(given)
    return Observed(now == before, "as it was before" if now == before else f"now {now}, before {before}")
