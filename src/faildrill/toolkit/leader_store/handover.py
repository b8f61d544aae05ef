"""Another node of a store is made the leader, as planned, and the first one again at the end."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeVar

from faildrill.errors import ActionFailed
from faildrill.ports import Captured, Given, Observed
from faildrill.ports.effect import Effect, Found
from faildrill.toolkit.deadlines import patience
from faildrill.toolkit.leader_store.kind import OfStore
from faildrill.toolkit.leader_store.reasons import Lack, in_full
from faildrill.toolkit.leader_store.store import LeaderStore

S = TypeVar("S", bound=LeaderStore[Any])


class Handover(OfStore[S]):
    """Makes another node the leader, once, settled by observing; put back where the first leader leads again."""

    needs_heir: ClassVar[bool] = True
    effect_is: ClassVar[Effect] = "event"
    planned: ClassVar[bool] = True

    async def capture(self, given: Given) -> Captured:
        """Look who leads, and that the other one could."""
        sight = await self._weighed(patience(given))
        return {"to": self._next(sight), **sight.as_data(), **await self._noted(sight, given)}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See another node lead: the one that was named, where one was."""
        sight, words = await self._once(patience(given)), self.WORDS
        leader, old, unsettled = sight.leader, before[words.key], self._unsettled(sight, before)
        holds = leader not in (None, old) and self._wanted(before) in (None, leader) and not unsettled
        because = "; ".join(unsettled) or f"{leader} {words.leads}, {old or 'nobody'} {words.led}"
        wrong = [*sight.strangers(before), *sight.miscounted(before)]
        if holds and (wrong := wrong or await self._contradicted(sight, given)):
            return Observed(holds=False, because="; ".join([because, *wrong]), evidence=sight.as_data())
        return Observed(holds, because if leader else "; ".join(sight.missing()), sight.as_data())

    async def found(self, before: Captured, given: Given) -> Found:
        """See whether it is the same store still, and who leads: nobody whom this has not to do with."""
        sight, words = await self._once(patience(given)), self.WORDS
        first, others = before[words.key], sight.strangers(before)
        leads = f"{', '.join(sight.leading) or 'nobody'} {words.leads}"
        is_before = sight.leader == first
        whose: Literal["ours", "before", "others"] = "others" if others else "before" if is_before else "ours"
        return Found(
            whose, "; ".join(others) or leads, f"the same nodes, one of which {words.leads}", self._remedy(before)
        )

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the first leader lead, and every node that was healthy then healthy again."""
        sight, words = await self._once(patience(given)), self.WORDS
        first = before[words.key]
        lost = [
            *sight.strangers(before),
            *sight.lost(before),
            *self._unsettled(sight, before),
            *await self._left(before, given),
        ]
        if sight.leader not in (None, first):
            lost = [f"{sight.leader} {words.leads}, not {first}", *lost]
        lost = lost or await self._contradicted(sight, given)
        return Observed(not lost, "; ".join(lost) or f"{first} {words.leads} again", sight.as_data())

    def _able(self, sight: S, hindered: list[Lack]) -> list[str]:
        """List who could lead next; refuse where nobody leads, nobody could, or something hinders all."""
        name, words = self._store.name, self.WORDS
        if sight.leader is None:
            self._refused(f"{name} has no single {words.leader} to hand over: {in_full(sight.headless())}")
        if not (able := sight.candidates()):
            self._refused(f"{name}: nobody could take over from {sight.leader} now: {sight.nobody()}")
        if hindered:
            self._refused(f"{name}: nobody could take over from {sight.leader} now: {in_full(hindered)}")
        return able

    async def _until_fit(self, before: Captured, within: float) -> S:
        """Observe until the first leader leads or could again; ActionFailed, with nothing sent, when it doesn't."""
        first = str(before[self.WORDS.key])
        sight = await self._until(lambda sight: self._is_fit(sight, first), within)
        if sight is None:
            raise ActionFailed(
                f"{self._where(first)} does not get fit to lead again; nothing was sent. To put it back: "
                f"{self._remedy(before)}"
            )
        return sight

    def _remedy(self, before: Captured) -> str:
        """Return how a person puts it back."""
        return f"have {before[self.WORDS.key]} lead again"

    def _meddled(self, sight: S, before: Captured) -> list[str]:
        """Tell what somebody else has made of it."""
        return []

    def _is_fit(self, sight: S, first: str) -> bool:
        return sight.leader == first or first in sight.candidates()

    def _unsettled(self, sight: S, before: Captured) -> list[str]:
        """Tell what is still between two leaders, though one leads."""
        return []

    async def _contradicted(self, sight: S, given: Given) -> list[str]:
        """Tell what others say against it who were not asked yet."""
        return []

    async def _noted(self, sight: S, given: Given) -> Mapping[str, Any]:
        """Return what else must be known to put it back."""
        return {}

    async def _left(self, before: Captured, given: Given) -> list[str]:
        """Tell what else is not as it was."""
        return []

    def _wanted(self, before: Captured) -> str | None:
        """Return who was to lead; None where any other one will do."""
        return str(before["to"])

    @abstractmethod
    def _next(self, sight: S) -> str:
        """Return who is to lead next, or refuse."""
