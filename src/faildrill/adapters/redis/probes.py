"""`redis.writers` and `redis.redundancy`: who takes writes, and whether another one could take over."""

import asyncio
import contextlib
from typing import ClassVar, Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.redis.client import Login, Said, Talk, directly, in_words
from faildrill.adapters.redis.nodes import OfRedis
from faildrill.adapters.redis.succession import LAG, Sight
from faildrill.adapters.redis.target import Redis
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Given, Kind, Seen, WriterBy
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import RedundancyProbe, tried

_TRIED: Final = "faildrill:tried"


class Writers(Kind):
    """Tries on every Redis node itself whether it accepts writes; good when exactly one does.

    A write is queued in a transaction that is discarded, so nothing is written. A replica refuses it (`READONLY`), and
    so does a master without the replicas that `min-replicas-to-write` asks for (`NOREPLICAS`). A replica that is
    writable accepts it, and would lose it. `who` is every node that accepts. Two names are a split brain, whatever the
    Sentinels believe. Every node has a deadline of its own.

        probes:
          writers: {redis.writers: {redis: sessions}, every: 100ms}
        expect:
          - writers: {of: writers, at_most: 1}
    """

    asks_every_node: ClassVar[bool] = True
    tells_writer: ClassVar[WriterBy] = "nodes"

    redis: Redis = Field(description="the master and its replicas; every one is tried")

    _standing: dict[str, Talk] = PrivateAttr(default_factory=dict)

    async def open(self, given: Given) -> None:
        """Do nothing: connections are made by the looks, and kept."""

    async def close(self) -> None:
        """Close what is kept."""
        for talk in self._standing.values():
            talk.end()
        self._standing.clear()

    async def look(self, given: Given) -> Seen:
        """Try all nodes at once."""
        within = given.timeout * SHARE
        members = self.redis.members.items()
        asked = (self._says(name, directly(self.redis, member), within) for name, member in members)
        says = dict(zip(self.redis.members, await asyncio.gather(*asked), strict=True))
        return tried(says)

    async def _says(self, name: str, login: Login, within: float) -> str:
        """Return why a node takes no writes, the empty string where it does."""
        standing = self._standing.pop(name, None)
        try:
            async with asyncio.timeout(within):
                talk, says = await _told(standing, login)
        except (OSError, UnresolvedSecret) as error:
            return in_words(error)
        kept = self._standing.pop(name, None)  # a look that overlapped has perhaps kept its own
        if kept is not None:
            kept.end()
        self._standing[name] = talk
        return says


class Redundancy(OfRedis, RedundancyProbe[Sight]):
    """Good when Redis could lose its master now: all others follow it, and every Sentinel could have one promoted.

    A replica could take over if it is connected to the master, is at most `lag_at_most` bytes behind, does not stand
    still while the master goes on, is read-only, and every Sentinel knows it, reaches it and may choose it. A replica
    with `replica-priority 0` is never chosen: it must follow, and somebody else must be able to take over. Every
    Sentinel must name that master, see the quorum and the majority that a failover needs, and not be in TILT.

    Otherwise the look is `wrong`, and its detail says what is missing: `r2 refused`, `r3 lags`, `r2 replica-priority
    0`, `Sentinel 10.0.0.7:26379 is in TILT`. `who` is the master. The login needs `+info`.

        probes:
          redundancy: {redis.redundancy: {redis: sessions}, every: 500ms, timeout: 2s}
    """

    redis: Redis = Field(description="the master, its replicas and its Sentinels; every one is asked itself")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that a replica may be behind")

    def _silences(self, sight: Sight) -> dict[str, object]:
        return {**super()._silences(sight), **{f"Sentinel {watch.where}": watch.silent for watch in sight.watches}}


async def _told(standing: Talk | None, login: Login) -> tuple[Talk, str]:
    """Try a node over the connection that stands, over a new one where none does or the node was ending that one.

    Nothing is changed by trying, so that it may be done again. Every failure of a `Talk` has ended it.
    """
    if standing is not None and not standing.is_over:
        with contextlib.suppress(ConnectionError):
            return standing, await _tried(standing)
    talk = await Talk.begin(login)
    return talk, await _tried(talk)


async def _tried(talk: Talk) -> str:
    await talk.ask("MULTI")
    try:
        await talk.ask("SET", _TRIED, "1")
    except Said as error:
        return "follows" if error.code == "READONLY" else in_words(error)
    finally:
        if not talk.is_over:
            await talk.ask("DISCARD")
    return ""
