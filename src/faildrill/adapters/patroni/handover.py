"""`patroni.switchover` and `patroni.failover`: another node is made the leader, through Patroni's REST interface."""

from abc import abstractmethod
from typing import ClassVar, Final, Literal, Self

import tenacity
from pydantic import Field, ValidationInfo, field_validator, model_validator

from faildrill.adapters.leader_store import in_full
from faildrill.adapters.patroni.leading import OfCluster
from faildrill.adapters.patroni.nodes import PATIENCE, SHARE, patience
from faildrill.adapters.patroni.succession import LAG, PAUSED, Sight
from faildrill.adapters.patroni.telling import may_tell, sighted, tell, weighed
from faildrill.adapters.postgres.target import Cluster
from faildrill.effect_traits import Effect
from faildrill.errors import ActionFailed, ActionRefused, OutcomeUnknown
from faildrill.ports import Captured, Checked, Given, Observed, Preview

_INTERVAL: Final = 0.25


class _Handover(OfCluster):
    """What both actions share: one call, settled by observing, and the same way back."""

    hands_over: ClassVar[bool] = True

    needs_heir: ClassVar[bool] = True
    effect_is: ClassVar[Effect] = "event"
    acts_late: ClassVar[float] = 15.0
    """Patroni keeps the request in its store, and does it at a turn of its loop: `loop_wait` is 10 s unless set."""

    cluster: Cluster = Field(description="the cluster that gets another leader")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that the next leader may be behind")

    @property
    @abstractmethod
    def _to(self) -> str | None: ...

    @property
    @abstractmethod
    def _call(self) -> Literal["switchover", "failover"]: ...

    async def rights(self, given: Given) -> list[Checked]:
        """Ask every node whether it takes changing calls from us."""
        return [await may_tell(self.cluster, patience(given))]

    async def capture(self, given: Given) -> Captured:
        """Look who leads, and that the other one could."""
        sight = await weighed(self.cluster, patience(given))
        return {"to": self._next(sight), **sight.as_data()}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Call Patroni, exactly once."""
        leader = str(before["leader"])
        body = {"candidate": self._to} if self._to else {}
        if self._call == "switchover":
            body["leader"] = leader
        said = await tell(self.cluster, leader, ("POST", f"/{self._call}"), body, given.timeout * SHARE)
        return {"from": leader, "answer": said}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See another node lead: the declared one, where one is declared."""
        sight = await self._sight(patience(given))
        leader, old = sight.leader, before["leader"]
        holds = leader is not None and leader != old and self._to in (None, leader)
        because = f"{leader} leads, {old} did" if leader else "; ".join(sight.missing())
        return Observed(holds, because, sight.as_data())

    async def undo(self, before: Captured, given: Given) -> None:
        """Switch back, unless the first leader leads already: wait until it could, call once, see what came of it."""
        first = str(before["leader"])
        try:
            sight = await self._wait_for(first, given.timeout / 2)
        except tenacity.RetryError as error:
            raise ActionFailed(
                f"{self.cluster.name}/{first} does not get fit to lead again; nothing was sent"
            ) from error
        if sight.leader == first or sight.leader is None:
            return
        body = {"leader": sight.leader, "candidate": first}
        try:
            await tell(self.cluster, sight.leader, ("POST", "/switchover"), body, given.timeout * SHARE / 2)
        except OutcomeUnknown:
            return  # whether it happened is for `restored` to see: nothing is sent twice

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the first leader lead, and every node that was healthy then healthy again."""
        sight = await self._sight(patience(given))
        first = before["leader"]
        lost = sight.lost(before, self.lag_at_most)
        if sight.leader not in (None, first):
            lost = [f"{sight.leader} leads, not {first}", *lost]
        return Observed(not lost, "; ".join(lost) or f"{first} leads again", sight.as_data())

    async def preview(self, given: Given) -> Preview:
        """Look who would hand over to whom now."""
        sight = await weighed(self.cluster, patience(given))
        to = self._next(sight)
        names = [f"{self.cluster.name}/{name}" for name in (sight.leader, to)]
        others = [f"{self.cluster.name}/{name}" for name in sight.candidates(self.lag_at_most) if name != to]
        return Preview(names, f"{self._call} from {names[0]} to {names[1]}", f"switchover back to {names[0]}", others)

    def _next(self, sight: Sight) -> str:
        """Return who is to lead next (Patroni may choose another where none is declared), or refuse."""
        name, leader, most = self.cluster.name, sight.leader, self.lag_at_most
        if leader is None:
            raise ActionRefused(f"{name} has no single leader to hand over: {in_full(sight.headless())}")
        if self._to == leader:
            raise ActionRefused(f"{name}/{leader} leads already: there is nothing to hand over")
        by_its_rules = sight.by_hand() if self._call == "failover" else sight
        candidates = by_its_rules.candidates(most)
        if self._to is not None and self._to not in candidates:
            raise ActionRefused(f"{name}/{self._to} could not take over now: {by_its_rules.lack(self._to, most)}")
        if not candidates:
            raise ActionRefused(f"{name}: no node could take over from {leader} now: {sight.nobody(most)}")
        if sight.paused and self._to is None:
            raise ActionRefused(f"{name} is paused: name the next leader with `to`, or run `patronictl resume` first")
        if hindered := [one for one in sight.hindrances() if one.told != PAUSED]:
            raise ActionRefused(f"{name}: nobody could take over from {leader} now: {in_full(hindered)}")
        return self._to or candidates[0]

    async def _sight(self, within: float) -> Sight:
        return await sighted(self.cluster, within)

    async def _wait_for(self, first: str, within: float) -> Sight:
        """Observe until a node leads or could lead again; RetryError when it doesn't in time."""

        def undecided(sight: Sight) -> bool:
            return sight.leader is None or (sight.leader != first and bool(sight.lacks(first, self.lag_at_most)))

        waiting = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(undecided),
            wait=tenacity.wait_fixed(_INTERVAL),
            stop=tenacity.stop_before_delay(within),
        )
        return await waiting(self._sight, min(PATIENCE, within / 2))


