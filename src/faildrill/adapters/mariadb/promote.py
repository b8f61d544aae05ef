"""`mariadb.promote`: a replica becomes the server that takes writes, as there is no manager that would see to it."""

from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from faildrill.adapters.mariadb.changes import follow, hand_over, refuse_silent
from faildrill.adapters.mariadb.grants import refuse_a_writer_past_read_only
from faildrill.adapters.mariadb.nodes import OfMariaDB, promotions
from faildrill.adapters.mariadb.statements import Errand, end_left, left_of
from faildrill.adapters.mariadb.succession import LATE, Sight
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.errors import ActionRefused, CannotSee
from faildrill.ports import Captured, Duration, Given, Observed, Preview
from faildrill.toolkit.deadlines import SHARE, patience
from faildrill.toolkit.leader_store import Handover, in_full
from faildrill.toolkit.leader_store.kind import refuse_no_member
from faildrill.toolkit.node_addresses import own_addresses


class Promote(OfMariaDB, Handover[Sight]):
    """Makes a MariaDB replica the server that takes writes, as a planned change or because that server is gone.

    If one takes writes now, it is made read-only first, the replica catches up, nothing is lost, and the old writer
    then follows the new one. If none answers, the replica that has most is promoted after it has applied all that it
    received; what it never received is lost, and `mariadb.ledger` counts it. It is refused, with nothing touched, if
    two servers take writes or if no replica could take over.

    It is put back when the former writer takes writes again and all others follow it. If there was none, there is
    nobody to give the role back to: the promoted one keeps it, and the step that took the writer away makes the old one
    follow it.

        steps:
          - name: promote the replica
            mariadb.promote: {mariadb: payments}
            within: 30s
    """

    NUMBER: ClassVar[str] = "promotions"
    """In what `capture` returns: how often each server was promoted, by its own count."""
    acts_late: ClassVar[float] = 0.0
    """What a server has been asked for and not done is told by it, and ended before the undo."""

    mariadb: MariaDB = Field(description="the servers that get another writer")
    to: str | None = Field(default=None, description="the member to promote; by default the one that has most")
    late_at_most: Duration = Field(default=LATE, ge=0, description="by how much it may be behind one that is there")

    @model_validator(mode="after")
    def _is_a_member(self) -> Self:
        refuse_no_member(self.mariadb, self.to)
        return self

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Hand over, once, as it was decided; what is not as it was then is refused, with nothing told to anybody."""
        errand = Errand.within(self.mariadb, given.run, given.timeout * SHARE)
        to, sight = str(before["to"]), await self._once(patience(given))
        self._prove_again(sight, before)
        await hand_over(errand, sight, to)
        return {"from": before["writer"], "to": to}

    def _prove_again(self, sight: Sight, before: Captured) -> None:
        name, to, former = self.mariadb.name, str(before["to"]), before["writer"]
        if others := sight.strangers(before):
            self._refused(f"{name}: {'; '.join(others)}: nobody was promoted")
        if former is not None and (node := sight.nodes[str(former)]).silent:
            self._refused(f"{name}: {node}, and took writes just now: nobody was promoted")
        if sight.leading != ([] if former is None else [former]):
            now = ", ".join(sight.leading) or "nobody"
            self._refused(f"{name}: {now} takes writes by now, {former or 'nobody'} did: nobody was promoted")
        silent = before.get("silent")
        given_up = map(str, silent) if former is None and isinstance(silent, list) else ()
        refuse_silent(sight, name, frozenset({to, *given_up}))
        if to not in (sight.heirs() if former is None else sight.candidates()):
            self._refused(f"{name}/{to} could not take over any more: {sight.nodes[to]}; nobody was promoted")

    async def undo(self, before: Captured, given: Given) -> None:
        """Give the writing back to who had it, when that one is fit to; where nobody had it, nobody is given it.

        What the call has left under way is ended first, or it would act later. Right from each state that a call which
        was cut short may have left: where the former writer follows nobody, or by half, it is made to follow the one
        that writes, and waited for.
        """
        former = before["writer"]
        await end_left(Errand.within(self.mariadb, given.run, given.timeout / 4))
        if former is None:
            return
        first, to = str(former), str(before["to"])
        sight = await self._once(patience(given))
        if sight.leading == [to] and sight.is_loose(first, to):
            await follow(Errand.within(self.mariadb, given.run, given.timeout / 4), first, to)
        sight = await self._until_fit(before, given.timeout / 4)
        refuse_silent(sight, self.mariadb.name, frozenset({first}))
        await hand_over(Errand.within(self.mariadb, given.run, given.timeout / 2 * SHARE), sight, first, to)

    def _meddled(self, sight: Sight, before: Captured) -> list[str]:
        known = (before["to"], before["writer"])
        return [f"{name} takes writes" for name in sight.leading if name not in known and before["writer"]]

    def _remedy(self, before: Captured) -> str:
        """Return what a person tells both servers to have the first one take writes again; there may have been none."""
        to, first = str(before["to"]), str(before["writer"])
        if before["writer"] is None:
            return f"nothing: nobody took writes before {to} did"
        source = own_addresses(self.mariadb.members)[first][-1]
        return (
            f"when {first} has all that {to} has (SELECT @@gtid_current_pos on both), on {to} `SET GLOBAL read_only = "
            f"1`; on {first} `STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0`; then on {to} `SET GLOBAL "
            f"gtid_slave_pos = @@gtid_current_pos; CHANGE MASTER TO master_host='{source.host}', "
            f"master_port={source.port}, master_user='{self.mariadb.replication_user}', master_use_gtid=slave_pos; "
            "START SLAVE`"
        )

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the former writer take writes again, and those follow that did; or, where there was none, one writer."""
        if before["writer"] is not None:
            return await super().restored(before, given)
        sight, left = await self._once(patience(given)), await self._left(before, given)
        if left:
            return Observed(holds=False, because="; ".join(left))
        because = f"{sight.leader} goes on taking writes: nobody had before"
        return Observed(sight.leader is not None, because if sight.leader else "; ".join(sight.missing()))

    async def preview(self, given: Given) -> Preview:
        """Look who would be promoted now."""
        sight = await self._weighed(patience(given))
        to = self._next(sight)
        await self._noted(sight, given)
        names = [self._where(name) for name in (to, sight.leader) if name]
        effect = f"{names[0]} takes writes" + (f" instead of {names[1]}" if sight.leader else "")
        back = f"{names[1]} takes writes again" if sight.leader else "nothing: nobody did before"
        others = sight.candidates() if sight.leader else sight.heirs()
        return Preview(names, effect, back, sorted({*names, *map(self._where, others)}))

    async def count(self, before: Captured, given: Given) -> int:
        """Return how often servers were told to forget whom they follow, as each one that is promoted is."""
        counts = await promotions(self.mariadb, patience(given))
        if silent := sorted(set(self.mariadb.members) - set(counts)):
            raise CannotSee(f"{', '.join(silent)} of {self.mariadb.name} doesn't tell")
        return sum(counts.values())

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the one that was chosen take writes, and that exactly one was promoted, where servers tell how many."""
        observed, known = await super().confirm(before, given), before.get(self.NUMBER)
        if not observed.holds or not isinstance(known, dict):
            return observed
        now = await promotions(self.mariadb, patience(given))
        grown = {name: now[name] - int(str(was)) for name, was in known.items() if name in now}
        if str(before["to"]) not in grown or min(grown.values()) < 0:
            return observed._replace(because=f"{observed.because}; how often servers were promoted is not known")
        times = sum(grown.values())  # of one that was started since it would be too few
        return (
            observed
            if times == 1
            else observed._replace(holds=False, because=f"{observed.because}; promoted {times} times")
        )

    async def _noted(self, sight: Sight, given: Given) -> dict[str, Any]:
        """Refuse an application that would go on writing to the former writer; note how often each was promoted."""
        await refuse_a_writer_past_read_only(self.mariadb, sight.leader or self._next(sight), patience(given))
        return {self.NUMBER: await promotions(self.mariadb, patience(given))}

    async def _left(self, before: Captured, given: Given) -> list[str]:
        """Tell which statements of the run are still under way, and who was healthy and doesn't tell."""
        left, silent = await left_of(self.mariadb, given.run, patience(given))
        known: Any = before["members"]
        untold = {name: why for name, why in silent.items() if known.get(name) in self.WORDS.healthy}
        mute = [f"{name} does not tell what of this run it still has to do: {why}" for name, why in untold.items()]
        return [*map(str, left), *mute]

    def _next(self, sight: Sight) -> str:
        name = self.mariadb.name
        if len(sight.leading) > 1:
            raise ActionRefused(f"{name} has {len(sight.leading)} servers that take writes: {', '.join(sight.leading)}")
        if self.to is not None and self.to == sight.leader:
            raise ActionRefused(f"{name}/{self.to} takes writes already")
        able = sight.candidates() if sight.leader else sight.heirs()
        chosen = [one for one in able if self.to in (None, one)]
        if not chosen:
            unfit = sight.unfit() if sight.leader else sight.orphans()
            raise ActionRefused(f"{name}: nobody could be promoted now: {in_full(unfit)}")
        return chosen[0]

    def _is_fit(self, sight: Sight, first: str) -> bool:
        """Tell whether a server takes writes, could take over, or could since nobody does and it follows nobody."""
        stranded = not sight.leading and not sight.nodes[first].silent
        return stranded or super()._is_fit(sight, first)
