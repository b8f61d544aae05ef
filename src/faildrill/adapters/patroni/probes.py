"""`patroni.writer`, `.timeline` and `.redundancy`: who takes writes, since which promotion, and who could take over."""

from typing import ClassVar, Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.patroni.nodes import Observer
from faildrill.adapters.patroni.succession import LAG, WORDS, Sight
from faildrill.adapters.postgres.target import Cluster
from faildrill.ports import Given, Seen
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome
from faildrill.toolkit.connection_errors import silences, unheard
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import OfStore, RedundancyProbe, Words, WritersProbe

_LONGEST: Final = 200
"""Characters of a detail."""


class _Looking(OfStore[Sight]):
    """What the probes share: an observer that stands from the first look to the last."""

    WORDS: ClassVar[Words] = WORDS
    STORE: ClassVar[str] = "cluster"
    RULES: ClassVar[bool] = False
    """Whether a look asks for the configuration, too, which says who may be promoted."""

    cluster: Cluster = Field(description="the cluster; every node is asked itself")
    _observer: Observer | None = PrivateAttr(default=None)

    async def open(self, given: Given) -> None:
        """Prepare what asks."""
        self._observer = Observer.opened()

    async def close(self) -> None:
        """Let go of it."""
        if self._observer is not None:
            await self._observer.close()
            self._observer = None

    async def _look(self, within: float) -> Sight:
        if self._observer is not None:
            return await self._observer.look(self.cluster, within, rules=self.RULES)
        async with Observer.opened() as observer:
            return await observer.look(self.cluster, within, rules=self.RULES)


class Writer(_Looking, WritersProbe[Sight]):
    """Asks every node of a Patroni cluster whether it is the primary; good when exactly one says so.

    `who` is the primary's name, or all names if several nodes say so. Every node is asked itself and has a deadline of
    its own, so a hung one doesn't hide the others. With no primary the look is `wrong`, `no writer`, followed by
    `unlocked` once Patroni has noticed: from then on an outage counts as detected. With two or more it is `wrong`, `2
    writers`. This is what Patroni says of its nodes; `postgres.writers` tries it in the database.

        probes:
          writer: {patroni.writer: {cluster: payments}, every: 100ms}
    """

    heard_as: ClassVar[View] = "manager"
    tells_lead: ClassVar[bool] = True


class Timeline(_Looking):
    """Reads the number of PostgreSQL's timeline that the primary writes on: every promotion makes it grow.

    `who` is that number. So `never: {of: timeline, promotions: true}` notices a promotion even if it fell between two
    looks, and even if the same node leads again afterwards. `wrong` if there is no primary, or one that does not tell.

        probes:
          timeline: {patroni.timeline: {cluster: payments}, every: 500ms}
        expect:
          - never: {of: timeline, promotions: true}
    """

    only_grows: ClassVar[bool] = True

    async def look(self, given: Given) -> Seen:
        """Ask all nodes at once."""
        sight = await self._once(given.timeout * SHARE)
        known = [node.status.timeline for node in sight.nodes.values() if node.leads and node.status]
        timelines = [timeline for timeline in known if timeline is not None]
        if not timelines:
            missing = sight.missing()
            told_instead = "; ".join(missing or ["no timeline told"])[:_LONGEST]
            return unheard(silences(sight.nodes)) or Seen(Outcome.WRONG, detail=told_instead)
        return Seen(Outcome.OK, str(max(timelines)))


class Redundancy(_Looking, RedundancyProbe[Sight]):
    """Good when a Patroni cluster could lose its primary now: one leads, another could take over, all are at work.

    A member could take over if it runs, streams, is on the leader's timeline, is at most `lag_at_most` bytes behind,
    does not stand still while the leader goes on, and Patroni would promote it. Patroni would if its log is within
    `maximum_lag_on_failover`, it has neither `nofailover` nor `failover_priority: 0`, it has its watchdog, waits for no
    restart, and is a synchronous standby where `synchronous_mode` asks for one. A member that is never to be promoted
    must stream, and somebody else must be able to take over.

    Otherwise the look is `wrong`, and its detail says what is missing: `pg1 refused`, `pg1 starting`, `pg1 lags`, `pg2
    nofailover`; `paused` or `failsafe mode is active` if Patroni would not fail over by itself; or that this is a
    standby cluster, which takes no writes. `who` is the leader.

        probes:
          redundancy: {patroni.redundancy: {cluster: payments}, every: 500ms, timeout: 2s}
    """

    heard_as: ClassVar[View] = "standby"
    LIMIT: ClassVar[str] = "lag_at_most"
    RULES: ClassVar[bool] = True

    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that a standby may be behind")
