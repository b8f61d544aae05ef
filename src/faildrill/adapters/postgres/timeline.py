"""`postgres.timeline`: the number of the timeline that the writer is on, asked of every node itself."""

from typing import ClassVar, Final

from faildrill.adapters.postgres.driver import Connection
from faildrill.adapters.postgres.every_node import EveryNode
from faildrill.adapters.postgres.sessions import ask
from faildrill.ports import Given, Seen
from faildrill.record.samples import Outcome
from faildrill.toolkit.connection_errors import unheard

_WHAT: Final = (
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END"
)
"""The first eight digits of the name of a WAL file are its timeline, in hexadecimal."""
_LONGEST: Final = 200
"""Characters of a detail."""


class Timeline(EveryNode):
    """Reads the number of PostgreSQL's timeline that the writer is on: every promotion makes it grow.

    Every node is asked itself, past every load balancer and without Patroni; if two write, the higher number counts.
    `who` is that number. So `never: {of: timeline, promotions: true}` notices a promotion even if it fell between two
    looks, and even if the same node writes again afterwards. `wrong` if no node takes writes.

        probes:
          timeline: {postgres.timeline: {cluster: payments}, every: 500ms}
        expect:
          - never: {of: timeline, promotions: true}
    """

    only_grows: ClassVar[bool] = True

    async def look(self, given: Given) -> Seen:
        """Ask all nodes at once."""
        nodes = await self._each(given, _timeline, "faildrill timeline")
        highest = max(number for number in [0, *nodes.values()] if isinstance(number, int))
        if not highest:
            detail = "; ".join(["no writer", *(f"{name} {says or 'in recovery'}" for name, says in nodes.items())])
            return unheard(nodes) or Seen(Outcome.WRONG, detail=detail[:_LONGEST])
        return Seen(Outcome.OK, str(highest))


async def _timeline(connection: Connection) -> int:
    """Return the timeline that a node writes on; 0 where it is in recovery."""
    [timeline] = await ask(connection, _WHAT)
    return int(timeline, 16) if timeline else 0
