"""`member.cut`: the network by which the others reach a member of a group fails, or becomes slow."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from faildrill.adapters.linking import MODES, How, Links, Mode, links
from faildrill.errors import ActionRefused
from faildrill.ports import Captured, Duration, Given, Kind, Observed, Preview
from faildrill.targets import Group

_Modes = Mapping[str, tuple[str, int]]


class Cut(Kind):
    """Takes the network away by which the others reach one member of a group, or makes it slow.

    `silent` swallows everything, as a dead switch does; `reset` ends the connections and refuses new ones; `delayed`
    passes everything later, each way. The member itself runs on. Its `reach` must be able to (the lab's is, for nodes
    that have a link: database nodes, Redis nodes); elsewhere a playbook with nftables does it. Refused when its
    network is changed already, or that of every other member is: the last one that is reached is never cut off. Put
    back means that the link does what it did before.

        steps:
          - name: the network to r2 goes silent
            member.cut: {group: redis-nodes, member: r2, how: silent}
    """

    group: Group = Field(description="the group; never all of it is cut off")
    member: str = Field(description="which of its members")
    how: How = Field(default="silent", description="silent, reset or delayed")
    delay: Duration = Field(default=0.0, description="with `delayed`: by how much, each way")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.member not in self.group.members:
            there = ", ".join(sorted(self.group.members))
            raise ValueError(f"{self.member!r} is no member of {self.group.name}; there is {there}")
        if (self.how == "delayed") != (self.delay > 0):
            raise ValueError("`delayed` needs a `delay`, and only `delayed` has one")
        return self

    async def capture(self, given: Given) -> Captured:
        """Look what the links do now."""
        modes = await self._modes(given)
        self._refuse(modes)
        mode, delay_ms = modes[self.member]
        return {"mode": mode, "delay_ms": delay_ms}

    async def apply(self, before: Captured, given: Given) -> Captured:  # noqa: ARG002 - the port gives it
        """Change the link."""
        await self._links(self.member, given).link(self.member, *self._wanted)
        return {"member": self.member}

    async def confirm(self, before: Captured, given: Given) -> Observed:  # noqa: ARG002 - the port gives it
        """See that the link does it."""
        seen = await self._links(self.member, given).link_mode(self.member)
        return Observed(seen == self._wanted, f"the link to {self.member} is {seen[0]}")

    async def undo(self, before: Captured, given: Given) -> None:  # noqa: ARG002 - it was open, or it was refused
        """Open the link."""
        await self._links(self.member, given).link(self.member, "open")

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See that it does what it did."""
        seen = await self._links(self.member, given).link_mode(self.member)
        return Observed(list(seen) == [before["mode"], before["delay_ms"]], f"the link to {self.member} is {seen[0]}")

    async def preview(self, given: Given) -> Preview:
        """See whether it would be refused now."""
        modes = await self._modes(given)
        self._refuse(modes)
        where = f"{self.group.name}/{self.member}"
        spares = [f"{self.group.name}/{name}" for name in self._reached(modes)]
        return Preview([where], f"what the others send to {where} is {self.how}", "open it again", spares)

    async def _modes(self, given: Given) -> _Modes:
        return {name: await self._links(name, given).link_mode(name) for name in sorted(self.group.members)}

    def _refuse(self, modes: _Modes) -> None:
        mode, _ = modes[self.member]
        if mode != "open":
            raise ActionRefused(f"the link to {self.group.name}/{self.member} is {mode} already")
        if not self._reached(modes):
            raise ActionRefused(f"{self.group.name}/{self.member} is the last member that is reached")

    def _reached(self, modes: _Modes) -> list[str]:
        """List the other members whose network is as it should be."""
        return [name for name, (mode, _) in modes.items() if name != self.member and mode == "open"]

    @property
    def _wanted(self) -> tuple[Mode, int]:
        return MODES[self.how], round(self.delay * 1000)

    def _links(self, name: str, given: Given) -> Links:
        return links(given.reach(self.group.members[name]), f"{self.group.name}/{name}")
