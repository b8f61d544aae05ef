"""What every node says of itself, and every Sentinel of the master, asked at once: what all kinds here share."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from faildrill.adapters.redis.talking import Login, NotRedis, Said, Talk, directly, in_words, sentinels
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Given
from faildrill.targets import Redis

SHARE: Final = 0.8
"""The part of a call's time that one node may take, so that a silent one is named before the call is cancelled."""
PATIENCE: Final = 2.0
"""Seconds for one observation of an action, at the most."""
LAG: Final = 1 << 20
"""Bytes by which a replica may be behind and count as able to take over."""
T = TypeVar("T")
_MASTER_LENGTH: Final = 3
_REPLICA_LENGTH: Final = 5


@dataclass(frozen=True)
class Node:
    """One node as it was seen: its own answer to ROLE, or how it failed to give one."""

    name: str
    silent: str = ""
    is_master: bool = False
    offset: int = 0
    follows: str = ""
    """HOST:PORT of its master, where it is a replica that is connected to it."""
    link: str = ""
    """For a replica: what its connection to its master does, e.g. `connected`, `connect`."""
    answered: int = 0

    def __str__(self) -> str:
        """Tell in two or three words what it is doing: `r1 refused`, `r2 not connected`."""
        if self.silent:
            return f"{self.name} {self.silent}"
        if self.is_master:
            return f"{self.name} master"
        return f"{self.name} follows" if self.link == "connected" else f"{self.name} not connected"


@dataclass(frozen=True)
class Watch:
    """What one Sentinel says of the master."""

    where: str
    silent: str = ""
    address: str = ""
    """HOST:PORT that it gives to clients."""
    can_decide: str = ""
    """Why no failover could be authorised; empty where one could."""


@dataclass(frozen=True)
class Sight:
    """All declared nodes and Sentinels, as seen in one observation."""

    redis: Redis
    nodes: Mapping[str, Node]
    watches: list[Watch] = field(default_factory=list)

    @property
    def masters(self) -> list[str]:
        """The nodes that say they are the master, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.is_master)

    @property
    def leader(self) -> str | None:
        """The one node that says so; None when there is none, or more than one."""
        masters = self.masters
        return masters[0] if len(masters) == 1 else None

    def lacks(self, name: str, most: int = LAG) -> str:
        """Tell what a node lacks to take over now; the empty string when it lacks nothing."""
        node, leader = self.nodes[name], self.leader
        if node.silent or node.is_master or node.link != "connected" or leader is None:
            return str(node)
        if node.follows != self.redis.members[leader].address:
            return f"{name} follows another"
        return f"{name} lags" if self.nodes[leader].offset - node.offset > most else ""

    def missing(self, most: int = LAG) -> list[str]:
        """Tell what keeps it from being whole; empty when one leads, all others follow and the Sentinels agree."""
        leader = self.leader
        if leader is None:
            first = f"{len(self.masters)} masters" if self.masters else "no master"
            return [first, *sorted(str(node) for node in self.nodes.values() if not node.is_master)]
        behind = [lacks for name in sorted(self.nodes) if name != leader and (lacks := self.lacks(name, most))]
        return [*behind, *self.blind()]

    def blind(self) -> list[str]:
        """Tell which Sentinels don't answer, name another master or could not authorise a failover."""
        address = self.redis.members[self.leader].address if self.leader else ""
        told = []
        for one in self.watches:
            if one.silent:
                told.append(f"Sentinel {one.where} {one.silent}")
            elif address and one.address != address:
                told.append(f"Sentinel {one.where} names {self.name_of(one.address)}")
            elif one.can_decide:
                told.append(f"Sentinel {one.where} {one.can_decide}")
        return told

    def candidates(self, most: int = LAG) -> list[str]:
        """List the replicas that could take over now, sorted."""
        return sorted(name for name in self.nodes if name != self.leader and not self.lacks(name, most))

    def name_of(self, address: str) -> str:
        """Return the member that is known by an address, or the address where none is."""
        return next((one.name for one in self.redis.members.values() if one.address == address), address)

    def lost(self, before: Mapping[str, Any], most: int = LAG) -> list[str]:
        """Tell which nodes that were healthy in an earlier `as_data` are not now, and how; empty when all are."""
        if self.leader is None:
            return self.missing(most)
        healthy = sorted(name for name, was in before["members"].items() if was in ("master", "follows"))
        return [lacks for name in healthy if name != self.leader and (lacks := self.lacks(name, most))]

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it."""
        return {
            "master": self.leader,
            "members": {name: str(node).removeprefix(f"{name} ") for name, node in sorted(self.nodes.items())},
        }


async def sighted(redis: Redis, within: float, *, sentinels_too: bool = True) -> Sight:
    """Ask every node, and every Sentinel, now; what doesn't answer within float seconds is seen as silent."""
    asked = [_node(name, directly(redis, member), within) for name, member in redis.members.items()]
    watched = [_watch(login, redis.master, within) for login in sentinels(redis)] if sentinels_too else []
    nodes, watches = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*watched))
    return Sight(redis, {node.name: node for node in nodes}, list(watches))


def patience(given: Given) -> float:
    """Return the seconds that a node may take in one observation of an action."""
    return min(PATIENCE, given.timeout * SHARE)


async def asked(login: Login, what: Callable[[Talk], Awaitable[T]], within: float) -> T:
    """Connect, ask, and end the connection; OSError or UnresolvedSecret where that fails."""
    async with asyncio.timeout(within):
        talk = await Talk.begin(login)
        try:
            return await what(talk)
        finally:
            talk.end()


async def role(name: str, talk: Talk) -> Node:
    """Ask a node for its role."""
    said = await talk.ask("ROLE")
    at = time.monotonic_ns()
    match said:
        case ["master", int(offset), list()] if len(said) == _MASTER_LENGTH:
            return Node(name, is_master=True, offset=offset, answered=at)
        case ["slave", str(host), int(port), str(link), int(offset)] if len(said) == _REPLICA_LENGTH:
            return Node(name, offset=offset, follows=f"{host}:{port}", link=link, answered=at)
    raise NotRedis("no role that is known")


async def _node(name: str, login: Login, within: float) -> Node:
    try:
        return await asked(login, lambda talk: role(name, talk), within)
    except (OSError, UnresolvedSecret) as error:
        return Node(name, silent=in_words(error))


async def _watch(login: Login, master: str, within: float) -> Watch:
    where = f"{login.host}:{login.port}"

    async def what(talk: Talk) -> Watch:
        said = await talk.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master)
        if not isinstance(said, list):
            return Watch(where, f"knows no {master}")
        try:
            await talk.ask("SENTINEL", "CKQUORUM", master)
        except Said as error:
            return Watch(where, address=":".join(said), can_decide=f"has no quorum ({error.code})")
        return Watch(where, address=":".join(said))

    try:
        return await asked(login, what, within)
    except (OSError, UnresolvedSecret) as error:
        return Watch(where, in_words(error))
