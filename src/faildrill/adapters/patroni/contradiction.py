"""What PostgreSQL says, on each node itself, against what Patroni says of it: who is asked to act has no last word."""

import asyncio
from typing import Final

from faildrill.adapters.patroni.succession import Sight
from faildrill.adapters.postgres.client import Talk
from faildrill.adapters.postgres.sessions import directly
from faildrill.adapters.postgres.target import Cluster, ClusterMember
from faildrill.errors import UnresolvedSecret

_ROLE: Final = "SELECT pg_is_in_recovery()"
_TAKES_WRITES: Final = {"f": True, "t": False}


async def contradicted(cluster: Cluster, sight: Sight, within: float) -> list[str]:
    """Tell of each node that is another one than Patroni says: it takes writes, or takes none.

    A server that gives no answer within float seconds says nothing against it.
    """
    asked = await asyncio.gather(*(_takes_writes(cluster, member, within) for member in cluster.members.values()))
    contradictions = []
    for name, takes in zip(cluster.members, asked, strict=True):
        if takes is not None and takes is not sight.nodes[name].leads:
            does = "takes writes" if takes else "takes no writes"
            contradictions.append(f"PostgreSQL on {name} {does}, and Patroni says otherwise")
    return contradictions


async def _takes_writes(cluster: Cluster, member: ClusterMember, within: float) -> bool | None:
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(directly(cluster, member), "faildrill look")
            try:
                [role] = await talk.ask(_ROLE) or [None]
            finally:
                talk.end()
    except (OSError, UnresolvedSecret):
        return None
    return _TAKES_WRITES.get(str(role))
