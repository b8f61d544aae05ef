"""`postgres.replication`: every member of a cluster is where it should be before one of them is taken away."""

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
from pydantic import Field

from faildrill import durations
from faildrill.adapters.postgres.asking import SHARE, directly, in_words
from faildrill.adapters.postgres.talking import Talk
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Duration, Given, Kind
from faildrill.targets import Cluster, ClusterMember

_ROLE: Final = "SELECT pg_is_in_recovery()"
_STANDBYS: Final = (
    "SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS behind, "
    "coalesce(extract(epoch FROM replay_lag), 0)::float8 AS late FROM pg_stat_replication"
)
_ALL: Final = f"SELECT coalesce(json_agg(row_to_json(one)), '[]')::text FROM ({_STANDBYS}) one"  # noqa: S608 - constant


class _Standby(msgspec.Struct, frozen=True):
    """A standby as the primary sees it; None where the primary does not tell."""

    application_name: str
    state: str | None
    behind: int | None
    late: float


class _Said(NamedTuple):
    """What a node says of itself."""

    standby: bool = False
    standbys: Mapping[str, _Standby] | None = None
    trouble: str = ""


class Replication(Kind):
    """Refuses the drill unless one member takes writes and every other one streams from it, close behind.

    Every member is asked directly, and the primary is asked about all others, which are told apart by the
    `application_name` that Patroni gives them: the member's name. A member that is down, does not stream, or lags by
    more than `bytes` or `seconds`, is an objection; so are no primary, and two. The login needs `pg_monitor`.

        guards:
          - postgres.replication: {cluster: payments, behind: 16777216, late: 10s}
    """

    cluster: Cluster = Field(description="every member of it must be there")
    behind: int = Field(default=16 << 20, ge=0, description="bytes of log that a standby may not have replayed yet")
    late: Duration = Field(default=10.0, ge=0, description="for how long a standby may not have replayed what is new")

    async def objection(self, given: Given) -> str | None:
        """Ask all members at once."""
        members = list(self.cluster.members.values())
        answers = await asyncio.gather(*(self._asked(one, given.timeout * SHARE) for one in members))
        said = {one.name: answer for one, answer in zip(members, answers, strict=True)}
        troubles = [f"{name} {answer.trouble}" for name, answer in said.items() if answer.trouble]
        primaries = [name for name, answer in said.items() if answer.standbys is not None]
        if len(primaries) != 1:
            troubles.append(f"{len(primaries)} members take writes where exactly one should")
        else:
            troubles += self._lacking(said, primaries[0])
        return f"{self.cluster.name} is not whole: {'; '.join(troubles)}" if troubles else None

    async def _asked(self, member: ClusterMember, within: float) -> _Said:
        try:
            async with asyncio.timeout(within):
                talk = await Talk.begin(directly(self.cluster, member), "faildrill guard")
                try:
                    return await _said(talk)
                finally:
                    talk.end()
        except UnresolvedSecret as error:
            return _Said(trouble=f"can't be asked: {error}")
        except OSError as error:
            return _Said(trouble=in_words(error))

    def _lacking(self, said: Mapping[str, _Said], primary: str) -> list[str]:
        standbys = said[primary].standbys or {}
        others = [name for name, answer in said.items() if name != primary and not answer.trouble]
        return [f"{name} {lacks}" for name in others if (lacks := self._lacks(standbys.get(name), primary))]

    def _lacks(self, standby: _Standby | None, primary: str) -> str:
        if standby is None:
            return f"does not stream from {primary}"
        if standby.state is None or standby.behind is None:
            return f"is not told about by {primary}: GRANT pg_monitor TO {self.cluster.user}"
        if standby.state != "streaming":
            return f"is in state {standby.state}, not streaming"
        if standby.behind > self.behind:
            return f"is {standby.behind:,} bytes behind, more than {self.behind:,}"
        if standby.late > self.late:
            return f"is late by {durations.show(standby.late)}, more than {durations.show(self.late)}"
        return ""


async def _said(talk: Talk) -> _Said:
    role = await talk.ask(_ROLE)
    if role != ["f"]:
        return _Said(standby=True) if role == ["t"] else _Said(trouble="does not say whether it takes writes")
    [told] = await talk.ask(_ALL) or [None]
    try:
        return _Said(
            standbys={one.application_name: one for one in msgspec.json.decode(told or "", type=list[_Standby])}
        )
    except msgspec.MsgspecError:
        return _Said(trouble="tells about its standbys what can't be read")
