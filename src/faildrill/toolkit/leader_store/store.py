"""A store with several nodes, one of which leads: who could take over from it, and why another one could not.

A world tells how its nodes were seen; what follows from that for drills is here, once: who may be taken away, whether
a probe of the redundancy is good, whether all is as it was before. What could not be asked is told as what it is, and
counts as unable: nothing is taken from a store of which that is not known.
"""

import asyncio
import math
from abc import ABC
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Generic, NamedTuple, Protocol, TypeVar

from faildrill.toolkit.leader_store.reasons import Lack, Reason, in_full

_PACE: Final = 0.1
"""Seconds between two looks at whether a node that is behind moves."""
_MOVING: Final = 1.0
"""Seconds in which it has to have, at the most."""


class Words(NamedTuple):
    """What a store calls its parts; each has the word that most stores use."""

    healthy: Sequence[str]
    """How `str` of a node goes on, after its name, of one that is at its work."""
    key: str = "leader"
    """Who leads, as later steps and what is written down name it: `leader`, `writer`, `master`."""
    leader: str = "leader"
    """In a sentence: `no single … to hand over`."""
    several: str = "writer"
    """Where there is none, or more than one: `no writer`, `2 writers`."""
    node: str = "node"
    leads: str = "leads"
    """What the leader does: `m1 takes writes`."""
    led: str = "did"
    """What a former leader did, after `m2 takes writes, m1`."""
    follows: str = "follows"
    """What the others do, before the leader's name."""


class Node(Protocol):
    """One node as it was seen: its own answer, or how it failed to give one.

    `str` of it says in a few words what it is doing, after its name: `pg1 refused`, `pg1 starting`, `m1 writes`.
    """

    @property
    def name(self) -> str:
        """As it is declared."""
        ...

    @property
    def silent(self) -> str:
        """Why it told nothing; empty where it did."""
        ...

    @property
    def leads(self) -> bool:
        """It says that it leads: that it takes writes."""
        ...

    @property
    def position(self) -> int | None:
        """How much of the log it has, or as the leader wrote; None where it does not say. In one measure for all."""
        ...


N = TypeVar("N", bound=Node)
S = TypeVar("S", bound="LeaderStore[Any]")


