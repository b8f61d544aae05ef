"""Compare before anything is put back: only what is ours is, and of several exactly ours has changed."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple, TypeGuard

from faildrill.acting.call import LOOK_AGAIN, Patience, Trouble, call, observe, words
from faildrill.acting.effects import action_of
from faildrill.errors import ActionError, CannotSee, FaildrillError
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Action, Captured, Given, Observed
from faildrill.ports.effect import Compares, Counts, Found, Pictures
from faildrill.record.timeline import Entry, Intended

WITHIN: Final = 4.0
"""Seconds for such looks at the most, so that one of them may be silent: the fault stays on meanwhile."""


class Compared(NamedTuple):
    """What was told of the place of an effect, right before something is put back over it."""

    theirs: str = ""
    """Why nothing is touched, as it is somebody else's; empty where it isn't."""
    unseen: str = ""
    """Why no look could tell whose it is; empty where one could."""


async def compare(action: Action, before: Captured, given: Given, within: float) -> Compared:
    """Look whether somebody else has made something of it. Two looks in a row must agree.

    Where they never do for float seconds, and one of them saw somebody else's, that is told: it may be his. Where no
    look could see it, it is put back all the same, as it is the fault, as far as anybody knows.
    """
    if not _compares(action):
        return Compared()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(within, WITHIN)
    patience = Patience(deadline)
    looks: list[Found | None] = []
    trouble = Trouble()
    while True:
        start = loop.time()
        look = None
        try:
            look = await call(action.found(before, given), patience.of(start))
        except (ActionError, CannotSee) as error:
            trouble = trouble.then(error)
        patience.took(loop.time() - start, is_cut_off=look is None)
        former = looks[-1] if looks else None
        if look and former and _is_theirs(look) == _is_theirs(former):
            return Compared(f"nothing is touched, because {_not_ours(look)}" if _is_theirs(look) else "")
        looks.append(look)
        if loop.time() + LOOK_AGAIN >= deadline:
            break
        await asyncio.sleep(LOOK_AGAIN)
    theirs = [look for look in looks if look and _is_theirs(look)]
    if theirs:
        differ = f"nothing is touched, because looks don't agree; by the last one that differs, {_not_ours(theirs[-1])}"
        return Compared(differ)
    # Seen, and never theirs twice in a row: that two looks differ is no proof of somebody else.
    return Compared(unseen="" if any(looks) else trouble.told)


def _is_theirs(found: Found) -> bool:
    return found.whose == "others"


def _not_ours(found: Found) -> str:
    return (
        f"somebody else has changed it: it is {found.now} now; the step had made it {found.expected}. "
        f"To put back what was before: {found.remedy}"
    )


async def remedies(intents: Iterable[Intended], run: str) -> dict[str, str]:
    """Return by step how a person puts it back, where its kind tells; each is asked once, for a short time."""

    async def told(intent: Intended) -> str:
        with suppress(FaildrillError, ValueError):
            action = action_of(intent)
            if _compares(action):
                return (await call(action.found(intent.before, CallContext(run, timeout=WITHIN)), WITHIN)).remedy
        return ""

    asked = list(intents)
    remedies_told = await asyncio.gather(*(told(intent) for intent in asked))
    return {intent.step: remedy for intent, remedy in zip(asked, remedies_told, strict=True) if remedy}


async def pictured(action: Action, given: Given) -> dict[str, str]:
    """Return what was asked of all that an action is about one of; empty where it is about one alone."""
    return await action.picture(given) if _pictures(action) else {}


def owned(entries: Iterable[Entry]) -> set[str]:
    """Name those in the picture that the steps of a run change."""
    names: set[str] = set()
    for entry in entries:
        if isinstance(entry.what, Intended):
            with suppress(FaildrillError, ValueError):
                action = action_of(entry.what)
                names |= set(action.own(entry.what.before)) if _pictures(action) else set()
    return names


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
        return Observed(not others, f"more than what the step names has changed: {', '.join(others)}" if others else "")

    return await observe(look, deadline) if picture else Observed(holds=True, because="")


class Count(NamedTuple):
    """How often it was done and put back so far, by whomever; None, and why, where no count was read."""

    number: int | None = None
    trouble: str = ""
    """Empty where nobody counts."""

    def since(self, former: "Count") -> tuple[int, str]:
        """Return how often it was done since then, as far as that shows, and why it doesn't show."""
        if self.number is None or former.number is None:
            return 1, former.trouble or self.trouble
        if self.number < former.number:
            return 1, f"it counts {self.number} now, and {former.number} before"
        return max(1, self.number - former.number), ""


async def counted(action: Action, before: Captured, given: Given, within: float) -> Count:
    """Ask how often it was done and put back so far."""
    if not _counts(action):
        return Count()
    try:
        return Count(await call(action.count(before, given), min(within, WITHIN)))
    except (ActionError, CannotSee) as error:
        return Count(trouble=words(error))


def _counts(action: Action) -> TypeGuard[Counts]:
    return issubclass(type(action), Counts)


def _compares(action: Action) -> TypeGuard[Compares]:
    return issubclass(type(action), Compares)


def _pictures(action: Action) -> TypeGuard[Pictures]:
    return issubclass(type(action), Pictures)
