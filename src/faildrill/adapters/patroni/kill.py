"""`patroni.kill_primary`: the node that takes writes dies, as a host does."""

import asyncio
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from faildrill.adapters.leader_store import in_full
from faildrill.adapters.patroni.leading import OfCluster
from faildrill.adapters.patroni.nodes import patience
from faildrill.adapters.patroni.succession import LAG, Sight
from faildrill.adapters.patroni.telling import sighted, weighed
from faildrill.adapters.postgres.target import Cluster
from faildrill.effect_traits import Effect
from faildrill.errors import ActionRefused
from faildrill.ports import Captured, Given, Observed, Preview
from faildrill.toolkit.sockets import is_dark
from faildrill.toolkit.time_limits import AtMost, refuse_unheld, send


class KillPrimary(OfCluster):
    """Kills the node that takes writes, Patroni and PostgreSQL at once, with SIGKILL, and leaves it down.

    Which node that is, is looked up when the step begins. It is refused, with nothing touched, unless exactly one node
    leads and Patroni would promote another one now (`patroni.redundancy` says what that takes): the last healthy node
    is never killed. With `standby: running` it is enough that another one runs that may be promoted, if only by hand,
    even if it receives nothing: what it doesn't have is lost. Later steps may use `${steps.ID.primary}`.

    Its effect is seen when nothing of the node runs and its ports are dark. It is put back when the node was started
    and runs in the cluster again, streaming from whoever leads by then. Leadership is not given back; a
    `patroni.switchover` step does that.

        steps:
          - name: kill the primary
            patroni.kill_primary: {cluster: payments}
            within: 10s
    """

    needs_heir: ClassVar[bool] = True
    effect_is: ClassVar[Effect] = "event"

    cluster: Cluster = Field(description="the cluster whose primary is killed")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that the standby to take over may be behind")
    at_most: AtMost = None
    standby: Literal["streaming", "running"] = Field(
        default="streaming",
        description="the least that another node must be; `running` is for a drill that has cut its network",
    )

    async def capture(self, given: Given) -> Captured:
        """Look who leads, and that somebody else could."""
        sight = await weighed(self.cluster, patience(given))
        primary = self._victim(sight)
        if await given.reach(self.cluster.members[primary]).state(primary) != "running":
            raise ActionRefused(f"{self.cluster.name}/{primary} leads but does not run here: its `reach` is another's")
        refuse_unheld(given.reach(self.cluster.members[primary]), primary, self.at_most)
        return {"primary": primary, **sight.as_data()}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Kill it."""
        primary = str(before["primary"])
        await send(given.reach(self.cluster.members[primary]), primary, "KILL", self.at_most)
        return {"primary": primary, "timeline": before["timeline"]}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that nothing of it runs, and that neither Patroni nor PostgreSQL answers."""
        primary = str(before["primary"])
        member = self.cluster.members[primary]
        state = await given.reach(member).state(primary)
        api = urlsplit(member.api)
        places = {"Patroni": f"{api.hostname}:{api.port or 8008}", "PostgreSQL": f"{member.host}:{member.port}"}
        dark = await asyncio.gather(*(is_dark(place, patience(given)) for place in places.values()))
        alive = [name for name, is_dark in zip(places, dark, strict=True) if not is_dark]
        because = f"{primary} is {state}; {' and '.join(alive) or 'nothing'} of it answers"
        return Observed(state == "absent" and not alive, because, {"state": state, "answers": list(alive)})

    async def undo(self, before: Captured, given: Given) -> None:
        """Start it, unless it runs."""
        primary = str(before["primary"])
        reach = given.reach(self.cluster.members[primary])
        if await reach.state(primary) == "stopped":
            await reach.signal(primary, "CONT")
        await reach.start(primary)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it in the cluster again, leading or streaming from the one that leads, and so all that did before."""
        sight = await self._sight(given)
        lost = sight.lost(before, self.lag_at_most)
        primary = str(before["primary"])
        does = "leads again" if sight.leader == primary else f"streams from {sight.leader}"
        return Observed(not lost, "; ".join(lost) or f"{primary} {does}", sight.as_data())

    async def preview(self, given: Given) -> Preview:
        """Look who would be killed now."""
        sight = await weighed(self.cluster, patience(given))
        where = f"{self.cluster.name}/{self._victim(sight)}"
        heirs = [f"{self.cluster.name}/{name}" for name in self._heirs(sight)]
        effect = f"SIGKILL to all of {where}, which leads now"
        return Preview([where], effect, f"start {where}; it is to stream again", heirs)

    def limit(self) -> float | None:
        """Return after how long the target starts the node again by itself."""
        return self.at_most

    async def _sight(self, given: Given) -> Sight:
        return await sighted(self.cluster, patience(given))

    def _victim(self, sight: Sight) -> str:
        if sight.leader is None:
            raise ActionRefused(f"{self.cluster.name} has no single primary to kill: {in_full(sight.headless())}")
        if hindered := sight.hindrances():
            raise ActionRefused(f"{self.cluster.name}: nobody would take over now: {in_full(hindered)}")
        if not self._heirs(sight):
            raise ActionRefused(
                f"{self.cluster.name}/{sight.leader} is the last healthy node, it is not killed: "
                + sight.nobody(self.lag_at_most)
            )
        return sight.leader

    def _heirs(self, sight: Sight) -> list[str]:
        if self.standby == "streaming":
            return sight.candidates(self.lag_at_most)
        running = (node.name for node in sight.nodes.values() if node.status and node.status.state == "running")
        by_hand = sight.by_hand()
        return [name for name in running if name != sight.leader and by_hand.barred(name) is None]
