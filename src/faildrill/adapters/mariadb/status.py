"""What a MariaDB server was seen to be, or how it failed to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faildrill.toolkit.node_addresses import Address


@dataclass(frozen=True)
class Gtid:
    """The last event of a domain: who wrote it first, and its number there."""

    domain: int
    server: int
    number: int

    def __str__(self) -> str:
        return f"{self.domain}-{self.server}-{self.number}"


@dataclass(frozen=True)
class Node:
    """One server as it was seen: its own answer, or how it failed to give one."""

    name: str
    silent: str = ""
    leads: bool = False
    """It takes writes: it is not read-only."""
    follows: Address | None = None
    """What it is set to replicate from, as it spells it; None where it is set to replicate from nobody."""
    follows_id: int = 0
    """The server id of that one; 0 while it has not been reached."""
    halted: str = ""
    """Why it does not replicate, where it is set to; empty where it does."""
    applies: bool = True
    """It applies what it has received, or would, were there something."""
    late: float | None = None
    """Seconds by which it is behind, as far as it knows."""
    applied: Mapping[int, Gtid] = field(default_factory=dict)
    """By domain, the last event that it counts as applied."""
    written: Mapping[int, Gtid] = field(default_factory=dict)
    """By domain, the last event in its own log."""
    reached: Mapping[int, Gtid] = field(default_factory=dict)
    """By domain, the last event that it has, applied or written."""
    answered: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    """Its variables that say whether it could lead, and be followed."""
    leaves_out: tuple[str, ...] = ()
    """What it is set to leave out, or to do otherwise than the one it follows."""

    @property
    def server_id(self) -> int:
        """What tells it from the others; 0 where it did not say."""
        return int(self.settings.get("server_id", "0"))

    @property
    def position(self) -> int | None:
        """How much of the log it has."""
        return None if self.silent else newest(self.reached)

    def __str__(self) -> str:
        """Tell in two or three words what it is doing: `m1 refused`, `m2 does not follow`."""
        if self.silent:
            return f"{self.name} {self.silent}"
        if self.leads:
            return f"{self.name} writes"
        if not self.follows:
            return f"{self.name} follows nobody"
        return f"{self.name} does not follow ({self.halted})" if self.halted else f"{self.name} follows"


def positions(text: str) -> dict[int, Gtid]:
    """Read a GTID position by its domains: `0-1-42,1-3-7`."""
    by_domain = {}
    for position in filter(None, text.split(",")):
        domain, server, number = (int(part) for part in position.strip().split("-"))
        by_domain[domain] = Gtid(domain, server, number)
    return by_domain


def newest(at: Mapping[int, Gtid]) -> int:
    """Return the sum of the numbers of a GTID position, one a domain: `0-1-42,1-3-7` is 49."""
    return sum(position.number for position in at.values())
