"""`postgres.testimony`: the primary asked directly, and what its standbys hear of it."""

import asyncio
import time
from typing import Final, NamedTuple

from pydantic import Field, JsonValue

from faildrill import durations
from faildrill.adapters.postgres.client import Talk
from faildrill.adapters.postgres.sessions import directly, in_words
from faildrill.adapters.postgres.target import Cluster, ClusterMember
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Duration, Given, Kind
from faildrill.ports.witness import Says, Testimony
from faildrill.toolkit.deadlines import SHARE

_QUESTION: Final = (
    "SELECT pg_is_in_recovery(), current_setting('max_connections')::int, "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), "
    "(SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'), "
    "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'active' "
    "AND wait_event = ANY ('{SyncRep,WALSync,WALWrite,WALInitSync,WALInitWrite}') "
    "AND clock_timestamp() - query_start > interval '1 second'), "
    "current_setting('default_transaction_read_only') = 'on', "
    "(SELECT status FROM pg_stat_wal_receiver), "
    "(SELECT extract(epoch FROM clock_timestamp() - last_msg_receipt_time) FROM pg_stat_wal_receiver)"
)
"""One question for all, so that its parts are of one moment; the waits are those of a commit (`pg_stat_activity`)."""
_REFUSED: Final = "refused"
"""What a host says that is there and at which nobody listens."""


class _Heard(NamedTuple):
    """What a member said of itself; `trouble` where it said nothing."""

    name: str
    took: float = 0.0
    standby: bool = False
    connections: int = 0
    most: int = 0
    waiting: int = 0
    stuck: int = 0
    read_only: bool = False
    receiver: str = ""
    age: float | None = None
    trouble: str = ""


class Nodes(Kind):
    """Asks every member of a cluster by SQL, past every load balancer, whether it works and what it hears.

    A primary that answers within `slow` is alive. One that refuses connections is evidence of its death, if every
    member that could be the primary refuses. One that is silent proves nothing. Nothing is written: sessions that have
    waited for their commits for more than a second, for a disk or a synchronous standby, are reported as slow, and so
    is a primary that is set read-only. A standby whose stream is gone has seen the primary go; one that received
    something less than `fresh` ago has heard it alive.

        warrants:
          payments-db:
            - postgres.testimony: {cluster: payments}
    """

    cluster: Cluster = Field(description="every member of it is asked")
    slow: Duration = Field(default=1.0, gt=0, description="an answer of the primary that takes longer is a slow one")
    fresh: Duration = Field(
        default=2.0, gt=0, description="a standby that received something more recently hears the primary"
    )

    async def testify(self, given: Given) -> list[Testimony]:
        """Ask all members at once."""
        members = list(self.cluster.members.values())
        heard = await asyncio.gather(*(self._asked(member, given.timeout * SHARE) for member in members))
        return [self._of_primary(list(heard)), *(self._of_standby(member) for member in heard if member.standby)]

    async def _asked(self, member: ClusterMember, within: float) -> _Heard:
        began = time.monotonic()
        try:
            async with asyncio.timeout(within):
                talk = await Talk.begin(directly(self.cluster, member), "faildrill warrant")
                try:
                    return _read(member.name, await talk.ask(_QUESTION), time.monotonic() - began)
                finally:
                    talk.end()
        except (UnresolvedSecret, OSError, ValueError) as error:
            trouble = str(error) if isinstance(error, UnresolvedSecret) else in_words(error)
            return _Heard(member.name, trouble=trouble)

    def _of_primary(self, heard: list[_Heard]) -> Testimony:
        primaries = [member for member in heard if not member.standby and not member.trouble]
        silent = [member for member in heard if member.trouble]
        standbys = [member.name for member in heard if member.standby]
        if len(primaries) > 1:
            names = ", ".join(primary.name for primary in primaries)
            because = f"{names} take writes at once: one more primary makes it worse"
            return Testimony("primary", Says.ALIVE, because, {"primaries": names})
        if primaries:
            return self._alive(primaries[0])
        because = "; ".join(f"{member.name} {member.trouble}" for member in silent) or "no member takes writes"
        # Silence may be a cut network between us and it: only a host that lives and refuses says that nobody is
        # there.
        is_proof = all(member.trouble == _REFUSED for member in silent)
        return Testimony("primary", Says.DEAD if is_proof else Says.NOTHING, because, {"standbys": ", ".join(standbys)})

    def _alive(self, one: _Heard) -> Testimony:
        took = durations.show(one.took)
        because = f"{one.name} answers directly in {took} as the primary; {one.connections} of {one.most} connections"
        if one.waiting:
            because += f", {one.waiting} waiting for locks"
        if one.stuck:
            because += f", {one.stuck} waiting for more than 1 s for what they write"
        if one.read_only:
            because += ", set read-only"
        figures: dict[str, JsonValue] = {
            "primary": one.name,
            "seconds": round(one.took, 4),
            "connections": one.connections,
            "of": one.most,
        }
        is_slow = one.took > self.slow or one.connections >= one.most or one.stuck > 0 or one.read_only
        return Testimony("primary", Says.SLOW if is_slow else Says.ALIVE, because, figures)

    def _of_standby(self, one: _Heard) -> Testimony:
        signal = f"standby {one.name}"
        if not one.receiver:
            return Testimony(signal, Says.DEAD, f"{one.name} receives nothing any more: its stream is gone")
        if one.receiver != "streaming" or one.age is None:
            return Testimony(signal, Says.NOTHING, f"{one.name}'s receiver is {one.receiver}")
        because = f"{one.name} heard the primary {durations.show(max(0.0, one.age))} ago"
        figures = {"age": round(one.age, 3)}
        return Testimony(signal, Says.ALIVE if one.age < self.fresh else Says.NOTHING, because, figures)


def _read(name: str, row: list[str | None] | None, took: float) -> _Heard:
    """Read a member's answer; ValueError when it is something else."""
    if row is None or len(row) != 8:  # noqa: PLR2004 - what the question asks for
        raise ValueError("an answer that is none")
    standby, most, connections, waiting, stuck, read_only, receiver, age = row
    return _Heard(
        name,
        took,
        standby == "t",
        int(connections or 0),
        int(most or 0),
        int(waiting or 0),
        int(stuck or 0),
        read_only == "t",
        receiver or "",
        float(age) if age else None,
    )
