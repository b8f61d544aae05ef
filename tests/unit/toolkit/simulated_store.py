"""A store of the tests: what its nodes say is what they were told to say, by look; nothing of it is real."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, PrivateAttr

from faildrill.ports import Captured, Given, Reach
from faildrill.ports.target import Member
from faildrill.toolkit.leader_store import (
    Handover,
    Lack,
    LeaderStore,
    LossOrHang,
    OfStore,
    Reason,
    RedundancyProbe,
    Words,
    WritersProbe,
)
from faildrill.toolkit.time_limits import AtMost

WORDS = Words(
    ("gives orders", "listens"), "chief", "chief", "chief", "clerk", leads="gives orders", follows="listens to"
)


@dataclass(frozen=True)
class Clerk:
    """A node."""

    name: str
    silent: str = ""
    leads: bool = False
    listens: bool = True
    position: int | None = 100
    behind: int = 0
    never: bool = False
    """It is set up never to lead."""
    broken: bool = False
    """It could not lead, whoever does."""
    answered: int = 1
    number: str = ""
    """What tells it from every other one; empty where it doesn't say."""

    def __str__(self) -> str:
        does = "gives orders" if self.leads else "listens" if self.listens else "sleeps"
        return f"{self.name} {self.silent or does}"


REASONS = (
    Reason(lambda _, node: node.silent, "{node}", "wake {name}"),
    Reason(lambda _, node: not node.listens, "{node}", "have {name} listen to {leader}"),
    Reason(
        lambda store, node: node.behind > store.limit and {"pages": f"{node.behind:,}"},
        "{name} is {pages} pages behind",
        "wait",
    ),
    Reason(lambda store, node: node.name in store.still, "{name} stands still", "see the way to {name}"),
    Reason(lambda _, node: node.never, "{name} never leads", by_design=True, whoever_leads=True),
    Reason(lambda _, node: node.broken, "{name} is broken", "mend {name}", whoever_leads=True),
)


@dataclass(frozen=True)
class Office(LeaderStore[Clerk]):
    """What one look saw."""

    WORDS: ClassVar[Words] = WORDS
    REASONS: ClassVar[Sequence[Reason]] = REASONS
    TOLERANCE: ClassVar[float] = 10

    closed: str = ""
    """What keeps everybody from taking over."""

    def hindrances(self) -> list[Lack]:
        return [Lack(self.closed, "open it")] if self.closed else []

    def who(self) -> dict[str, str]:
        return {name: node.number for name, node in self.nodes.items() if node.number}


class Desk(Member):
    """Where a clerk is."""

    at: tuple[str, ...] = ()

    @property
    def addresses(self) -> list[str]:
        return list(self.at)


@dataclass
class World:
    """The clerks, what was done to them, and what happens before each look."""

    clerks: dict[str, Clerk]
    closed: str = ""
    before: Callable[["World", int], None] | None = None
    """Called before each look, with its number."""
    states: dict[str, Literal["running", "stopped", "absent"]] = field(default_factory=dict)
    at: list[str] = field(default_factory=list)
    """Addresses of each."""
    done: list[str] = field(default_factory=list)
    """What was done to them, in its order."""
    name: str = "office"
    looks: int = 0

    @property
    def members(self) -> dict[str, Desk]:
        return {name: Desk(name=name, at=tuple(self.at)) for name in self.clerks}

    def change(self, name: str, **how: Any) -> None:
        self.clerks[name] = replace(self.clerks[name], **how)

    def seen(self) -> Office:
        self.looks += 1
        if self.before is not None:
            self.before(self, self.looks)
        return Office(dict(self.clerks), self.closed)

    async def signal(self, member: str, name: str) -> None:
        self.done.append(f"{name} {member}")

    async def start(self, member: str) -> None:
        self.done.append(f"start {member}")

    async def state(self, member: str) -> Literal["running", "stopped", "absent"]:
        return self.states.get(member, "running")


@dataclass
class Call:
    """What the engine gives: the reach of every member is the world itself."""

    world: World
    timeout: float = 10.0
    run: str = "r"
    every: float = 0.0
    in_flight: int = 1
    name: str = ""
    folder: None = None

    def reach(self, member: Member) -> Reach:
        assert member.name in self.world.clerks
        return self.world


class OfOffice(OfStore[Office]):
    """A kind of the office."""

    WORDS: ClassVar[Words] = WORDS
    LIMIT: ClassVar[str] = "most"
    _world: World = PrivateAttr()

    @property
    def _store(self) -> World:
        return self._world

    async def _look(self, within: float) -> Office:
        del within
        return self._world.seen()


class LoseChief(LossOrHang[Office], OfOffice):
    """Takes the chief away."""

    OUTPUTS: ClassVar[tuple[str, ...]] = ("chief",)
    how: Literal["killed", "hung"] = "killed"
    most: int = 10
    at_most: AtMost = None

    def _told(self, where: str) -> tuple[str, str]:
        return f"{where} is sent home", f"{where} is called back"


class Elect(OfOffice, Handover[Office]):
    """Has another one lead."""

    to: str | None = None
    most: int = Field(default=10)

    async def apply(self, before: Captured, given: Given) -> Captured:
        del given
        self._world.done.append(f"elect {before['to']}")
        return {}

    async def undo(self, before: Captured, given: Given) -> None:
        sight = await self._until_fit(before, given.timeout / 2)
        if sight.leader != before["chief"]:
            self._world.done.append(f"elect {before['chief']}")

    def _next(self, sight: Office) -> str:
        able = self._able(sight, sight.hindrances())
        return self.to or able[0]


class ElectAny(Elect):
    """Has anybody else lead, whoever that is."""

    def _wanted(self, before: Captured) -> str | None:
        del before
        return None


class Whole(OfOffice, RedundancyProbe[Office]):
    """Looks whether the chief could be lost."""


class Chiefs(OfOffice, WritersProbe[Office]):
    """Looks who leads."""


K = TypeVar("K", bound=OfOffice)


def world(*others: Clerk, **how: Any) -> World:
    """Return an office: `a` leads, `b` listens, and whoever else is given."""
    clerks = [Clerk("a", leads=True), *(others or (Clerk("b"),))]
    return World({one.name: one for one in clerks}, **how)


def kind(of: type[K], there: World, **parameters: Any) -> K:
    """Return a kind of this office."""
    made = of(**parameters)
    made._world = there
    return made
