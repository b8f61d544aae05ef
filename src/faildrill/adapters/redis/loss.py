"""`redis.lose_master`: the node that takes writes dies, hangs, or is cut off from all others."""

import asyncio
import errno
import ssl
from typing import ClassVar, Final, Literal

from pydantic import Field, model_validator

from faildrill.adapters.redis.client import Login, NotRedis, Said, Talk, WantsTLS
from faildrill.adapters.redis.nodes import OfRedis
from faildrill.adapters.redis.succession import LAG, Sight
from faildrill.adapters.redis.target import Redis
from faildrill.errors import ActionRefused, CannotSee
from faildrill.ports import Captured, Given, Observed, Reach
from faildrill.ports.effect import Found, compared, compared_together
from faildrill.toolkit.deadlines import patience
from faildrill.toolkit.leader_store import LossOrHang
from faildrill.toolkit.links import OPEN, LinkMode, links
from faildrill.toolkit.node_addresses import Address
from faildrill.toolkit.time_limits import AtMost
from faildrill.toolkit.undo_parts import try_each

_SWALLOWED: Final = LinkMode("blackhole")
_EFFECTS: Final = {
    "killed": "SIGKILL to all of {where}, which is the master now",
    "hung": "SIGSTOP to all of {where}, which is the master now",
    "cut_off": "what the others send to {where}, which is the master now, is swallowed, and its answers, too",
}


class LoseMaster(LossOrHang[Sight], OfRedis):
    """Takes the Redis master away: `killed`, `hung`, or `cut_off` from its replicas and the Sentinels.

    Which node that is, is looked up when the step begins. It is refused, with nothing touched, unless exactly one node
    is the master, a replica could take over now, and the Sentinels could have it promoted: the last healthy node is
    never taken. A node that is cut off is silent for the others and still serves its clients, as in a real partition;
    its `reach` must be able to do that (the lab's is). Later steps may use `${steps.ID.master}`.

    It is put back when the node runs, is reachable, and follows whoever is the master by then; the Sentinels see to
    that within some ten seconds. The role is not given back; a `redis.failover` step does that.

        steps:
          - name: kill the master
            redis.lose_master: {redis: sessions, how: killed}
            within: 10s
    """

    OUTPUTS: ClassVar[tuple[str, ...]] = ("master",)

    redis: Redis = Field(description="the nodes whose master is taken away")
    how: Literal["killed", "hung", "cut_off"] = Field(default="killed", description="killed, hung or cut_off")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that the replica to take over may be behind")
    at_most: AtMost = None

    @model_validator(mode="after")
    def _can_be_limited(self) -> "LoseMaster":
        if self.how == "cut_off" and self.at_most is not None:
            raise ValueError("a network that is cut carries no time limit: leave `at_most` out")
        return self

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Do it."""
        if self.how != "cut_off":
            return await super().apply(before, given)
        master = self._taken(before)
        await links(self._reach(master, given), master).link(master, _SWALLOWED, self.at_most)
        return {"master": master}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the member in the state that it leads to, or silent where the others would reach it."""
        if self.how != "cut_off":
            return await super().confirm(before, given)
        master = self._taken(before)
        mode = (await links(self._reach(master, given), master).link_now(master)).mode
        is_there = await self._answers(self.redis.members[master].address, patience(given) / 2)
        because = f"the link to {master} is {mode}" + (", and yet it answers there" if is_there else "")
        return Observed(mode != "open" and not is_there, because)

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """See the member or its link as it was made; a look at the link alone waits for nobody."""
        if self.how != "cut_off":
            return await super().confirm(before, given)
        master = self._taken(before)
        mode = (await links(self._reach(master, given), master).link_now(master)).mode
        return Observed(mode != "open", f"the link to {master} is {mode}")

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare the state of the member, and what its link does where that was cut."""
        state = await super().found(before, given)
        if self.how != "cut_off":
            return state
        master = self._taken(before)
        now = await links(self._reach(master, given), master).link_now(master)
        remedy = f"have whatever is in the path open it to {self._where(master)}"
        return compared_together(compared(now, _SWALLOWED, OPEN, remedy), state)

    async def undo(self, before: Captured, given: Given) -> None:
        """Open the network, let it go on or start it, whichever it needs."""
        master, bring_back = self._taken(before), super().undo
        cut = [lambda: links(self._reach(master, given), master).link(master, OPEN)] if self.how == "cut_off" else []
        await try_each(*cut, lambda: bring_back(before, given))

    async def _is_here(self, name: str, reach: Reach) -> None:
        if self.how != "cut_off":
            return await super()._is_here(name, reach)
        mode = (await links(reach, self._where(name)).link_now(name)).mode
        if mode != "open":
            raise ActionRefused(f"the link to {self._where(name)} is {mode} already")
        return None

    def _besides(self, sight: Sight) -> list[str]:
        return sight.blind()

    async def _answers(self, address: str, within: float) -> bool:
        return await answers(self.redis, address, within)

    def _told(self, where: str) -> tuple[str, str]:
        back = {"killed": "start it", "hung": "SIGCONT", "cut_off": "open it again"}[self.how]
        return _EFFECTS[self.how].format(where=where), f"{back}; {where} is to follow again"


async def answers(redis: Redis, address: str, within: float) -> bool:
    """Tell whether anybody answers at an address, whatever it says; CannotSee when nobody could be asked."""
    where = Address.read(address)
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(Login(where.host, where.port, how=redis))
            try:
                await talk.ask("PING")
            finally:
                talk.end()
    except (Said, NotRedis, WantsTLS, ssl.SSLError):
        return True  # it wants a password, or has a certificate for another name: it answers
    except (TimeoutError, ConnectionError):
        return False
    except OSError as error:
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
            return False
        raise CannotSee(f"whether {address} answers is unknown: {error}") from error  # ours to have asked, not its
    return True
