"""Two probes of a store with a leader: whether it could lose its leader now, and who takes writes."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final, TypeVar

from faildrill.ports import Given, Seen, WriterBy
from faildrill.record.samples import Outcome
from faildrill.toolkit.connection_errors import silences, unheard
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store.kind import OfStore
from faildrill.toolkit.leader_store.store import LeaderStore

_LONGEST: Final = 200
"""Characters of a detail: it is interned, and shown on a line."""
S = TypeVar("S", bound=LeaderStore[Any])


class RedundancyProbe(OfStore[S]):
    """Good when the store could lose its leader now: one leads, another could take over, all are at work.

    Otherwise `wrong`, with what misses in the store's words. `who` is the leader.
    """

    async def look(self, given: Given) -> Seen:
        """Ask all nodes at once, and see that those which are behind move."""
        sight = await self._weighed(given.timeout * SHARE)
        who, missing = ",".join(sight.leading), sight.redundancy()
        if not missing:
            return Seen(Outcome.OK, who)
        return unheard(self._silences(sight)) or Seen(Outcome.WRONG, who, "; ".join(missing)[:_LONGEST])

    def _silences(self, sight: S) -> Mapping[str, object]:
        """Tell by name why who was asked told nothing; empty texts of those that did."""
        return silences(sight.nodes)


class WritersProbe(OfStore[S]):
    """Good when exactly one node says that it leads; `who` is every node that does. Two or none: `wrong`."""

    asks_every_node: ClassVar[bool] = True
    tells_writer: ClassVar[WriterBy] = "nodes"

    async def look(self, given: Given) -> Seen:
        """Ask all nodes at once."""
        sight = await self._once(given.timeout * SHARE)
        who = ",".join(sight.leading)
        if sight.leader is not None:
            return Seen(Outcome.OK, who, answered=max(getattr(node, "answered", 0) for node in sight.nodes.values()))
        # Where somebody leads, the others' silence changes nothing; where nobody does, a silent one may be who leads.
        undecided = None if who else unheard(silences(sight.nodes))
        return undecided or Seen(Outcome.WRONG, who, "; ".join(sight.missing())[:_LONGEST])


def tried(says: Mapping[str, str]) -> Seen:
    """Tell what a look saw that tried every node: `says` is why each takes no writes, empty where it does."""
    who = sorted(name for name, trouble in says.items() if not trouble)
    if len(who) == 1:
        # Now, not when the first answered: that exactly one takes writes was known only with the last answer.
        return Seen(Outcome.OK, who[0], answered=time.monotonic_ns())
    first = f"{len(who)} writers" if who else "no writer"
    others = [f"{name} {trouble}" for name, trouble in sorted(says.items()) if trouble]
    undecided = None if who else unheard(says)
    return undecided or Seen(Outcome.WRONG, ",".join(who), "; ".join([first, *others])[:_LONGEST])
