"""`patroni.switchover` and `patroni.failover`: another node is made the leader, through Patroni's REST interface."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from faildrill.adapters.patroni.changes import Call, may_tell, tell
from faildrill.adapters.patroni.contradiction import contradicted
from faildrill.adapters.patroni.interface_proof import OfCluster
from faildrill.adapters.patroni.succession import LAG, PAUSED, Sight, acts_late
from faildrill.adapters.postgres.target import Cluster
from faildrill.errors import CannotSee, OutcomeUnknown
from faildrill.ports import Captured, Checked, Given, Preview
from faildrill.ports.effect import ACTS_LATE
from faildrill.toolkit.deadlines import SHARE, patience
from faildrill.toolkit.leader_store import Handover
from faildrill.toolkit.leader_store.kind import refuse_no_member


class _Handover(OfCluster, Handover[Sight]):
    """What both actions share: one call, settled by observing, and the same way back."""

    hands_over: ClassVar[bool] = True
    acts_late: ClassVar[float] = 15.0
    """Patroni keeps the request in its store, and does it at a turn of its loop: `loop_wait` is 10 s unless set.

    Where it is set longer, `capture` says so."""

    CALL: ClassVar[Literal["switchover", "failover"]]
    """What Patroni is asked for."""

    cluster: Cluster = Field(description="the cluster that gets another leader")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that the next leader may be behind")
    to: str | None = Field(default=None, description="the member that is to lead; by default Patroni chooses")

    @field_validator("to")
    @classmethod
    def _is_a_member(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else _member(value, info)

    async def rights(self, given: Given) -> list[Checked]:
        """Ask every node whether it takes changing calls from us."""
        return [await may_tell(self.cluster, patience(given))]

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Call Patroni, exactly once."""
        leader = str(before["leader"])
        body = {"candidate": self.to} if self.to else {}
        if self.CALL == "switchover":
            # Patroni refuses a switchover whose `leader` doesn't lead any more: nobody is handed over who was not
            # looked at.
            body["leader"] = leader
        answer = await tell(self.cluster, leader, Call("POST", f"/{self.CALL}"), body, given.timeout * SHARE)
        return {"from": leader, "answer": answer}

    async def undo(self, before: Captured, given: Given) -> None:
        """Switch back, unless the first leader leads already: wait until it could, call once, see what came of it."""
        first = str(before["leader"])
        sight = await self._until_fit(before, given.timeout / 2)
        if sight.leader == first or sight.leader is None:
            return
        body = {"leader": sight.leader, "candidate": first}
        with suppress(OutcomeUnknown):  # whether it happened is for `restored` to see: nothing is sent twice
            await tell(self.cluster, sight.leader, Call("POST", "/switchover"), body, given.timeout * SHARE / 2)

    async def count(self, before: Captured, given: Given) -> int:
        """Return the timeline: each time, whoever gets the lead begins one."""
        timeline = (await self._once(patience(given))).timeline
        if timeline is None:
            raise CannotSee(f"nobody leads {self.cluster.name} and tells its timeline")
        return timeline

    async def preview(self, given: Given) -> Preview:
        """Look who would hand over to whom now."""
        sight = await self._weighed(patience(given))
        to = self._next(sight)
        names = [self._where(name) for name in (sight.leader, to)]
        others = [self._where(name) for name in sight.candidates() if name != to]
        return Preview(names, f"{self.CALL} from {names[0]} to {names[1]}", f"switchover back to {names[0]}", others)

    def _next(self, sight: Sight) -> str:
        """Return who is to lead next (Patroni may choose another where none is declared), or refuse."""
        name, to = self.cluster.name, self.to
        by_its_rules = sight.by_hand() if self.CALL == "failover" else sight
        if to is not None and to == sight.leader:
            self._refused(f"{name}/{to} leads already: there is nothing to hand over")
        if to is not None and sight.leader is not None and (lack := by_its_rules.why_not(to)):
            self._refused(f"{name}/{to} could not take over now: {lack}")
        able = self._able(by_its_rules, [hindrance for hindrance in sight.hindrances() if hindrance.told != PAUSED])
        if sight.paused and to is None:
            self._refused(f"{name} is paused: name the next leader with `to`, or run `patronictl resume` first")
        return to or able[0]

    async def _noted(self, sight: Sight, given: Given) -> Mapping[str, Any]:
        """Note for how long Patroni may still act, by how it is set."""
        return {ACTS_LATE: acts_late(sight.rules.turn)} if sight.rules else {}

    async def _contradicted(self, sight: Sight, given: Given) -> list[str]:
        """Ask every node's PostgreSQL itself: Patroni was asked to act."""
        return await contradicted(self.cluster, sight, patience(given) / 2)

    def _wanted(self, before: Captured) -> str | None:
        return self.to

    def _remedy(self, before: Captured) -> str:
        return f"patronictl switchover {self.cluster.scope} --candidate {before['leader']}"


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

    CALL: ClassVar[Literal["switchover", "failover"]] = "switchover"


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

    CALL: ClassVar[Literal["switchover", "failover"]] = "failover"

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


def _member(value: str, info: ValidationInfo) -> str:
    cluster = info.data.get("cluster")
    if isinstance(cluster, Cluster):
        refuse_no_member(cluster, value)
    return value
