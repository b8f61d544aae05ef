"""`mariadb.promote`: a replica becomes the server that takes writes, as there is no manager that would see to it."""

import asyncio
from typing import ClassVar, Self

import tenacity
from pydantic import Field, model_validator

from faildrill.adapters.leader_store import in_full
from faildrill.adapters.mariadb.grants import refuse_a_writer_past_read_only
from faildrill.adapters.mariadb.nodes import SHARE, patience, sighted, weighed
from faildrill.adapters.mariadb.statements import Errand, end_left, left_of
from faildrill.adapters.mariadb.succession import LATE, Sight
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.adapters.mariadb.telling import hand_over
from faildrill.effect_traits import Effect
from faildrill.errors import ActionFailed, ActionRefused
from faildrill.ports import Captured, Duration, Given, Kind, Observed, Preview


class Promote(Kind):
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

    needs_heir: ClassVar[bool] = True
    effect_is: ClassVar[Effect] = "event"

    mariadb: MariaDB = Field(description="the servers that get another writer")
    to: str | None = Field(default=None, description="the member to promote; by default the one that has most")
    late_at_most: Duration = Field(default=LATE, ge=0, description="by how much it may be behind one that is there")

    @model_validator(mode="after")
    def _is_a_member(self) -> Self:
        if self.to is not None and self.to not in self.mariadb.members:
            there = ", ".join(sorted(self.mariadb.members))
            raise ValueError(f"{self.to!r} is no member of {self.mariadb.name}; there is {there}")
        return self

    async def capture(self, given: Given) -> Captured:
        """Look who takes writes, and who could."""
        sight = await weighed(self.mariadb, patience(given))
        to = self._next(sight)
        await refuse_a_writer_past_read_only(self.mariadb, sight.writer or to, patience(given))
        return {"to": to, **sight.as_data()}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Hand over, once; a former writer that does not answer any more is not handed over from."""
        to, former = str(before["to"]), before["writer"]
        if former is not None and (node := (await self._sight(given)).nodes[str(former)]).silent:
            raise ActionRefused(f"{self.mariadb.name}: {node}, and took writes just now: nobody was promoted")
        silent = before.get("silent")
        given_up = frozenset(map(str, silent)) if former is None and isinstance(silent, list) else frozenset()
        await hand_over(Errand.within(self.mariadb, given.run, given.timeout * SHARE), to, given_up)
        return {"from": before["writer"], "to": to}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See it take writes, and nobody else."""
        sight = await self._sight(given)
        because = f"{sight.writer} takes writes" if sight.writer else "; ".join(sight.missing())
        return Observed(sight.writer == before["to"], because, sight.as_data())

    async def undo(self, before: Captured, given: Given) -> None:
        """Give the writing back to who had it, when that one is fit to; where nobody had it, nobody is given it.

        What the call has left under way is ended first, or it would act later.
        """
        former = before["writer"]
        await end_left(Errand.within(self.mariadb, given.run, given.timeout / 4))
        if former is None:
            return
        first = str(former)
        waiting = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(lambda sight: not _is_fit(sight, first, self.late_at_most)),
            wait=tenacity.wait_fixed(0.25),
            stop=tenacity.stop_before_delay(given.timeout / 4),
        )
        try:
            await waiting(self._sight, given)
        except tenacity.RetryError as error:
            raise ActionFailed(f"{self.mariadb.name}/{first} does not get fit to take writes again") from error
        await hand_over(Errand.within(self.mariadb, given.run, given.timeout / 2 * SHARE), first)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the former writer take writes again, and those follow that did; or, where there was none, one writer."""
        sight, left = await asyncio.gather(self._sight(given), left_of(self.mariadb, given.run, patience(given)))
        if left:
            return Observed(holds=False, because="; ".join(map(str, left)))
        former = before["writer"]
        if former is None:
            because = f"{sight.writer} goes on taking writes: nobody had before"
            return Observed(sight.writer is not None, because if sight.writer else "; ".join(sight.missing()))
        lost = sight.lost(before, self.late_at_most)
        if sight.writer not in (None, former):
            lost = [f"{sight.writer} takes writes, not {former}", *lost]
        return Observed(not lost, "; ".join(lost) or f"{former} takes writes again", sight.as_data())

    async def preview(self, given: Given) -> Preview:
        """Look who would be promoted now."""
        sight = await self._sight(given)
        to = self._next(sight)
        await refuse_a_writer_past_read_only(self.mariadb, sight.writer or to, patience(given))
        names = [f"{self.mariadb.name}/{name}" for name in (to, sight.writer) if name]
        effect = f"{names[0]} takes writes" + (f" instead of {names[1]}" if sight.writer else "")
        back = f"{names[1]} takes writes again" if sight.writer else "nothing: nobody did before"
        others = sight.candidates(self.late_at_most) if sight.writer else sight.heirs()
        return Preview(names, effect, back, sorted({*names, *(f"{self.mariadb.name}/{name}" for name in others)}))

    def _next(self, sight: Sight) -> str:
        name = self.mariadb.name
        if len(sight.writers) > 1:
            raise ActionRefused(f"{name} has {len(sight.writers)} servers that take writes: {', '.join(sight.writers)}")
        if self.to is not None and self.to == sight.writer:
            raise ActionRefused(f"{name}/{self.to} takes writes already")
        able = sight.candidates(self.late_at_most) if sight.writer else sight.heirs()
        chosen = [one for one in able if self.to in (None, one)]
        if not chosen:
            unfit = sight.unfit(self.late_at_most) if sight.writer else sight.orphans()
            raise ActionRefused(f"{name}: nobody could be promoted now: {in_full(unfit)}")
        return chosen[0]

    async def _sight(self, given: Given) -> Sight:
        return await sighted(self.mariadb, patience(given))


def _is_fit(sight: Sight, first: str, most: float) -> bool:
    """Tell whether a server takes writes, could take them over, or could since nobody does and it follows nobody."""
    node = sight.nodes[first]
    stranded = not sight.writers and not node.silent
    return sight.writer == first or first in sight.candidates(most) or stranded
