"""Call a kind: under a deadline, and with nothing coming out of it but the errors that its port names."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import TypeVar

from faildrill import durations
from faildrill.errors import ActionError, ActionFailed, CannotSee, FaildrillError
from faildrill.ports import Observed

T = TypeVar("T")
LOOK_AGAIN = 0.1
"""Seconds between two looks at an effect."""


class TookTooLong(ActionError):  # noqa: N818 - reads as the statement it makes
    """A call did not return by its deadline and was cut short."""


async def call(what: Awaitable[T], within: float) -> T:
    """Await a kind's call for `within` seconds at most.

    Raises ActionError or CannotSee as the kind does, TookTooLong at the deadline. Whatever else a kind raises is a
    defect in it, and becomes ActionFailed with the place: a foreign kind must not bring the runner down.
    """
    try:
        async with asyncio.timeout(within):
            return await what
    except TimeoutError as error:
        raise TookTooLong(f"no answer within {durations.show(within)}") from error
    except (ActionError, CannotSee):
        raise
    except FaildrillError as error:
        raise ActionFailed(str(error)) from error
    except Exception as error:  # a crash of a kind becomes an event
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        raise ActionFailed(f"{type(error).__name__} at {where}: {error}") from error


async def observe(look: Callable[[], Awaitable[Observed]], deadline: float) -> Observed:
    """Look again and again until what is looked for holds, or the loop's clock passes `deadline`.

    Looks once at least. What can't be seen does not hold; the last look's reason is the one returned.
    """
    loop = asyncio.get_running_loop()
    while True:
        left = deadline - loop.time()
        try:
            seen = await call(look(), max(left, 1.0))
        except (ActionError, CannotSee) as error:
            seen = Observed(holds=False, because=f"could not be seen: {error}")
        if seen.holds or loop.time() + LOOK_AGAIN >= deadline:
            return seen
        await asyncio.sleep(LOOK_AGAIN)
