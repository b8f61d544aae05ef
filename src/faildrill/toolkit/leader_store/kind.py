"""What every kind of a store with a leader has: a target with members, a look at all of them, and a limit."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Final, Generic, NoReturn, Protocol, TypeVar

from faildrill.errors import ActionRefused
from faildrill.ports import Kind
from faildrill.ports.target import Member
from faildrill.toolkit.deadlines import PATIENCE
from faildrill.toolkit.leader_store.store import LeaderStore, Words, observed

_INTERVAL: Final = 0.25
"""Seconds between two looks of one that waits."""
S = TypeVar("S", bound=LeaderStore[Any])


class Declared(Protocol):
    """A store as the environment declares it."""

    @property
    def name(self) -> str:
        """Its name there."""
        ...

    @property
    def members(self) -> Any:  # noqa: ANN401 - a mapping of names to the members of one world
        """Its nodes, by name."""
        ...


class OfStore(Kind, Generic[S]):
    """A kind that looks at a store: by its own limit, which is what decides who could take over."""

    WORDS: ClassVar[Words]
    LIMIT: ClassVar[str] = ""
    """The parameter that says how far a node may be behind and could take over, of the kinds that have it."""

    STORE: ClassVar[str]
    """The parameter that holds the target."""

    @property
    def _store(self) -> Declared:
        """The target."""
        store: Declared = getattr(self, self.STORE)
        return store

    @property
    def _most(self) -> float | None:
        """How far a node may be behind and could take over; None where the store's own limit serves."""
        return getattr(self, self.LIMIT) if self.LIMIT in type(self).model_fields else None

    @abstractmethod
    async def _look(self, within: float) -> S:
        """Ask every node now; one that doesn't answer within float seconds is seen as silent."""

    async def _once(self, within: float) -> S:
        """Look once, by this kind's limit."""
        return replace(await self._look(within), most=self._most)

    async def _weighed(self, within: float) -> S:
        """Look, and see that nodes which are behind move."""
        return await observed(lambda: self._once(within / 2), within)

    async def _until(self, holds: Callable[[S], bool], within: float) -> S | None:
        """Look until something holds; None when it doesn't in float seconds, by the loop's clock."""
        clock = asyncio.get_running_loop().time
        # By the loop's clock, which tests turn forward; the wall's may be set meanwhile.
        last = clock() + within
        while not holds(sight := await self._once(min(PATIENCE, within / 2))):
            if clock() + _INTERVAL >= last:
                return None
            await asyncio.sleep(_INTERVAL)
        return sight

    def _where(self, name: str | None) -> str:
        """Name a member in full."""
        return f"{self._store.name}/{name}"

    def _member(self, name: str) -> Member:
        member: Member = self._store.members[name]
        return member

    def _refused(self, because: str) -> NoReturn:
        """Refuse to do anything."""
        raise ActionRefused(because)


def refuse_no_member(store: Declared, name: str | None) -> None:
    """Raise ValueError, which names those there are, where somebody is named that is not a member of a store."""
    if name is not None and name not in store.members:
        raise ValueError(f"{name!r} is not a member of {store.name}; there is {', '.join(sorted(store.members))}")
