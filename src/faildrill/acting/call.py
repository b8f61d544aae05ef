"""Call a kind: under a deadline, and with nothing coming out of it but the errors that its port names."""

import asyncio
import math
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, NamedTuple, TypeVar

from faildrill import durations
from faildrill.errors import ActionError, ActionFailed, CannotSee, FaildrillError
from faildrill.ports import Observed
from faildrill.ports.effect import ENDING
from faildrill.system import redaction, resolver

T = TypeVar("T")
LOOK_AGAIN: Final = 0.1
"""Seconds between two looks at an effect."""
LOOKING: Final = 10.0
"""Seconds that a look for an effect, or for what was before it, has at least after the call returned; as long as the
call itself had, where that is less. A call that took all of its time must not leave none to see what came of it."""
IN_TRANSIT: Final = 5.0
"""Seconds for which the effect of a request whose outcome is open is looked for at least, whatever its kind says:
between us and the target there may be others who keep a request for a while."""
NAMES_WITHIN: Final = 5.5
"""Seconds in which a name must resolve for who asks whether a drill may start: where the first server of
/etc/resolv.conf is dead, glibc asks the second one after 5 s."""
LONGEST: Final = 2000
"""Characters of a kind's words that are kept."""
LET_GO: Final = 0.1
"""Seconds that a call which was cut short has to end; one that holds on is left behind and waited for no more."""

SHARES: Final = 4
"""Parts of the time for looks of which one look may take one: a silent one must leave time for others."""
SHARE: Final = 2.5
"""Seconds that a look has all the same, up to half of the time: a kind waits 2 s for a node that is silent."""
UNANSWERED: Final = "no answer within"
"""How the words of a call that was cut off begin."""

_stuck: "set[asyncio.Task[Any]]" = set()
"""Calls that were cut short and have not ended yet; emptied by their own ends."""


class TookTooLong(ActionError):
    """A call did not return by its deadline and was cut short."""


def ending(action: object) -> float:
    """Return the float seconds beyond its time that an action may take to end what it started."""
    return float(getattr(action, ENDING, 0.0))


async def call(what: Awaitable[T], within: float) -> T:
    """Await a kind's call for `within` seconds at most.

    Raises ActionError or CannotSee as the kind does, TookTooLong at the deadline, also where the kind does not let
    itself be cancelled. Whatever else a kind raises is a defect in it, and becomes ActionFailed with the place: a
    foreign kind must not bring the runner down.
    """
    # A task of its own, so that one that swallows its cancellation can be left behind.
    task = asyncio.ensure_future(_awaited(what))
    task.add_done_callback(_forget)
    try:
        await asyncio.wait({task}, timeout=within)
    finally:
        is_late = not task.done()
        if is_late:
            await _cut_short(task)
    if is_late:
        raise TookTooLong(f"{UNANSWERED} {durations.show(within)}")
    return _answer(task)


async def ask(what: Awaitable[T], within: float) -> T:
    """Await a kind's question before anything is touched, as `call` does; a name that nobody resolves is told soon."""
    with resolver.patient(NAMES_WITHIN):
        return await call(what, within)


def stuck() -> int:
    """Count the calls of this loop that were cut short and go on all the same: they may still act."""
    loop = asyncio.get_running_loop()
    return sum(1 for task in _stuck if task.get_loop() is loop)


async def _awaited(what: Awaitable[T]) -> T:
    try:
        return await what
    except SystemExit as error:
        raise ActionFailed(f"it wanted to end the process, with {error.code}") from error


