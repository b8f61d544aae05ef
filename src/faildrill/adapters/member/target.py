"""A group of processes or hosts, as an environment file declares it."""

from typing import ClassVar

from pydantic import Field

from faildrill.ports.addresses import Address
from faildrill.ports.target import Member, Target


class GroupMember(Member):
    """One process or host of a group."""

    address: Address | None = Field(default=None, description="HOST:PORT where it accepts connections, if it does")

    @property
    def addresses(self) -> list[str]:
        """Its own, where it has one."""
        return [self.address] if self.address else []


class Group(Target):
    """Servers, processes or hosts that do the same work, such as three payment servers.

    groups:
      payment-servers:
        members:
          pay1: {address: "10.0.0.31:8080"}
          pay2: {address: "10.0.0.32:8080"}
    """

    section: ClassVar[str] = "groups"

    members: dict[str, GroupMember] = Field(
        min_length=1, description="the servers or processes, by a name of your choice"
    )
