"""`member.kill` and `member.stop`: one process or host of a group dies, or hangs."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from pydantic import Field, ValidationInfo, field_validator

from faildrill.adapters.member.target import Group
from faildrill.errors import ActionRefused, CannotSee
from faildrill.ports import ITS_REACH, Captured, Given, Kind, Observed, Preview, Reach
from faildrill.ports.effect import Effect, Found, compared_state
from faildrill.ports.reach import starts
from faildrill.toolkit.listeners import is_dark, is_held, unaccepting
from faildrill.toolkit.time_limits import AtMost, refuse_unheld, send

_PATIENCE: Final = 2.0
"""Seconds for one attempt to connect, at the most."""


class _OneOfGroup(Kind):
    """What both actions share: the blast radius, the signal, and the way back."""

    acts_late: ClassVar[float] = 12.0
    """Whatever reaches the member may have taken the request up, and do it when it comes to it.

    `ssh.systemd` and its like begin it within 2 s, act within 4, and have whom they ask cut short 6 s later.
    """

    group: Group = Field(description="the group; never all of it is touched")
    member: str = Field(description="which of its members")
    at_most: AtMost = None
    SIGNAL: ClassVar[Literal["KILL", "STOP"]]
    BECOMES: ClassVar[Literal["absent", "stopped"]]
    """What it is then, by its reach."""

    @field_validator("member")
    @classmethod
    def _belongs(cls, value: str, info: ValidationInfo) -> str:
        group = info.data.get("group")
        if isinstance(group, Group) and value not in group.members:
            raise ValueError(f"{value!r} is not a member of {group.name}; there is {', '.join(sorted(group.members))}")
        return value

    async def capture(self, given: Given) -> Captured:
        """See that the member runs, and that another one does."""
        states = await self._states(given)
        self._refuse_the_last(states)
        refuse_unheld(self._reach(given), self.member, self.at_most)
        return {"member": self.member, "states": dict(states)}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Send the signal."""
        await send(self._reach(given), self.member, self.SIGNAL, self.at_most)
        return {"member": self.member}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the state that the signal leads to, by the word of the reach, and by what users meet at its address."""
        state = await self._reach(given).state(self.member)
        told = f"{self.member} is {state}"
        if state != self.BECOMES:
            return Observed(holds=False, because=told, evidence={"state": state})
        address = self.group.members[self.member].address
        if address is None:
            because = f"{told}, and has no `address`"
            return Observed(holds=True, because=because, evidence={"state": state}, word_of=ITS_REACH)
        seen = await self._seen_at(address, min(_PATIENCE, given.timeout / 2))
        return seen._replace(because=f"{told}, and {seen.because}", evidence={"state": state})

    @abstractmethod
    async def _seen_at(self, address: str, within: float) -> Observed:
        """See at the member's address whether it is so; tell what was seen there, or that it can't be seen."""

    async def picture(self, given: Given) -> dict[str, str]:
        """Tell of every member of the group what state it is in."""
        states = await self._states(given)
        return {f"{self.group.name}/{name}": state for name, state in states.items() if state != "unseen"}

    def own(self, before: Captured) -> list[str]:
        """Name the member."""
        return [f"{self.group.name}/{self.member}"]

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare the state of the member: who was killed and is held by now, is held by somebody else."""
        state = await self._reach(given).state(self.member)
        return compared_state(state, self.BECOMES, f"{self.group.name}/{self.member}")

    async def undo(self, before: Captured, given: Given) -> None:
        """Start it where it is absent, let it go on where it is stopped."""
        reach = self._reach(given)
        state = await reach.state(self.member)
        if state == "absent":
            await reach.start(self.member)
        elif state == "stopped":
            await reach.signal(self.member, "CONT")

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it run, and accept connections where the environment says at which address."""
        state = await self._reach(given).state(self.member)
        address = self.group.members[self.member].address
        if state != "running" or address is None:
            return Observed(state == "running", f"{self.member} is {state}", {"state": state}, word_of=ITS_REACH)
        if await is_held(address):
            because = f"{self.member} is running, says its reach, and what listens at {address} is stopped"
            return Observed(holds=False, because=because, evidence={"state": state})
        why = await unaccepting(address, min(_PATIENCE, given.timeout / 2))
        takes = f"accepts no connection at {address}: {why}" if why else f"accepts connections at {address}"
        return Observed(not why, f"{self.member} is running and {takes}", {"state": state, "accepts": not why})

    async def count(self, before: Captured, given: Given) -> int | None:
        """Return how often its reach has started it."""
        return await starts(self._reach(given), self.member)

    async def preview(self, given: Given) -> Preview:
        """See whether it would be refused now."""
        states = await self._states(given)
        self._refuse_the_last(states)
        where = f"{self.group.name}/{self.member}"
        others = [f"{self.group.name}/{name}" for name, is_now in states.items() if is_now == "running"]
        back = "start it" if self.SIGNAL == "KILL" else "SIGCONT"
        return Preview(
            [where],
            f"SIG{self.SIGNAL} to all of {where}",
            f"{back}; it is to accept connections again",
            [other for other in others if other != where],
        )

    def limit(self) -> float | None:
        """Return after how long the target ends it by itself."""
        return self.at_most

    def _reach(self, given: Given) -> Reach:
        return given.reach(self.group.members[self.member])

    async def _states(self, given: Given) -> Mapping[str, str]:
        """Look at every member; one that can't be seen is `unseen`, and doesn't count as running."""
        names = sorted(self.group.members)
        return dict(zip(names, await asyncio.gather(*(self._state(name, given) for name in names)), strict=True))

    async def _state(self, name: str, given: Given) -> str:
        try:
            return await given.reach(self.group.members[name]).state(name)
        except (CannotSee, ActionRefused):
            if name == self.member:
                raise
            return "unseen"

    def _refuse_the_last(self, states: Mapping[str, str]) -> None:
        if states[self.member] != "running":
            raise ActionRefused(
                f"{self.group.name}/{self.member} is {states[self.member]}, not running: start it first"
            )
        others = [name for name, is_now in states.items() if is_now == "running" and name != self.member]
        if not others:
            listed = ", ".join(f"{name} is {is_now}" for name, is_now in states.items())
            raise ActionRefused(f"{self.member} is the last running member of {self.group.name}: {listed}")


class Kill(_OneOfGroup):
    """Kills one member of a group with SIGKILL, all its processes, and leaves it down.

    It is refused unless the member runs and another member of the group does too: the last one is never killed. Its
    effect is seen when none of its processes is left and nobody takes connections at its address. Of a member without
    an `address` in the environment only its reach can tell, so that a probe must notice it, too. It is put back when
    the member was started, runs, and accepts connections there.

        steps:
          - name: kill a payment server
            member.kill: {group: payment-servers, member: pay1}
    """

    effect_is: ClassVar[Effect] = "event"
    SIGNAL: ClassVar[Literal["KILL", "STOP"]] = "KILL"
    BECOMES: ClassVar[Literal["absent", "stopped"]] = "absent"

    async def _seen_at(self, address: str, within: float) -> Observed:
        dark = await is_dark(address, within)
        return Observed(dark, f"{'nobody takes' if dark else 'somebody still takes'} connections at {address}")


class Stop(_OneOfGroup):
    """Hangs one member of a group with SIGSTOP to all its processes: it accepts connections and never answers.

    It is refused unless the member runs and another member of the group does too. Its effect is seen when all its
    processes are stopped, and so is the process that listens at its address. On other hosts only its reach can tell, so
    that a probe must notice it, too. It is put back with SIGCONT, or by starting it if it died meanwhile, and must be
    seen to run again.

        steps:
          - name: hang a payment server
            member.stop: {group: payment-servers, member: pay2}
    """

    effect_is: ClassVar[Effect] = "state"
    SIGNAL: ClassVar[Literal["KILL", "STOP"]] = "STOP"
    BECOMES: ClassVar[Literal["absent", "stopped"]] = "stopped"

    async def _seen_at(self, address: str, within: float) -> Observed:
        held = await is_held(address)
        if held is None:
            return Observed(holds=True, because=f"what listens at {address} can't be seen here", word_of=ITS_REACH)
        return Observed(held, f"what listens at {address} {'is stopped' if held else 'runs'}")
