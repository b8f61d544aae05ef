"""`patroni.testimony`: who leads, as Patroni's nodes see it in their store."""

import time

from pydantic import Field

from faildrill import durations
from faildrill.adapters.patroni.changes import sighted
from faildrill.adapters.postgres.target import Cluster
from faildrill.ports import Duration, Given, Kind
from faildrill.ports.witness import Says, Testimony
from faildrill.toolkit.deadlines import SHARE


class View(Kind):
    """Asks every Patroni node of a cluster who leads; each answers from its own view of their shared store.

    A node that says that it leads is evidence that the primary lives; a free leadership, reported by any node, that it
    is dead. If nobody leads and nobody says that the leadership is free, that proves nothing. A node that has not
    reached the store for `stale` can't tell who leads. If none has reached it, nobody can be made the primary through
    Patroni; that is reported as `store`. If Patroni is paused, that is reported: it will not fail over by itself.

        warrants:
          payments-db:
            - patroni.testimony: {cluster: payments}
    """

    cluster: Cluster = Field(description="every member of it is asked")

    stale: Duration = Field(
        default=30.0,
        gt=0,
        description="a node that reached the store longer ago can't tell; keep it above the difference of clocks",
    )

    async def testify(self, given: Given) -> list[Testimony]:
        """Ask all nodes at once."""
        sight = await sighted(self.cluster, given.timeout * SHARE)
        paused = "; Patroni is paused, so nobody takes over by itself" if sight.paused else ""
        figures = {"paused": sight.paused}
        if sight.leading:
            because = f"{', '.join(sight.leading)} says that it leads{paused}"
            return [Testimony("patroni", Says.ALIVE, because, {**figures, "leader": sight.leader})]
        because = "; ".join(str(node) for node in sight.nodes.values())
        moments = [node.status.dcs_last_seen for node in sight.nodes.values() if node.status]
        ages = [time.time() - moment for moment in moments if moment is not None]
        if ages and min(ages) > self.stale:
            lost = f"no node has reached the store for {durations.show(min(ages))}: {because}{paused}"
            return [Testimony("store", Says.ELSEWHERE, lost, figures)]
        if sight.unlocked:
            return [Testimony("patroni", Says.DEAD, f"nobody holds the lead: {because}{paused}", figures)]
        return [
            Testimony("patroni", Says.NOTHING, f"no node says that it leads, nor that it is free: {because}", figures)
        ]
