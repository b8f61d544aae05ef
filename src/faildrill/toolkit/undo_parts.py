"""An undo of several parts: one that fails keeps no other one from being put back."""

from collections.abc import Awaitable, Callable
from typing import Final

from faildrill.errors import ActionError, ActionFailed, CannotSee

Part = Callable[[], Awaitable[object]]
_TROUBLES: Final = (ActionError, CannotSee)
"""What a kind raises of its target; a defect of the kind itself ends the undo at once."""


async def try_each(*parts: Part) -> None:
    """Do every part, one after the other; ActionFailed in the end, with what went wrong in each that failed."""
    troubles = []
    for part in parts:
        try:
            await part()
        except _TROUBLES as error:
            troubles.append(str(error))
    if troubles:
        raise ActionFailed("; ".join(troubles))
