"""`aws.aurora_failover`: another instance is made the writer of an Aurora cluster, by one request."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar, Final, Literal

from pydantic import Field

from faildrill.adapters.aws.aurora_cluster import AVAILABLE, OfAurora, Sight
from faildrill.adapters.aws.call_outcomes import Call, Unknown
from faildrill.adapters.aws.client import act
from faildrill.adapters.aws.failover_phases import Phases
from faildrill.adapters.aws.rds_events import failovers
from faildrill.adapters.aws.target import Identifier
from faildrill.adapters.aws.whose_failover import judged
from faildrill.errors import ActedElsewhere, ActionFailed, ActionRefused, CannotSee
from faildrill.ports import Captured, Given, Hears, Observed, Preview
from faildrill.ports.effect import Found
from faildrill.toolkit.deadlines import SHARE, patience
from faildrill.toolkit.leader_store import Handover

_CALL: Final = 10.0
"""Seconds that the request may take, at the most; half of the step's time at the most, as the rest is for looking."""
_SETTLING: Final = 30.0
"""Seconds for which an open outcome is looked for, at the most."""
_LOOK_AGAIN: Final = 0.2
_AGREE: Final = 2
"""Looks in a row that must miss the first writer."""
_WORD_OF: Final = "aws"


class AuroraFailover(OfAurora, Handover[Sight]):
    """Makes another instance the writer of an Aurora cluster: `FailoverDBCluster`, exactly once.

    The same call fails over Multi-AZ DB clusters, DocumentDB and Neptune; it has been tried with Aurora only, on the
    lab. It is refused, with nothing touched, unless the cluster carries the environment's tag, is `available`, has one
    writer, and a reader that is `available`: `target`, where that is given. Otherwise Aurora chooses, by the tiers.

    An answer that is lost or says nothing is *unknown*: what happened is told by the state and by the events of RDS,
    and nothing is asked for twice. It took effect when the API names another writer, the cluster is `available`, and
    the events tell of exactly one completed failover, to that one. A writer that is the first one again, a failover
    that was begun and not completed, and somebody else's failover in the meantime are none. As only AWS tells of it, a
    probe of the users' path has to notice it, too.

    It is put back by one more request, to the first writer, when that is an `available` reader: a second interruption
    for users. Nothing is put back where somebody has failed it over again.

        steps:
          - name: fail over
            aws.aurora_failover: {aws: staging, cluster: payments}
            within: 3m
            undo_within: 5m
    """

    acts_late: ClassVar[float] = 10.0
    """Seconds: a request that nobody waits for any more may have been taken, and be begun by RDS only then."""

    target: Identifier | None = Field(
        default=None, description="the instance that is to be the writer; any, if left out"
    )

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Ask once, tell the phases, and return who was the writer and who was seen to become it (`to`), if anybody."""
        deadline = asyncio.get_running_loop().time() + given.timeout * SHARE
        asked = time.monotonic_ns()
        phases = Phases(str(before["writer"]), asked)
        try:
            await self._ask(self.target, before, min(_CALL, given.timeout / 2))
        except Unknown as error:
            _tell(given, f"{error}; looked for in the state and the events", time.monotonic_ns())
            await self._follow(phases, before, given, min(deadline, asyncio.get_running_loop().time() + _SETTLING))
            if not phases.is_over:
                raise
            _tell(given, "unknown → happened", asked, began=True)
        else:
            _tell(given, "FailoverDBCluster was accepted", asked, began=True)
            await self._follow(phases, before, given, deadline)
        return {"from": before["writer"], **({"to": phases.to} if phases.to else {})}

    async def undo(self, before: Captured, given: Given) -> None:
        """Wait until the first writer could be it again, and ask once for that."""
        first = str(before["writer"])
        sight = await self._ready(before, given.timeout / 2)
        if sight.leader == first:
            return
        try:
            with suppress(Unknown):  # whether it happens is seen: nothing is asked for twice
                await self._ask(first, before, min(_CALL, given.timeout / 4))
        except ActionRefused as error:
            raise ActionFailed(f"{error}. To put it back: {self._remedy(before)}") from error
        with suppress(CannotSee):
            await self._until(lambda sight: sight.leader == first and not sight.hindrances(), given.timeout / 4)

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See another writer, by the state and the events; say what happened where there is none."""
        observed = await super().confirm(before, given)
        if not observed.holds and observed.evidence.get("writer") == before["writer"]:
            news = (await self._once(patience(given))).news(before)
            came = "; ".join(event.message for event in news) or "no event tells of a failover"
            return observed._replace(because=f"{before['writer']} is the writer, as before: {came}")
        return observed._replace(word_of=_WORD_OF)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the first writer write again, and every instance that was available then."""
        return (await super().restored(before, given))._replace(word_of=_WORD_OF)

    async def found(self, before: Captured, given: Given) -> Found:
        """Look whose the present writer is, by state and events; CannotSee where one of the two is late."""
        sight = await self._once(patience(given))
        others, untold = judged(sight, before, self.target, self.aws)
        if untold and not others:
            raise CannotSee(untold)
        is_first = sight.leader == before["writer"]
        whose: Literal["ours", "before", "others"] = "others" if others else "before" if is_first else "ours"
        now = f"{', '.join(sight.leading) or 'nobody'} {self.WORDS.leads}"
        made = f"{self.target or 'another instance'} {self.WORDS.leads}, by one failover"
        return Found(whose, "; ".join(others) or now, made, self._remedy(before, is_gone=_is_gone(sight, before)))

    async def count(self, before: Captured, given: Given) -> int:
        """Return how many failovers are complete since, by the events."""
        return sum(event.is_end for event in (await self._once(patience(given))).news(before))

    async def preview(self, given: Given) -> Preview:
        """Look who would be the writer."""
        sight = await self._weighed(patience(given))
        chosen = self._next(sight)
        where, there = self._where(sight.leader), self._where(chosen)
        how = "" if self.target else ", by its tier; Aurora chooses"
        return Preview(
            [where, there],
            f"failover from {where} to {chosen}{how}",
            f"failover back to {where}",
            [self._where(name) for name in sight.heirs()],
        )

    async def _look(self, within: float) -> Sight:
        sight, events = await asyncio.gather(super()._look(within), failovers(self.aws, self.cluster, within))
        return replace(sight, events=events)

    async def _ask(self, to: str | None, before: Mapping[str, Any], within: float) -> None:
        named = {"TargetDBInstanceIdentifier": to} if to else {}
        call = Call("rds", "failover_db_cluster", {"DBClusterIdentifier": self.cluster, **named}, "DBCluster")
        cluster = (await act(self.aws, call, within)).data["DBCluster"]
        said = cluster.get("DbClusterResourceId", "") if isinstance(cluster, dict) else ""
        if said and before["resource"] and said != before["resource"]:
            raise ActedElsewhere(f"the cluster that took the request is {said}, not {before['resource']}")

    async def _follow(self, phases: Phases, before: Captured, given: Given, deadline: float) -> None:
        """Look, and tell each phase, until the failover is over or the time is."""
        loop, trouble = asyncio.get_running_loop(), ""
        while loop.time() < deadline and not phases.is_over:
            try:
                sight = await self._once(max(_LOOK_AGAIN, min(patience(given), deadline - loop.time())))
            except CannotSee as error:
                if trouble != str(error):
                    _tell(given, f"the phases can't be seen: {error}", time.monotonic_ns())
                trouble = str(error)
            else:
                for told in phases.take(sight, sight.news(before)):
                    _tell(given, told, sight.answered)
            await asyncio.sleep(_LOOK_AGAIN)

    async def _ready(self, before: Captured, within: float) -> Sight:
        """Look until the first writer writes, or could, and that is ours to do.

        ActionFailed, with nothing sent, where it is somebody else's, where the first writer is gone, and where it does
        not get fit in time.
        """
        loop, first = asyncio.get_running_loop(), str(before["writer"])
        last, why, gone = loop.time() + within, "", 0
        while not why or loop.time() < last:
            try:
                sight = await self._once(max(1.0, min(2.0, last - loop.time())))
                others, untold = judged(sight, before, self.target, self.aws)
            except CannotSee as error:  # the API may be back in time
                why = str(error)
            else:
                gone = gone + 1 if _is_gone(sight, before) else 0
                if gone >= _AGREE:
                    raise ActionFailed(f"nothing was sent: {self._remedy(before, is_gone=True)}")
                is_fit = not sight.hindrances() and self._is_fit(sight, first)
                if is_fit and others:
                    raise ActionFailed(
                        f"nothing was sent, because somebody else has changed it: {'; '.join(others)}. "
                        f"To put it back: {self._remedy(before)}"
                    )
                if is_fit and not untold:
                    return sight
                why = "; ".join(sight.missing()) or untold or f"{sight.leader} is the writer"
            await asyncio.sleep(_LOOK_AGAIN)
        raise ActionFailed(f"nothing was sent: {why}. To put it back: {self._remedy(before)}")

    def _next(self, sight: Sight) -> str:
        if stray := sight.stray(self.aws):
            self._refused(f"{self._store.name} {stray}")
        able = self._able(sight, sight.hindrances())
        if self.target is None:
            return sight.heirs()[0]
        if self.target not in sight.nodes:
            there = ", ".join(sorted(sight.nodes))
            self._refused(f"{self.target} is no instance of {self._store.name}; there is {there}")
        if self.target == sight.leader:
            self._refused(f"{self._where(self.target)} is the writer already")
        if self.target not in able:
            self._refused(f"{self.target} could not take over: {sight.why_not(self.target)}")
        return self.target

    def _wanted(self, before: Captured) -> str | None:
        return self.target

    def _unsettled(self, sight: Sight, before: Captured) -> list[str]:
        status = "" if sight.status == AVAILABLE else f"{self.cluster} is {sight.status}"
        return [words for words in (status, sight.untold(before)) if words]

    def _remedy(self, before: Captured, *, is_gone: bool = False) -> str:
        first = str(before["writer"])
        who = f" --profile {self.aws.profile}" if self.aws.profile else f" (by a login of account {self.aws.account})"
        if self.aws.role is not None:
            who += f" (as {self.aws.role})"
        named = f"--db-cluster-identifier {self.cluster} --target-db-instance-identifier {first}"
        command = f"aws rds failover-db-cluster --region {self.aws.region} {named}{who}"
        return f"{first} is gone from {self.cluster}: create it again, and then {command}" if is_gone else command


def _is_gone(sight: Sight, before: Mapping[str, Any]) -> bool:
    """Tell whether the first writer is no instance of the cluster any more."""
    return before["writer"] not in sight.nodes


def _tell(given: Given, told: str, at: int, *, began: bool = False) -> None:
    if isinstance(given, Hears):
        given.tell(told, at, began=began)
