"""`group.capacity`: enough members of a group are up, before one of them is taken away."""

import asyncio
from typing import Self

from pydantic import Field, model_validator

from faildrill.adapters.member.target import Group, GroupMember
from faildrill.errors import ActionRefused, CannotSee
from faildrill.ports import Checked, Given, Kind, causes
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.listeners import unaccepting


class Capacity(Kind):
    """Refuses the drill unless at least `at_least` members of a group are up: enough to lose one and still serve.

    A member is up if it runs (asked through its `reach`) and accepts connections (at its `address`). If the environment
    gives only one of the two, only that is looked at; a member with neither doesn't count.

        guards:
          - group.capacity: {group: payment-servers, at_least: 3}
    """

    group: Group = Field(description="the group whose members are counted")
    at_least: int = Field(ge=1, description="how many members must be up")

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.at_least > len(self.group.members):
            raise ValueError(f"{self.group.name} has only {len(self.group.members)} members")
        return self

    async def objection(self, given: Given) -> str | None:
        """Look at every member, and name those that are not up."""
        members = list(self.group.members.values())
        lacking_of = await asyncio.gather(*(self.lacks(member, given) for member in members))
        lacking = [f"{member.name} {lacks}" for member, lacks in zip(members, lacking_of, strict=True) if lacks]
        up = len(members) - len(lacking)
        if up >= self.at_least:
            return None
        return f"{up} of {len(members)} members of {self.group.name} are up, {self.at_least} are due: " + "; ".join(
            lacking
        )

    async def lacks(self, member: GroupMember, given: Given) -> str:
        """Tell what keeps a member from being up; the empty string when nothing does."""
        within = given.timeout * SHARE
        if member.reach is None and member.address is None:
            return "has neither reach nor address"
        if member.reach is not None:
            try:
                async with asyncio.timeout(within):
                    state = await given.reach(member).state(member.name)
            except TimeoutError:
                return "its reach did not say in time whether it runs"
            except (CannotSee, ActionRefused) as error:
                return f"can't be seen ({error})"
            if state != "running":
                return f"is {state}"
        if member.address is not None and (why := await unaccepting(member.address, within)):
            return f"accepts no connection at {member.address}: {why}"
        return ""


class Members(Kind):
    """Looks whether every member of a group runs, and accepts connections."""

    target: Group

    async def examine(self, given: Given) -> list[Checked]:
        """Look at all members at once."""
        members = list(self.target.members.values())
        capacity = Capacity(group=self.target, at_least=1)
        lacking = await asyncio.gather(*(capacity.lacks(member, given) for member in members))
        return [
            Checked(f"{self.target.name}/{member.name}", not lacks, lacks or "is up", _remedy(member, lacks))
            for member, lacks in zip(members, lacking, strict=True)
        ]


def _remedy(member: GroupMember, lacks: str) -> str:
    if not lacks:
        return ""
    known = causes.what_to_do(lacks, member.address or "") if lacks.startswith("accepts no") else ""
    return known or "start it, or give the environment its `reach` and `address`"
