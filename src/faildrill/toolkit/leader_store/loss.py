"""The leader of a store is taken away: it dies, or hangs."""

import asyncio
from abc import abstractmethod
from typing import Any, ClassVar, Final, Literal, TypeVar

from faildrill.ports import ITS_REACH, Captured, Given, Observed, Preview, Reach
from faildrill.ports.effect import Effect, Found, compared_state
from faildrill.ports.reach import starts
from faildrill.toolkit.deadlines import patience
from faildrill.toolkit.leader_store.kind import OfStore
from faildrill.toolkit.leader_store.reasons import in_full
from faildrill.toolkit.leader_store.store import LeaderStore
from faildrill.toolkit.listeners import is_dark, is_held
from faildrill.toolkit.time_limits import AtMost, refuse_unheld, send

S = TypeVar("S", bound=LeaderStore[Any])
_SIGNALS: Final[dict[str, Literal["KILL", "STOP"]]] = {"killed": "KILL", "hung": "STOP"}
"""By what is done, the signal that does it: neither can be caught (`man 7 signal`)."""
_STATES: Final = {"killed": "absent", "hung": "stopped"}
"""By what is done, the state that the reach must tell of then; a member runs on where nothing is done to itself."""


class Loss(OfStore[S]):
    """Takes the leader away, `killed` or `hung`, whoever that is when the step is due.

    Refused, with nothing touched, unless one node leads, another could take over now, and the leader runs where its
    `reach` leads. The effect is seen twice: in the state of the member, and at its addresses. Put back means that it
    runs, and leads or follows, and so do all that did before; leading is not given back.
    """

    needs_heir: ClassVar[bool] = True
    acts_late: ClassVar[float] = 12.0
    """Whatever reaches the node may have taken the request up, and do it when it comes to it.

    A reach over SSH begins it within 2 s, acts within 4, and has whom it asks cut short 6 s later.
    """
    OUTPUTS: ClassVar[tuple[str, ...]] = ()
    """What later steps may use of what was captured; the first names who is taken."""

    at_most: AtMost = None

    @property
    def _how(self) -> str:
        """`killed`, `hung`, or what else a store can do."""
        return "killed"

    async def capture(self, given: Given) -> Captured:
        """Look who leads, and that somebody else could."""
        sight = await self._weighed(patience(given))
        name = self._victim(sight)
        await self._objects(name, given)
        reach = self._reach(name, given)
        await self._is_here(name, reach)
        refuse_unheld(reach, name, self.at_most)
        return {self.OUTPUTS[0]: name, **sight.as_data()}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Do it."""
        name = self._taken(before)
        await send(self._reach(name, given), name, _SIGNALS[self._how], self.at_most)
        return {output: before[output] for output in self.OUTPUTS}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the member in the state that it leads to, and the same at its addresses: it takes, or answers, nobody."""
        name = self._taken(before)
        state = await self._reach(name, given).state(name)
        if state != _STATES[self._how]:
            return Observed(holds=False, because=f"{name} is {state}", evidence={"state": state})
        addresses = self._addresses(name)
        gone = await asyncio.gather(*(self._is_gone(at, patience(given) / 2) for at in addresses))
        alive = [at for at, is_gone in zip(addresses, gone, strict=True) if not is_gone]
        if not addresses:  # its state is a word of one side only
            because = f"{name} is {state}, and no address of it is known to look at"
            return Observed(holds=True, because=because, evidence={"state": state}, word_of=ITS_REACH)
        does = "answers" if self._how == "hung" else "takes connections"
        who = f"somebody still {does} at {' and '.join(alive)}" if alive else f"nobody {does} at its addresses"
        return Observed(not alive, f"{name} is {state}, and {who}", {"state": state, "answers": list(alive)})

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare the state of the member: who was killed and is held by now, is held by somebody else."""
        name = self._taken(before)
        ours = _STATES.get(self._how, "running")
        return compared_state(await self._reach(name, given).state(name), ours, self._where(name))

    async def undo(self, before: Captured, given: Given) -> None:
        """Let it go on, or start it, whichever it needs."""
        name = self._taken(before)
        reach = self._reach(name, given)
        # A stopped process takes no SIGTERM until it goes on, so whoever is to start it anew could not end it first.
        if await reach.state(name) == "stopped":
            await reach.signal(name, "CONT")
        await reach.start(name)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it among the others again, leading or following the one that leads, and so all that did before."""
        sight, words = await self._once(patience(given)), self.WORDS
        lost = [*sight.strangers(before), *sight.lost(before), *self._besides(sight)]
        name = self._taken(before)
        does = f"{words.leads} again" if sight.leader == name else f"{words.follows} {sight.leader}"
        return Observed(not lost, "; ".join(lost) or f"{name} {does}", sight.as_data())

    async def count(self, before: Captured, given: Given) -> int | None:
        """Return how often its reach has started it."""
        name = self._taken(before)
        return await starts(self._reach(name, given), name)

    async def preview(self, given: Given) -> Preview:
        """Look who would be lost now."""
        sight = await self._weighed(patience(given))
        name = self._victim(sight)
        await self._objects(name, given)
        where = self._where(name)
        return Preview([where], *self._told(where), [self._where(heir) for heir in self._heirs(sight)])

    def limit(self) -> float | None:
        """Return after how long the target brings the node back by itself."""
        return self.at_most

    def _victim(self, sight: S) -> str:
        """Return who leads, or refuse where there is no such one, or nobody could follow."""
        name, words = self._store.name, self.WORDS
        if sight.leader is None:
            self._refused(f"{name} has no single {words.leader} to lose: {in_full(sight.headless())}")
        if not self._heirs(sight):
            where = self._where(sight.leader)
            self._refused(f"{where} is the last healthy {words.node}, it is not taken: {sight.nobody()}")
        if hindered := sight.hindrances():
            self._refused(f"{name}: nobody would take over now: {in_full(hindered)}")
        return sight.leader

    def _heirs(self, sight: S) -> list[str]:
        """List who could take over, as far as this step asks for it."""
        return sight.candidates()

    def _besides(self, sight: S) -> list[str]:
        """Tell what else must be as it should before all is put back."""
        return []

    async def _objects(self, name: str, given: Given) -> None:
        """Refuse for what else keeps a node from being taken."""

    async def _is_here(self, name: str, reach: Reach) -> None:
        """Refuse where who leads does not run where its `reach` leads."""
        if await reach.state(name) != "running":
            where = self._where(name)
            self._refused(f"{where} {self.WORDS.leads} but does not run here: its `reach` is another's")

    def _reach(self, name: str, given: Given) -> Reach:
        return given.reach(self._member(name))

    def _taken(self, before: Captured) -> str:
        return str(before[self.OUTPUTS[0]])

    def _addresses(self, name: str) -> list[str]:
        """List HOST:PORT of all that a member answers at."""
        return self._member(name).addresses

    async def _is_gone(self, address: str, within: float) -> bool:
        """Tell whether nobody takes connections there any more; where it hangs, whether nobody answers."""
        if self._how != "hung":
            return await is_dark(address, within)
        return bool(await is_held(address)) or not await self._answers(address, within)

    async def _answers(self, address: str, within: float) -> bool:
        """Tell whether anybody says a word at an address, as a store that hangs would not.

        Where a store has no word that a stranger could ask for, that connections are taken counts as an answer.
        """
        return not await is_dark(address, within)

    @abstractmethod
    def _told(self, where: str) -> tuple[str, str]:
        """Tell in words what it would do to a member, and how that is put back."""


class LossOrHang(Loss[S]):
    """The same, where a parameter `how` says what is done: an event where it is killed, a state otherwise."""

    how: str

    @property
    def _how(self) -> str:
        return self.how

    @property
    def effect_is(self) -> Effect:
        """An event where it is killed, a state otherwise."""
        return "event" if self.how == "killed" else "state"
