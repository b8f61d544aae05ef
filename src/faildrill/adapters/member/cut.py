"""`member.cut`: the network by which the others reach a member of a group fails, or becomes slow."""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import Field, model_validator

from faildrill.adapters.member.target import Group
from faildrill.errors import ActionRefused
from faildrill.ports import Captured, Given, Observed, Preview
from faildrill.ports.effect import Effect, Found, compared
from faildrill.toolkit.links import IN_THE_PATH, OPEN, LinkMode, Links, OfLink, in_picture, links, pictured

_Doings = Mapping[str, LinkMode]


class Cut(OfLink):
    """Cuts or slows the network by which the others reach one member of a group.

    - `silent`: everything is swallowed, as by a dead switch.
    - `reset`: connections are ended, and new ones refused.
    - `delayed`: everything is passed on later, in both directions, varied by `jitter`.

    The member itself runs on. Its `reach` must be able to do it: the lab's can, for nodes that have a link (database
    and Redis nodes); elsewhere use a playbook with nftables. With `at_most` the link opens by itself after that time,
    even if no process of faildrill lives any more.

    It is refused if the member's network is changed already, or if that of every other member is: the last one that is
    reachable is never cut off. Its effect is seen when whatever is in the path says so, and a probe noticed it: nobody
    else can tell. It is put back when the link does what it did before, and the probe sees that, too.

        steps:
          - name: the network to r2 goes silent
            member.cut: {group: redis-nodes, member: r2, how: silent}
    """

    effect_is: ClassVar[Effect] = "state"
    acts_late: ClassVar[float] = 5.0
    """Whatever reaches the member may have taken the request up, and do it when it comes to it."""

    group: Group = Field(description="the group; never all of it is cut off")
    member: str = Field(description="which of its members")

    @model_validator(mode="after")
    def _belongs(self) -> Self:
        if self.member not in self.group.members:
            there = ", ".join(sorted(self.group.members))
            raise ValueError(f"{self.member!r} is not a member of {self.group.name}; there is {there}")
        return self

    async def capture(self, given: Given) -> Captured:
        """Look what the links do now."""
        doings = await self._doings(given)
        self._refuse(doings)
        return doings[self.member].captured()

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Change the link."""
        await self._links(self.member, given).link(self.member, self._wanted, self.at_most)
        return {"member": self.member}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that the link does it: nobody but whatever is in the path can tell."""
        mode = await self._links(self.member, given).link_now(self.member)
        return Observed(mode == self._wanted, f"the link to {self.member} is {mode}", word_of=IN_THE_PATH)

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare what the link does."""
        now = await self._links(self.member, given).link_now(self.member)
        where = f"{self.group.name}/{self.member}"
        return compared(now, self._wanted, LinkMode.before(before), f"have whatever is in the path open it to {where}")

    async def picture(self, given: Given) -> dict[str, str]:
        """Tell of every member what its link does."""
        return await pictured({name: given.reach(member) for name, member in self.group.members.items()})

    def own(self, before: Captured) -> list[str]:
        """Name the link that is changed."""
        return [in_picture(self.member)]

    async def undo(self, before: Captured, given: Given) -> None:
        """Open the link."""
        await self._links(self.member, given).link(self.member, OPEN)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See that it does what it did."""
        mode = await self._links(self.member, given).link_now(self.member)
        holds = mode == LinkMode.before(before)
        return Observed(holds, f"the link to {self.member} is {mode}", word_of=IN_THE_PATH)

    async def preview(self, given: Given) -> Preview:
        """See whether it would be refused now."""
        doings = await self._doings(given)
        self._refuse(doings)
        where = f"{self.group.name}/{self.member}"
        spares = [f"{self.group.name}/{name}" for name in self._reached(doings)]
        return Preview([where], f"what the others send to {where} is {self._wanted}", "open it again", spares)

    async def _doings(self, given: Given) -> _Doings:
        return {name: await self._links(name, given).link_now(name) for name in sorted(self.group.members)}

    def _refuse(self, seen: _Doings) -> None:
        if seen[self.member] != OPEN:
            raise ActionRefused(f"the link to {self.group.name}/{self.member} is {seen[self.member]} already")
        if not self._reached(seen):
            raise ActionRefused(f"{self.group.name}/{self.member} is the last member that is reached")

    def _reached(self, seen: _Doings) -> list[str]:
        """List the other members whose network is as it should be."""
        return [name for name, doing in seen.items() if name != self.member and doing == OPEN]

    def _links(self, name: str, given: Given) -> Links:
        return links(given.reach(self.group.members[name]), f"{self.group.name}/{name}")