async def _cut_short(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    _stuck.add(task)
    await asyncio.wait({task}, timeout=LET_GO)


def _forget(task: "asyncio.Task[Any]") -> None:
    """Take note of how a call ended, as perhaps nobody waits for it any more."""
    _stuck.discard(task)
    if not task.cancelled():
        # Fetched, though nobody wants it: asyncio complains on standard error about one that was never asked for.
        task.exception()


def _answer(task: "asyncio.Task[T]") -> T:
    try:
        return task.result()
    except (ActionError, CannotSee):
        raise
    except FaildrillError as error:
        raise ActionFailed(words(error)) from error
    # Ours never arrives here, as the task was awaited from outside: it is the kind's own doing.
    except asyncio.CancelledError as error:
        raise ActionFailed("it cancelled itself") from error
    except Exception as error:  # a crash of a kind becomes an event
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        defect = f"{type(error).__name__} at {where}: {words(error)}"
        raise ActionFailed(f"{defect} - a defect of the kind itself, not of the target") from error


def words(what: object) -> str:
    """Return a kind's words as they can be written down: no secrets, no half characters, and not without end."""
    text = redaction.clean(str(what)).encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


async def observe(
    look: Callable[[], Coroutine[Any, Any, Observed]], deadline: float, *, twice: bool = True, each: float = 1.0
) -> Observed:
    """Look again and again until what is looked for holds, or the loop's clock passes `deadline`.

    Looks once at least; a look may take `each` so many seconds, also where the deadline is over. It holds when two
    looks in a row, a moment apart, say so: one of them may be stale, or have come from another one. Each time that a
    look takes it back, one more must agree; `twice` is False where one is enough. What can't be seen does not hold; the
    last look's reason is the one returned, with what was seen last where that look could not see. Where more than one
    must agree, a look that is silent costs its share of the time and no more: the next one asks anew.
    """
    loop = asyncio.get_running_loop()
    patience = Patience(deadline, each, SHARES if twice else 1)
    saw, trouble, agreed, needed = "", Trouble(), list[str](), 1 + twice
    while True:
        start = loop.time()
        try:
            observed = await call(look(), patience.of(start, agreeing=bool(agreed)))
            saw, trouble = f"; seen last: {observed.because}", Trouble()
        except (ActionError, CannotSee) as error:
            trouble = trouble.then(error)
            observed = Observed(holds=False, because=f"could not be seen: {trouble.told}{saw}")
        patience.took(loop.time() - start, is_cut_off=trouble.is_cut_off)
        if observed.holds:
            agreed.append(observed.because or "as it should be")
            if len(agreed) >= needed:
                return observed._replace(because=words(observed.because))
        elif loop.time() + LOOK_AGAIN >= deadline:
            disagree = f"{observed.because}; a moment before it was {agreed[-1]}" if agreed else observed.because
            return observed._replace(because=words(disagree))
        else:
            # A look that failed takes nothing back, so it asks for no further one.
            needed += bool(agreed) and not trouble.told and twice
            agreed = []
        await asyncio.sleep(LOOK_AGAIN)


class Trouble(NamedTuple):
    """Why what is looked for could not be seen; a look that was cut off says less than those before it."""

    told: str = ""
    is_cut_off: bool = False

    def then(self, error: Exception) -> "Trouble":
        """Return what is told when the next look fails, too."""
        is_cut_off = isinstance(error, TookTooLong)
        is_known = is_cut_off and self.told and not self.told.startswith(UNANSWERED)
        return Trouble(self.told if is_known else str(error), is_cut_off)


class Patience:
    """How long each of several looks may take, so that one which is silent leaves time for others."""

    def __init__(self, deadline: float, each: float = 1.0, shares: int = SHARES) -> None:
        within = deadline - asyncio.get_running_loop().time()
        self._deadline = deadline
        self._each = each
        self._share = max(within / shares, min(SHARE, within / 2), each)
        self._longest = 0.0

    def of(self, now: float, *, agreeing: bool = False) -> float:
        """Return the float seconds of the next look; one that is to agree has twice what the one before it took."""
        return max(min(self._deadline - now, self._share), self._each, 2 * self._longest if agreeing else 0.0)

    def took(self, seconds: float, *, is_cut_off: bool) -> None:
        """Learn from a look: one that was cut off was silent, or takes longer than its share."""
        if is_cut_off:
            # Cut off once, the next look has all that is left: it may be slow rather than silent.
            self._share = math.inf
        self._longest = 0.0 if is_cut_off else seconds
