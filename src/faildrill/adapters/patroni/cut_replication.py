"""`patroni.cut_replication`: the network between the node that takes writes and its standbys fails."""

import asyncio
from typing import ClassVar, Final, cast

from pydantic import Field

from faildrill.adapters.patroni.interface_proof import OfCluster
from faildrill.adapters.patroni.status import Node
from faildrill.adapters.patroni.succession import Sight
from faildrill.adapters.postgres.target import Cluster
from faildrill.errors import ActionRefused
from faildrill.ports import Captured, Given, Observed, Preview
from faildrill.ports.effect import Effect, Found, compared
from faildrill.toolkit.deadlines import patience
from faildrill.toolkit.links import IN_THE_PATH, OPEN, LinkMode, Links, OfLink, in_picture, links, pictured

_A_MOMENT: Final = 0.3
"""Seconds in which the node that takes writes has written something, where anybody writes."""


class CutReplication(OfCluster, OfLink):
    """Cuts the network by which standbys receive from the node that takes writes; users are not touched.

    - `silent`: everything is swallowed, as by a dead switch.
    - `reset`: connections are ended, and new ones refused.
    - `delayed`: everything is passed on later.

    With `at_most` the link opens by itself after that time, even without faildrill. Which node it is, is looked up when
    the step begins. It is refused, with nothing touched, unless one node leads, another one streams from it, and the
    leader's reach can change its network (the lab's can). Later steps may use `${steps.ID.primary}`. It is not seen in
    effect while a standby streams after a `reset`, or gets what is written after `silent`; where nothing is written, or
    it is `delayed`, only what is in the path can tell, and a probe must have noticed it. It is put back when the link
    does what it did before, and each of these standbys streams and gets what is written again. Where nothing is
    written, or after `delayed`, a probe must have noticed its end; where somebody else leads by then, whatever is in
    the path is believed.

        steps:
          - name: cut the network to the standby
            patroni.cut_replication: {cluster: payments}
    """

    effect_is: ClassVar[Effect] = "state"
    acts_late: ClassVar[float] = 5.0
    """Whatever reaches the node may have taken the request up, and do it when it comes to it."""

    cluster: Cluster = Field(description="the cluster whose replication is cut")

    async def capture(self, given: Given) -> Captured:
        """Look who leads, who streams from it, and what the link does now."""
        primary, streaming = await self._found(given)
        now = await self._links(primary, given).link_now(primary)
        if now == self._wanted:
            raise ActionRefused(f"the link to {self.cluster.name}/{primary} is {now} already")
        return {"primary": primary, "streaming": list(streaming), **now.captured()}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Change the link."""
        primary = str(before["primary"])
        await self._links(primary, given).link(primary, self._wanted, self.at_most)
        return {"primary": primary}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that the link does it; after a reset that nobody streams, and in a silence that nobody gets anything."""
        primary = str(before["primary"])
        now = await self._links(primary, given).link_now(primary)
        link = f"the link to {primary} is {now}"
        if now != self._wanted:
            return Observed(holds=False, because=link, evidence={"mode": now.mode})
        got = {"reset": self._ended, "silent": self._silenced, "delayed": self._late}
        observed = await got[self.how](before, given)
        because = f"{link}; {observed.because}" if observed.because else link
        return observed._replace(because=because, evidence={"mode": now.mode})

    async def _late(self, before: Captured, given: Given) -> Observed:
        return Observed(holds=True, because="", word_of=IN_THE_PATH)

    async def _ended(self, before: Captured, given: Given) -> Observed:
        """Ask the standbys whether they receive."""
        still = (await self._once(patience(given))).streaming
        return Observed(not still, f"{', '.join(still)} still streams" if still else "")

    async def _silenced(self, before: Captured, given: Given) -> Observed:
        """See that no standby gets what the primary has and it hasn't; where they are alike, nobody can tell."""
        primary, each = str(before["primary"]), patience(given) / 3
        standbys = _standbys(before)
        first = (await self._once(each)).nodes
        await asyncio.sleep(_A_MOMENT)
        wrote = (await self._once(each)).nodes[primary].position or 0
        last = (await self._once(each)).nodes
        # Only where something was written meanwhile does it show who gets it: standbys that have all prove nothing.
        is_news = wrote > (first[primary].position or wrote)
        passed = [name for name in standbys if is_news and (last[name].position or 0) >= wrote]
        if passed:
            return Observed(holds=False, because=f"and yet {', '.join(passed)} has what was written since")
        stuck = [
            standby
            for standby in standbys
            if first[standby].position == last[standby].position and _is_behind(last[standby], wrote)
        ]
        if stuck == standbys:
            return Observed(holds=True, because=f"{', '.join(standbys)} gets nothing of what {primary} has written")
        because = "nothing was written meanwhile, so nobody else can tell"
        return Observed(holds=True, because=because, word_of=IN_THE_PATH)

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """See that the link still does it; who streams from whom may change with what else is done."""
        primary = str(before["primary"])
        now = await self._links(primary, given).link_now(primary)
        return Observed(now == self._wanted, f"the link to {primary} is {now}")

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare what the link does."""
        primary = str(before["primary"])
        now, former = await self._links(primary, given).link_now(primary), LinkMode.before(before)
        where = f"{self.cluster.name}/{primary}"
        return compared(now, self._wanted, former, f"have whatever is in the path of {where} make it {former}")

    async def picture(self, given: Given) -> dict[str, str]:
        """Tell of every node what its link does."""
        members = self.cluster.members.items()
        return await pictured({name: given.reach(one) for name, one in members if one.reach is not None})

    def own(self, before: Captured) -> list[str]:
        """Name the link that is changed."""
        return [in_picture(str(before["primary"]))]

    async def undo(self, before: Captured, given: Given) -> None:
        """Let the link do what it did before."""
        primary = str(before["primary"])
        await self._links(primary, given).link(primary, LinkMode.before(before))

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See that it does, and that it carries what the primary writes, as the nodes tell it."""
        primary = str(before["primary"])
        now, former = await self._links(primary, given).link_now(primary), LinkMode.before(before)
        link = f"the link to {primary} is {now}"
        if now != former:
            return Observed(holds=False, because=link)
        if former != OPEN:
            return Observed(holds=True, because=link, word_of=IN_THE_PATH)
        observed = await self._carried(before, given)
        return observed._replace(because=f"{link}; {observed.because}")

    async def _carried(self, before: Captured, given: Given) -> Observed:
        """See each standby stream, by the primary's word as well, and get what is written; else only the path tells."""
        primary, standbys, each = str(before["primary"]), _standbys(before), patience(given)
        first = await self._once(each)
        if first.leader is None:
            return Observed(holds=False, because=f"nobody leads: {'; '.join(first.missing())}")
        if first.leader != primary:
            # Nobody receives over it any more, so no node can tell, and no user would notice: it is believed.
            return Observed(holds=True, because=f"{first.leader} leads, so nothing goes over it")
        if lost := [standby for standby in standbys if standby not in first.sent or standby not in first.streaming]:
            return Observed(holds=False, because=f"{', '.join(lost)} does not stream from {primary}")
        await asyncio.sleep(_A_MOMENT)
        wrote = (await self._once(each)).nodes[primary].position or 0
        if not await self._until(lambda sight: not _lacking(sight, standbys, wrote), each):
            return Observed(holds=False, because=f"not each of {', '.join(standbys)} has what {primary} has written")
        is_news = wrote > (first.nodes[primary].position or wrote)
        gets = f"gets what {primary} writes" if is_news else "streams again"
        is_proof = self.how == "reset" or (self.how == "silent" and is_news)
        return Observed(True, f"{', '.join(standbys)} {gets}", word_of="" if is_proof else IN_THE_PATH)

    async def preview(self, given: Given) -> Preview:
        """Look whose link would be cut now."""
        primary, streaming = await self._found(given)
        where = f"{self.cluster.name}/{primary}"
        effect = f"{', '.join(streaming)} receives nothing from {where} ({self._wanted})"
        return Preview(
            [where], effect, "open it again", [where, *(f"{self.cluster.name}/{name}" for name in streaming)]
        )

    async def _found(self, given: Given) -> tuple[str, list[str]]:
        sight = await self._once(patience(given))
        if sight.leader is None:
            raise ActionRefused(f"{self.cluster.name} has no single primary: {'; '.join(sight.missing())}")
        streaming = sight.streaming
        if not streaming:
            raise ActionRefused(f"nobody streams from {self.cluster.name}/{sight.leader}: {'; '.join(sight.missing())}")
        return sight.leader, streaming

    def _links(self, primary: str, given: Given) -> Links:
        return links(given.reach(self.cluster.members[primary]), f"{self.cluster.name}/{primary}")


def _standbys(before: Captured) -> list[str]:
    return [str(name) for name in cast("list[object]", before["streaming"])]


def _lacking(sight: Sight, standbys: list[str], wrote: int) -> list[str]:
    return [standby for standby in standbys if (sight.nodes[standby].position or 0) < wrote]


def _is_behind(node: Node, wrote: int) -> bool:
    return node.position is not None and node.position < wrote
