"""`patroni.kill_primary`: the node that takes writes dies, as a host does."""

from typing import ClassVar, Literal

from pydantic import Field

from faildrill.adapters.patroni.interface_proof import OfCluster
from faildrill.adapters.patroni.succession import LAG, Sight
from faildrill.adapters.postgres.target import Cluster
from faildrill.ports.effect import Effect
from faildrill.toolkit.leader_store import Loss
from faildrill.toolkit.time_limits import AtMost


class KillPrimary(Loss[Sight], OfCluster):
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

    effect_is: ClassVar[Effect] = "event"
    OUTPUTS: ClassVar[tuple[str, ...]] = ("primary", "timeline")

    cluster: Cluster = Field(description="the cluster whose primary is killed")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that the standby to take over may be behind")
    at_most: AtMost = None
    standby: Literal["streaming", "running"] = Field(
        default="streaming",
        description="the least that another node must be; `running` is for a drill that has cut its network",
    )

    def _heirs(self, sight: Sight) -> list[str]:
        if self.standby == "streaming":
            return sight.candidates()
        running = (node.name for node in sight.nodes.values() if node.status and node.status.state == "running")
        by_hand = sight.by_hand()
        return [name for name in running if name != sight.leader and by_hand.barred(name) is None]

    def _told(self, where: str) -> tuple[str, str]:
        return f"SIGKILL to all of {where}, which leads now", f"start {where}; it is to stream again"
