"""`postgres.replication`: every member of a cluster is where it should be before one of them is taken away."""

from pydantic import Field

from faildrill.adapters.postgres.succession import weighed
from faildrill.adapters.postgres.target import Cluster
from faildrill.ports import Duration, Given, Kind
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import in_full


class Replication(Kind):
    """Refuses the drill unless one member takes writes and every other one streams from it, close behind.

    Every member is asked directly, with Patroni or without. The primary knows a standby by its `application_name`,
    which Patroni sets to the member's name; otherwise the standby says itself from whom it streams.

    It is an objection if there is no primary or there are two. It is also one if a member is down (or a standby with
    `hot_standby` off), does not stream, is on another timeline, lags by more than `behind` or `late`, stands still
    while the primary goes on, has paused, has no slot or a lost one, or could not be followed. A standby that replays
    late by design, or stops at a recovery target, must stream, and somebody else must be able to take over. The login
    needs `pg_monitor`.

        guards:
          - postgres.replication: {cluster: payments, behind: 16777216, late: 10s}
    """

    cluster: Cluster = Field(description="every member of it must be there")
    behind: int = Field(default=16 << 20, ge=0, description="bytes of log that a standby may not have replayed yet")
    late: Duration = Field(default=10.0, ge=0, description="for how long a standby may not have replayed what is new")

    async def objection(self, given: Given) -> str | None:
        """Ask all members at once."""
        sight = await weighed(self.cluster, given.timeout * SHARE, self.late, self.behind)
        gaps = sight.gaps()
        return f"{self.cluster.name} is not whole: {in_full(gaps)}" if gaps else None
