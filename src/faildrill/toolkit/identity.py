"""An identity guard that asks every node itself what it is: it proves it, says something else, or says nothing."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

from faildrill.ports import Given, Kind, Told
from faildrill.system.redaction import clean
from faildrill.toolkit.deadlines import SHARE

PROVED, DIFFERS, SILENT = range(3)
"""Where an answer goes in `Told`: its three lists have this order."""
_SHOWN: Final = 80
"""Characters of somebody's answer that are shown."""
L = TypeVar("L")


class Answer(NamedTuple):
    """What asking one of them came to."""

    place: int
    """PROVED, DIFFERS or SILENT: its place in what is told."""
    words: str = ""
    """What goes on after its name."""


class Proves(Kind):
    """Refuses the drill unless all that is asked is exactly what was declared."""

    async def objection(self, given: Given) -> str | None:
        """Ask; whatever is not exactly as declared, or does not answer, is an objection."""
        answers = await self.ask_again(given)
        return "; ".join((*answers.differs, *answers.silent)) or None

    @abstractmethod
    async def ask_again(self, given: Given) -> Told:
        """Ask, and tell apart what is something else from what is down, hangs, or is on the way up."""


class EveryNodeProves(Proves, Generic[L]):
    """Refuses the drill unless every one that is asked says exactly what was declared."""

    async def ask_again(self, given: Given) -> Told:
        """Ask all at once, and tell apart who answers otherwise and who is down, hangs, or is on the way up."""
        logins = self._logins()
        answers = await asyncio.gather(*(self._one(login, given.timeout * SHARE) for login in logins.values()))
        by_part = Told([], [], [])
        for name, answer in zip(logins, answers, strict=True):
            by_part[answer.place].append(f"{name} {answer.words}".strip())
        return by_part

    @abstractmethod
    def _logins(self) -> Mapping[str, L]:
        """Return how each is asked, by its name in full."""

    @abstractmethod
    async def _one(self, login: L, within: float) -> Answer:
        """Ask one of them within float seconds; never raises for what it is or does."""


def unproven(where: str, because: str, remedy: str) -> str:
    """Tell of one that did not say what it is."""
    return f"did not prove what it is ({where}: {because}): {remedy}"


def shown(found: Any) -> str:  # noqa: ANN401 - whatever somebody answered
    """Return an answer as it may be printed: short, and without anything that a terminal obeys."""
    return "nothing" if found is None else repr(clean(str(found))[:_SHOWN])