class Switchover(_Handover):
    """Hands the leadership of a Patroni cluster over, as planned: `POST /switchover`, exactly once.

    Without `to` Patroni chooses among the healthy standbys. It is refused, with nothing touched, unless one node leads
    and the next one could take over now. The call is never repeated. If the answer leaves it open (503, silence),
    faildrill looks who leads, because Patroni is known to answer 503 to a switchover that then happens. It is put back
    when the first leader leads again: once that node is fit to lead, by one switchover back to it.

        steps:
          - name: switch over
            patroni.switchover: {cluster: payments}
            within: 30s
    """

    to: str | None = Field(default=None, description="the member that is to lead; by default Patroni chooses")

    @field_validator("to")
    @classmethod
    def _is_a_member(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else _member(value, info)

    @property
    def _to(self) -> str | None:
        return self.to

    @property
    def _call(self) -> Literal["switchover", "failover"]:
        return "switchover"


class Failover(_Handover):
    """Makes a named member of a Patroni cluster the leader, whoever leads now: `POST /failover`, exactly once.

    This is what an operator does by hand in an emergency; a drill shows what it costs. The old primary is healthy
    (otherwise the step is refused), so nothing warrants the failover: a drill that does it on purpose must say
    `unwarranted: deliberate`. For a planned change use `patroni.switchover`. Like that one it is refused unless the
    member could take over now, its outcome is settled by looking who leads, and it is put back by one switchover to the
    first leader.

        steps:
          - name: fail over by hand
            patroni.failover: {cluster: payments, to: pg2, unwarranted: deliberate}
            within: 30s
    """

    unwarranted: Literal["deliberate"] | None = Field(
        default=None, description="says that a healthy primary is failed over on purpose; without it nothing is done"
    )
    to: str = Field(description="the member that is to lead")

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        if self.unwarranted is None:
            raise ValueError(
                "fails over a healthy primary, which nothing warrants: for a planned change use patroni.switchover; "
                "where the needless failover is what the drill is to show, say `unwarranted: deliberate`"
            )
        return self

    @field_validator("to")
    @classmethod
    def _is_a_member(cls, value: str, info: ValidationInfo) -> str:
        return _member(value, info)

    @property
    def _to(self) -> str | None:
        return self.to

    @property
    def _call(self) -> Literal["switchover", "failover"]:
        return "failover"


def _member(value: str, info: ValidationInfo) -> str:
    cluster = info.data.get("cluster")
    if isinstance(cluster, Cluster) and value not in cluster.members:
        raise ValueError(f"{value!r} is not a member of {cluster.name}; there is {', '.join(sorted(cluster.members))}")
    return value
