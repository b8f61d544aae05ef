"""What every node of a cluster says of itself, asked at once: the one observation that all kinds here share.

The nodes are asked themselves (`GET /patroni`), never one of them about the others: what `GET /cluster` tells comes
from the store behind Patroni, where a dead member goes on being `streaming` until its key expires.
"""

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self

import aiohttp
import msgspec

from faildrill.ports import Given
from faildrill.targets import Cluster, ClusterMember

SHARE: Final = 0.8
"""The part of a call's time that one node may take, so that a silent node is named before the call is cancelled."""
PATIENCE: Final = 2.0
"""Seconds for one observation of an action, at the most: it looks again and again, and a silent node must not use
up the time of the step."""
LAG: Final = 1 << 20
"""Bytes by which a standby may be behind and count as able to take over; Patroni's own default."""
_LARGEST: Final = 1 << 18
_PRIMARY: Final = ("primary", "master")
_SYNCHRONOUS: Final = ("sync", "quorum")


class _Wal(msgspec.Struct, frozen=True):
    location: int | None = None
    received_location: int | None = None
    replayed_location: int | None = None


class _Patroni(msgspec.Struct, frozen=True):
    scope: str = ""
    name: str = ""


class _Receiver(msgspec.Struct, frozen=True):
    application_name: str | None = None
    state: str | None = None
    sync_state: str | None = None


class Status(msgspec.Struct, frozen=True):
    """The part of a node's answer that is used here."""

    state: str
    role: str
    patroni: _Patroni
    timeline: int | None = None
    replication_state: str | None = None
    xlog: _Wal = _Wal()
    replication: list[_Receiver] = []
    pause: bool = False
    cluster_unlocked: bool = False
    dcs_last_seen: int | None = None
    """Seconds since the epoch, by the node's clock, at which it last reached the store that all share."""


@dataclass(frozen=True)
class Node:
    """One node as it was seen: its own answer, or how it failed to give one."""

    name: str
    status: Status | None = None
    silent: str = ""
    """Why there is no status: `refused`, `timed out`, `reset`, `garbage`, `is of another cluster`…"""
    answered: int = 0
    """Monotonic ns at which the answer was whole."""

    @property
    def is_primary(self) -> bool:
        """It says that it runs, and takes writes."""
        return self.status is not None and self.status.state == "running" and self.status.role in _PRIMARY

    @property
    def is_streaming(self) -> bool:
        """It says that it runs as a standby, and is receiving from another node."""
        status = self.status
        return bool(
            status
            and status.state == "running"
            and status.role not in _PRIMARY
            and status.replication_state == "streaming"
        )

    def __str__(self) -> str:
        """Tell in two or three words what it is doing: `pg1 refused`, `pg1 starting`, `pg1 not streaming`."""
        if self.status is None:
            return f"{self.name} {self.silent}"
        if self.status.state != "running":
            return f"{self.name} {self.status.state}"
        return (
            f"{self.name} primary" if self.is_primary else f"{self.name} {'' if self.is_streaming else 'not '}streaming"
        )


