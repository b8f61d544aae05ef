"""`ssh.marker`: a file on the host of every member of a group says which place it is, read through its reach."""

import asyncio
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from faildrill.adapters.member.target import Group, GroupMember
from faildrill.adapters.ssh.host_member import HostMember
from faildrill.adapters.ssh.login import MEMBER
from faildrill.errors import ActionRefused, CannotSee
from faildrill.ports import Given, Kind, Told, Words
from faildrill.system.redaction import clean

_SHOWN: Final = 80
"""Characters of a file's content that are shown."""
_REACHES: Final = tuple(f"{where}.{what}" for where in ("ssh", "local") for what in ("systemd", "process", "container"))
_PROVED, _DIFFERS, _SILENT = range(3)


class Marker(Kind):
    """Refuses the drill unless a file on the host of every member of a group holds exactly what was declared.

    The file is read through the member's reach, so that what is proven is the very host on which the member is
    signalled. Put a random text of your own there, on the hosts that may be drilled and nowhere else. Blanks and line
    ends around it don't count. A file that is missing, can't be read or holds more than 256 bytes is an objection.

        identity:
          - ssh.marker: {group: payment-servers, file: /etc/faildrill/place, content: "staging 3f2a9c41"}
    """

    group: Group = Field(description="the group, each of whose members is reached by `ssh.…` or `local.…`")
    file: Annotated[str, Field(pattern=r"^/.*\S$")] = Field(
        description="the file on each host; `{member}` is the member's name"
    )
    content: Words = Field(min_length=8, description="what it must hold, here and nowhere else")

    @model_validator(mode="after")
    def _is_reached(self) -> Self:
        others = [one.name for one in self.group.members.values() if not one.reach or one.reach.kind not in _REACHES]
        if others:
            raise ValueError(f"{', '.join(others)} of {self.group.name} is not reached by {', '.join(_REACHES)}")
        return self

    def facts(self) -> list[str]:
        """Tell the content."""
        return [f"marker of hosts {self.content.strip()}"]

    async def ask_again(self, given: Given) -> Told:
        """Read every file, and tell apart who holds something else and who can't be read."""
        members = list(self.group.members.values())
        answers = Told([], [], [])
        for place, words in await asyncio.gather(*(self._read(member, given) for member in members)):
            answers[place].append(words)
        return answers

    async def objection(self, given: Given) -> str | None:
        """Read every file; whatever is not the declared content is an objection."""
        _, differs, silent = await self.ask_again(given)
        return "; ".join([*differs, *silent]) or None

    async def _read(self, member: GroupMember, given: Given) -> tuple[int, str]:
        path = self.file.replace(MEMBER, member.name)
        try:
            reach = given.reach(member)
            if not isinstance(reach, HostMember):
                return _SILENT, f"{member.name} is not reached on a host"
            holds = (await reach.content(member.name, path)).strip()
        except (CannotSee, ActionRefused) as error:
            return _SILENT, f"{member.name}: {error}"
        if holds == self.content.strip():
            return _PROVED, f"{member.name}: {path} on {reach.called(member.name)}"
        return _DIFFERS, f"{member.name}: {path} on {reach.called(member.name)} holds {clean(holds)[:_SHOWN]!r}"