@dataclass(frozen=True)
class LeaderStore(ABC, Generic[N]):
    """All declared nodes of a store, as they were seen in one observation."""

    WORDS: ClassVar[Words]
    REASONS: ClassVar[Sequence[Reason]]
    """Why a node could not take over; the first that holds is told."""
    TOLERANCE: ClassVar[float]
    """How far a node may be behind and could take over, where nobody says otherwise; bytes or seconds."""

    nodes: Mapping[str, N]
    most: float | None = field(default=None, kw_only=True)
    """How far a node may be behind and could take over, where somebody says."""
    still: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Nodes that were seen to get nothing of what the leader has."""

    @property
    def leading(self) -> list[str]:
        """The nodes that say they lead, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.leads)

    @property
    def leader(self) -> str | None:
        """The one node that leads; None when there is none, or more than one."""
        leading = self.leading
        return leading[0] if len(leading) == 1 else None

    @property
    def others(self) -> list[str]:
        """The nodes that don't lead, sorted."""
        return sorted(name for name in self.nodes if name != self.leader)

    @property
    def limit(self) -> float:
        """How far a node may be behind and could take over."""
        return self.TOLERANCE if self.most is None else self.most

    def why_not(self, name: str) -> Lack | None:
        """Tell why a node could not take over now: the first of the store's reasons that holds; None where it could."""
        return self._first(name, self.REASONS) if self.leader is not None else Lack(str(self.nodes[name]))

    def barred(self, name: str) -> Lack | None:
        """Tell why a node could not lead whoever leads now, and whatever it has; None where it could."""
        return self._first(name, [reason for reason in self.REASONS if reason.whoever_leads])

    def _first(self, name: str, reasons: Iterable[Reason]) -> Lack | None:
        node = self.nodes[name]
        return next((lack for reason in reasons if (lack := reason.lack(self, node))), None)

    def hindrances(self) -> list[Lack]:
        """Tell what would keep everybody from taking over, whatever the nodes are fit for."""
        return []

    def headless(self) -> list[Lack]:
        """Tell what there is instead of one leader; asked where `leader` is None."""
        count, words = len(self.leading), self.WORDS
        first = f"{count} {words.several}s" if count else f"no {words.several}"
        return [
            Lack(because) for because in (first, *sorted(str(node) for node in self.nodes.values() if not node.leads))
        ]

    def candidates(self) -> list[str]:
        """List the nodes that could take over now, sorted."""
        return [name for name in self.others if self.why_not(name) is None]

    def unfit(self) -> list[Lack]:
        """Tell why those can't take over who can't: the nodes one by one, then what hinders all."""
        nodes = [lack for name in self.others if (lack := self.why_not(name))]
        return [*nodes, *self.hindrances()]

    def gaps(self) -> list[Lack]:
        """Tell what keeps the store from being whole: able to lose its leader now, with every node at its work.

        A node that is never to take over counts as whole while it does its work, so long as another one could.
        """
        if self.leader is None:
            return self.headless()
        somebody = bool(self.candidates())
        return [lack for lack in self.unfit() if not (lack.by_design and somebody)]

    def missing(self) -> list[str]:
        """Tell the same in a few words."""
        return [gap.told for gap in self.gaps()]

    def redundancy(self) -> list[str]:
        """Tell what a probe of the redundancy says: the same, and that there is no other node at all."""
        return self.missing() or ([] if self.others else ["only one member is declared"])

    def nobody(self) -> str:
        """Tell why nobody could take over from the leader now, and what to do; the empty string where one could."""
        if self.candidates() and not self.hindrances():
            return ""
        return in_full(self.unfit()) or "it is the only member declared"

    def lost(self, before: Mapping[str, Any]) -> list[str]:
        """Tell what was there in an earlier `as_data` and is not now, and how; empty when all is.

        Where somebody could have taken over then (`able`), somebody must be able to again.
        """
        if self.leader is None:
            return [gap.told for gap in self.headless()]
        healthy = self.WORDS.healthy
        there = sorted(name for name, was in before["members"].items() if was in healthy and name in self.others)
        gone = [lack for name in there if (lack := self.why_not(name))]
        reasons = [lack.told for lack in gone if not lack.by_design]
        if not reasons and before.get("able") and not self.candidates():
            reasons = [lack.told for lack in gone]
        return reasons

    def who(self) -> dict[str, str]:
        """Tell by name what never changes of a node, and tells it from every other one; empty where it doesn't say."""
        return {}

    def started(self) -> dict[str, float]:
        """Tell by name since when what `who` names runs, in seconds since the epoch by this host's clock.

        For stores in which that is a process, whose `as_data` tells when (`at`): one that was started since is what a
        restart has made of it.
        """
        return {}

    def strangers(self, before: Mapping[str, Any]) -> list[str]:
        """Tell which nodes are others than in an earlier `as_data`, though they have the same name."""
        known, now, started = before.get("who", {}), self.who(), self.started()
        changed = [name for name, was in known.items() if was and now.get(name) and now[name] != was]
        # Started before the earlier look and yet not seen then: another process has its name. One started since is a
        # restart.
        ran = [name for name in changed if started.get(name, 0.0) < before.get("at", math.inf)]
        return [f"{name} is another one: {now[name]}, it was {known[name]}" for name in ran]

    def miscounted(self, before: Mapping[str, Any]) -> list[str]:
        """Tell where the lead was not given to another node exactly once since an earlier `as_data`, if that shows."""
        return []

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it, which `lost` reads again."""
        return {
            self.WORDS.key: self.leader,
            "able": self.candidates(),
            "who": dict(sorted(self.who().items())),
            "members": {name: str(node).removeprefix(f"{name} ") for name, node in sorted(self.nodes.items())},
        }


async def observed(look: Callable[[], Awaitable[S]], within: float) -> S:
    """Look, and where a node has less than the leader had, look on until it has moved; one that has not is told.

    Streaming is what a node says of its connection. A few bytes behind is nothing, unless it stays there while the
    leader goes on: a path that swallows everything looks like that for as long as the servers' own timeouts are.
    """
    clock = asyncio.get_running_loop().time
    last = clock() + within
    first = await look()
    at = _positions(first)
    still = {name for name in first.others if at.get(name, 0) < at.get(first.leader or "", 0)}
    now = first
    # At the most a second of the time that is given: the rest is for what the caller has to do after it.
    while still and clock() + _PACE < min(last, last - within + _MOVING):
        await asyncio.sleep(_PACE)
        now = await look()
        # Positions are compared with one leader's; after a failover the timelines differ, and so do the numbers'
        # meaning.
        if now.leader != first.leader:
            return now
        then = _positions(now)
        still = {name for name in still if then.get(name, 0) <= at.get(name, 0)}
    return replace(now, still=frozenset(still)) if still else now


def _positions(store: "LeaderStore[Any]") -> dict[str, int]:
    """Tell how much of the log each node has; those that say it."""
    return {name: node.position for name, node in store.nodes.items() if node.position is not None}