@dataclass(frozen=True)
class Sight:
    """All declared nodes of a cluster, as seen in one observation."""

    nodes: Mapping[str, Node]

    @property
    def primaries(self) -> list[str]:
        """The nodes that say they take writes, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.is_primary)

    @property
    def leader(self) -> str | None:
        """The one node that says it takes writes; None when there is none, or more than one."""
        primaries = self.primaries
        return primaries[0] if len(primaries) == 1 else None

    @property
    def timeline(self) -> int | None:
        """The timeline that the leader is on."""
        status = self.nodes[self.leader].status if self.leader else None
        return status.timeline if status else None

    @property
    def paused(self) -> bool:
        """Some node says that Patroni is paused: nothing fails over by itself."""
        return any(node.status.pause for node in self.nodes.values() if node.status)

    @property
    def synchronous(self) -> list[str]:
        """The standbys that the leader's commits wait for, sorted; none where they wait for nobody."""
        status = self.nodes[self.leader].status if self.leader else None
        receivers = status.replication if status else []
        return sorted(one.application_name or "?" for one in receivers if one.sync_state in _SYNCHRONOUS)

    @property
    def unlocked(self) -> bool:
        """Some node says that nobody holds the lead any more: Patroni has noticed that the leader is gone."""
        return any(node.status.cluster_unlocked for node in self.nodes.values() if node.status)

    def lag(self, name: str) -> int | None:
        """Bytes by which a standby is behind the leader; None where that can't be told."""
        leader = self.nodes[self.leader].status if self.leader else None
        standby = self.nodes[name].status
        if leader is None or standby is None or leader.xlog.location is None:
            return None
        reached = standby.xlog.replayed_location
        return None if reached is None else max(0, leader.xlog.location - reached)

    def lacks(self, name: str, most: int = LAG) -> str:
        """Tell what a node lacks to take over now; the empty string when it lacks nothing."""
        node = self.nodes[name]
        lag = self.lag(name)
        if not node.is_streaming:
            return str(node)
        if node.status is not None and node.status.timeline != self.timeline:
            return f"{name} on another timeline"
        if lag is None or lag > most:
            return f"{name} lags"
        return ""

    def candidates(self, most: int = LAG) -> list[str]:
        """List the standbys that could take over now, sorted."""
        return sorted(name for name in self.nodes if name != self.leader and not self.lacks(name, most))

    def missing(self, most: int = LAG) -> list[str]:
        """Tell what keeps the cluster from being whole; empty when one leads and all others could take over."""
        if self.leader is None:
            primaries = self.primaries
            unlocked = ["unlocked"] if self.unlocked else []
            first = [f"{len(primaries)} writers"] if primaries else ["no writer", *unlocked]
            return [*first, *sorted(str(node) for node in self.nodes.values() if not node.is_primary)]
        missing = [lacks for name in sorted(self.nodes) if name != self.leader and (lacks := self.lacks(name, most))]
        return [*missing, "paused"] if self.paused else missing

    def lost(self, before: Mapping[str, Any], most: int = LAG) -> list[str]:
        """Tell which nodes that were healthy in an earlier `as_data` are not now, and how; empty when all are."""
        if self.leader is None:
            return self.missing(most)
        healthy = sorted(name for name, was in before["members"].items() if was in ("primary", "streaming"))
        return [lacks for name in healthy if name != self.leader and (lacks := self.lacks(name, most))]

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it."""
        return {
            "leader": self.leader,
            "timeline": self.timeline,
            "members": {name: str(node).removeprefix(f"{name} ") for name, node in sorted(self.nodes.items())},
        }


class Observer:
    """Asks the nodes of a cluster; every look asks all of them at once, each with a deadline of its own.

    No connection is kept: Patroni serves its interface with five threads, and a kept connection would hold one.
    """

    def __init__(self, session: "aiohttp.ClientSession") -> None:
        self._session = session

    @classmethod
    def opened(cls) -> Self:
        """Make an observer; needs a running loop, and `close` at the end."""
        connector = aiohttp.TCPConnector(force_close=True, limit=0, ttl_dns_cache=10)
        return cls(aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()))

    async def close(self) -> None:
        """Let go of everything."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def look(self, cluster: Cluster, within: float) -> Sight:
        """Ask every node now; one that doesn't answer within float seconds is seen as silent."""
        asked = (self._node(cluster, member, within) for member in cluster.members.values())
        return Sight({node.name: node for node in await asyncio.gather(*asked)})

    async def _node(self, cluster: Cluster, member: ClusterMember, within: float) -> Node:
        try:
            async with asyncio.timeout(within):
                status = await self._status(member)
        except (OSError, aiohttp.ClientError) as error:
            return Node(member.name, silent=in_words(error))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return Node(member.name, silent="garbage")
        if status.patroni.scope != cluster.scope:
            return Node(member.name, silent="is of another cluster")
        if status.patroni.name not in ("", member.name):
            return Node(member.name, silent="is another member")
        return Node(member.name, status, answered=time.monotonic_ns())

    async def _status(self, member: ClusterMember) -> Status:
        url = f"{member.api.rstrip('/')}/patroni"
        async with self._session.get(url, allow_redirects=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _LARGEST:
                    raise ValueError("an answer too long to be Patroni's")
        return msgspec.json.decode(body, type=Status)


def patience(given: Given) -> float:
    """Return the seconds that a node may take in one observation of an action."""
    return min(PATIENCE, given.timeout * SHARE)


def in_words(error: BaseException) -> str:
    """Tell how a node failed to answer, in a word or two."""
    seen = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return next((words for kind, words in _words() if isinstance(seen, kind)), "unreachable")


@cache
def _words() -> tuple[tuple[type[Exception], str], ...]:
    return (
        (TimeoutError, "timed out"),
        (ConnectionRefusedError, "refused"),
        (socket.gaierror, "no such host"),
        (ConnectionError, "reset"),
        (aiohttp.ServerDisconnectedError, "reset"),
        (aiohttp.ClientPayloadError, "reset"),
        (aiohttp.ClientResponseError, "garbage"),
    )
