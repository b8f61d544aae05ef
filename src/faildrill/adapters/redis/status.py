"""What a Redis node and a Sentinel were seen to be, or how they failed to answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faildrill.toolkit.node_addresses import Address


@dataclass(frozen=True)
class Node:
    """One node as it was seen: its own answer, or how it failed to give one."""

    name: str
    silent: str = ""
    leads: bool = False
    """It says that it is the master."""
    offset: int = 0
    follows: Address | None = None
    """Its master, where it is a replica, as it spells it."""
    link: str = ""
    """For a replica: what its connection to its master does, e.g. `connected`, `connect`."""
    answered: int = 0
    info: Mapping[str, str] = field(default_factory=dict)
    """What `INFO` says of the server and its replication; empty where it was not asked."""
    untold: str = ""
    """Why `INFO` could not be asked."""

    @property
    def run_id(self) -> str:
        """What tells the process from all others; empty where it is not known."""
        return self.info.get("run_id", "")

    @property
    def position(self) -> int | None:
        """Its replication offset."""
        return None if self.silent else self.offset

    def __str__(self) -> str:
        """Tell in two or three words what it is doing: `r1 refused`, `r2 not connected`."""
        if self.silent:
            return f"{self.name} {self.silent}"
        if self.leads:
            return f"{self.name} master"
        return f"{self.name} follows" if self.link == "connected" else f"{self.name} not connected"


@dataclass(frozen=True)
class Replica:
    """A replica as a Sentinel sees it."""

    address: Address
    run_id: str = ""
    flags: frozenset[str] = frozenset()
    priority: str = ""
    reported: str = ""
    """What it said of itself when the Sentinel asked it last: `slave`, or still `master`."""


@dataclass(frozen=True)
class Watch:
    """What one Sentinel says of the master."""

    where: str
    silent: str = ""
    address: Address | None = None
    """What it gives to clients."""
    run_id: str = ""
    """Of the process that it takes for the master."""
    epoch: int | None = None
    """The number of the failover that made that one the master: each one that is begun takes the next."""
    can_decide: str = ""
    """Why no failover could be authorised; empty where one could."""
    remedy: str = ""
    replicas: tuple[Replica, ...] = ()
