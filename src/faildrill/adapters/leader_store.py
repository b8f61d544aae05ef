"""A store with several nodes, one of which leads: who could take over from it, and why another one could not.

A world tells how its nodes were seen; what follows from that for drills is here, once: who may be taken away, whether
a probe of the redundancy is good, whether all is as it was before. What could not be asked is told as what it is, and
counts as unable: nothing is taken from a store of which that is not known.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeVar

from faildrill import causes
from faildrill.ports import Checked

_PACE: Final = 0.1
"""Seconds between two looks at whether a node that is behind moves."""
_MOVING: Final = 1.0
"""Seconds in which it has to have, at the most."""


class Lack(NamedTuple):
    """Why a node could not take over now, or why nobody could."""

    told: str
    """In a few words that repeat from look to look: `pg2 refused`, `r3 lags`, `paused`."""
    remedy: str = ""
    """What to do about it, where that can be told."""
    by_design: bool = False
    """It is set up like that: the store is whole, so long as somebody else could take over."""

    def __str__(self) -> str:
        return f"{self.told} (do: {self.remedy})" if self.remedy else self.told


def in_full(lacks: Iterable[Lack]) -> str:
    """Tell all of them in one sentence, with what to do."""
    return "; ".join(str(one) for one in lacks)


class LeaderStore(ABC):
    """All declared nodes of a store, as they were seen in one observation."""

    HEALTHY: ClassVar[Sequence[str]]
    """The words by which `members` in `as_data` call a node that is at its work."""

    @property
    @abstractmethod
    def others(self) -> list[str]:
        """The nodes that don't lead, sorted."""

    @property
    @abstractmethod
    def leader(self) -> str | None:
        """The one node that leads; None when there is none, or more than one."""

    @abstractmethod
    def headless(self) -> list[Lack]:
        """Tell what there is instead of one leader; asked where `leader` is None."""

    @property
    @abstractmethod
    def tolerance(self) -> float:
        """How far a node may be behind and could take over, where nobody says otherwise; bytes or seconds."""

    @abstractmethod
    def weighed(self, name: str, most: float) -> Lack | None:
        """Tell why a node could not take over now; None where it could. `most`: how far it may be behind."""

    @abstractmethod
    def positions(self) -> dict[str, int]:
        """Tell how much of the log each node has, and the leader wrote, in one measure; those that say it."""

    @abstractmethod
    def with_still(self, names: frozenset[str]) -> Self:
        """Return the same, with nodes that were seen to get nothing of what the leader has."""

    def hindrances(self) -> list[Lack]:
        """Tell what would keep everybody from taking over, whatever the nodes are fit for."""
        return []

    def lack(self, name: str, most: float | None = None) -> Lack | None:
        """Tell why a node could not take over now; None where it could."""
        return self.weighed(name, self.tolerance if most is None else most)

    def lacks(self, name: str, most: float | None = None) -> str:
        """Tell in a few words what a node lacks to take over now; the empty string when it lacks nothing."""
        lack = self.lack(name, most)
        return lack.told if lack else ""

    def candidates(self, most: float | None = None) -> list[str]:
        """List the nodes that could take over now, sorted."""
        return [name for name in self.others if self.lack(name, most) is None]

    def unfit(self, most: float | None = None) -> list[Lack]:
        """Tell why those can't take over who can't: the nodes one by one, then what hinders all."""
        nodes = [lack for name in self.others if (lack := self.lack(name, most))]
        return [*nodes, *self.hindrances()]

    def gaps(self, most: float | None = None) -> list[Lack]:
        """Tell what keeps the store from being whole: able to lose its leader now, with every node at its work.

        A node that is never to take over counts as whole while it does its work, so long as another one could.
        """
        if self.leader is None:
            return self.headless()
        somebody = bool(self.candidates(most))
        return [lack for lack in self.unfit(most) if not (lack.by_design and somebody)]

    def missing(self, most: float | None = None) -> list[str]:
        """Tell the same in a few words."""
        return [one.told for one in self.gaps(most)]

    def redundancy(self, most: float | None = None) -> list[str]:
        """Tell what a probe of the redundancy says: the same, and that there is no other node at all."""
        return self.missing(most) or ([] if self.others else ["only one member is declared"])

    def nobody(self, most: float | None = None) -> str:
        """Tell why nobody could take over from the leader now, and what to do; the empty string where one could."""
        if self.candidates(most) and not self.hindrances():
            return ""
        return in_full(self.unfit(most)) or "it is the only member declared"

    def lost(self, before: Mapping[str, Any], most: float | None = None) -> list[str]:
        """Tell what was there in an earlier `as_data` and is not now, and how; empty when all is.

        Where somebody could have taken over then (`able`), somebody must be able to again.
        """
        if self.leader is None:
            return [one.told for one in self.headless()]
        there = sorted(name for name, was in before["members"].items() if was in self.HEALTHY and name in self.others)
        gone = [lack for name in there if (lack := self.lack(name, most))]
        told = [lack.told for lack in gone if not lack.by_design]
        if not told and before.get("able") and not self.candidates(most):
            told = [lack.told for lack in gone]
        return told


S = TypeVar("S", bound=LeaderStore)


async def observed(look: Callable[[], Awaitable[S]], within: float) -> S:
    """Look, and where a node has less than the leader had, look on until it has moved; one that has not is told.

    Streaming is what a node says of its connection. A few bytes behind is nothing, unless it stays there while the
    leader goes on: a path that swallows everything looks like that for as long as the servers' own timeouts are.
    """
    clock = asyncio.get_running_loop().time
    last = clock() + within
    first = await look()
    at = first.positions()
    still = {name for name in first.others if at.get(name, 0) < at.get(first.leader or "", 0)}
    now = first
    while still and clock() + _PACE < min(last, last - within + _MOVING):
        await asyncio.sleep(_PACE)
        now = await look()
        if now.leader != first.leader:
            return now
        then = now.positions()
        still = {name for name in still if then.get(name, 0) <= at.get(name, 0)}
    return now.with_still(frozenset(still)) if still else now


def whole(name: str, sight: LeaderStore) -> Iterator[Checked]:
    """Tell, for the doctor, whether a store is whole, who could take over, and who is never to."""
    gaps = sight.gaps()
    if not gaps and not sight.others:
        gaps = [Lack("only one member is declared", "declare the others, or add one: nobody could take over")]
    told = "; ".join(one.told for one in gaps)
    remedy = "; ".join(one.remedy for one in gaps if one.remedy) or causes.what_to_do(told)
    remedy = remedy or "bring it back to one leader, all others following"
    if gaps:
        yield Checked(f"{name} is whole", ok=False, told=told, remedy=remedy)
        return
    never = [lack.told for one in sight.others if (lack := sight.lack(one))]
    words = f"{sight.leader} leads; {', '.join(sight.candidates())} could take over"
    yield Checked(f"{name} is whole", ok=True, told=words + (f"; never: {', '.join(never)}" if never else ""))
