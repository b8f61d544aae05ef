"""`patroni.testimony`: who leads, as Patroni's nodes see it in their store."""

from pydantic import Field

from faildrill.adapters.patroni.nodes import SHARE
from faildrill.adapters.patroni.telling import sighted
from faildrill.ports import Given, Kind
from faildrill.targets import Cluster
from faildrill.testimony import Says, Testimony


class View(Kind):
    """Asks every Patroni node of a cluster who leads; each answers from its own look at the store they share.

    A node that says it leads is evidence that the primary lives; a free lead, told by any node, that it is dead. That
    nobody leads and nobody says that the lead is free proves nothing. That Patroni is paused is told: then it will not
    fail over by itself.

        warrants:
          payments-db:
            - patroni.testimony: {cluster: payments}
    """

    cluster: Cluster = Field(description="every member of it is asked")

    async def testify(self, given: Given) -> list[Testimony]:
        """Ask all nodes at once."""
        sight = await sighted(self.cluster, given.timeout * SHARE)
        paused = "; Patroni is paused, so nobody takes over by itself" if sight.paused else ""
        figures = {"paused": sight.paused}
        if sight.primaries:
            told = f"{', '.join(sight.primaries)} says that it leads{paused}"
            return [Testimony("patroni", Says.ALIVE, told, {**figures, "leader": sight.leader})]
        told = "; ".join(str(node) for node in sight.nodes.values())
        if sight.unlocked:
            return [Testimony("patroni", Says.DEAD, f"nobody holds the lead: {told}{paused}", figures)]
        return [Testimony("patroni", Says.NOTHING, f"no node says that it leads, nor that it is free: {told}", figures)]
