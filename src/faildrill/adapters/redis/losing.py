"""`redis.lose_master`: the node that takes writes dies, hangs, or is cut off from all others."""

import asyncio
import errno
import ssl
from typing import ClassVar, Final, Literal

from pydantic import Field, model_validator

from faildrill.adapters.redis.nodes import patience, sighted, weighed
from faildrill.adapters.redis.succession import LAG, Sight
from faildrill.adapters.redis.talking import Login, NotRedis, Said, Talk, WantsTLS
from faildrill.adapters.redis.target import Redis
from faildrill.effect_traits import Effect
from faildrill.errors import ActionRefused, CannotSee
from faildrill.ports import Captured, Given, Kind, Observed, Preview, Reach
from faildrill.toolkit.addresses import Address
from faildrill.toolkit.leader_store import in_full
from faildrill.toolkit.links import OPEN, Doing, links
from faildrill.toolkit.sockets import is_dark, is_held
from faildrill.toolkit.time_limits import AtMost, refuse_unheld, send

_EFFECTS: Final = {
    "killed": "SIGKILL to all of {where}, which is the master now",
    "hung": "SIGSTOP to all of {where}, which is the master now",
    "cut_off": "what the others send to {where}, which is the master now, is swallowed, and its answers, too",
}


class LoseMaster(Kind):
    """Takes the Redis master away: `killed`, `hung`, or `cut_off` from its replicas and the Sentinels.

    Which node that is, is looked up when the step is due. Refused, with nothing touched, unless exactly one node is
    the master, a replica could take over now, and the Sentinels could have it promoted: the last healthy node is
    never taken. One that is cut off goes silent for the others and still
    serves its clients, as in a real partition (the `reach` must be able to: the lab's is). Later steps
    may use `${steps.ID.master}`. Put back means that the node runs, is reached, and follows whoever is the master by
    then (the Sentinels see to that, within some ten seconds); being the master is not given back (a `redis.failover`
    step does that).

        steps:
          - name: kill the master
            redis.lose_master: {redis: sessions, how: killed}
            within: 10s
    """

    needs_heir: ClassVar[bool] = True

    redis: Redis = Field(description="whose master is taken away")
    how: Literal["killed", "hung", "cut_off"] = Field(default="killed", description="killed, hung or cut_off")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that the replica to take over may be behind")
    at_most: AtMost = None

    @model_validator(mode="after")
    def _can_be_limited(self) -> "LoseMaster":
        if self.how == "cut_off" and self.at_most is not None:
            raise ValueError("a network that is cut carries no time limit: leave `at_most` out")
        return self

    @property
    def effect_is(self) -> Effect:
        """An event where it is killed, a state otherwise."""
        return "event" if self.how == "killed" else "state"

    async def capture(self, given: Given) -> Captured:
        """Look who is the master, and that somebody else could be."""
        sight = await weighed(self.redis, patience(given))
        master = self._victim(sight)
        reach = self._reach(master, given)
        if self.how == "cut_off":
            mode = (await links(reach, f"{self.redis.name}/{master}").link_now(master)).mode
            if mode != "open":
                raise ActionRefused(f"the link to {self.redis.name}/{master} is {mode} already")
        elif await reach.state(master) != "running":
            raise ActionRefused(f"{self.redis.name}/{master} is the master but does not run here: another's `reach`")
        refuse_unheld(reach, master, self.at_most)
        return sight.as_data()

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Do it."""
        master = str(before["master"])
        reach = self._reach(master, given)
        if self.how == "cut_off":
            await links(reach, master).link(master, Doing("blackhole"), self.at_most)
        else:
            await send(reach, master, "KILL" if self.how == "killed" else "STOP", self.at_most)
        return {"master": master}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the member in the state that it leads to, or silent where the others would reach it."""
        master = str(before["master"])
        reach = self._reach(master, given)
        if self.how != "cut_off":
            return await self._is_lost(master, given)
        mode = (await links(reach, master).link_now(master)).mode
        is_there = await answers(self.redis, self.redis.members[master].address, patience(given) / 2)
        because = f"the link to {master} is {mode}" + (", and yet it answers there" if is_there else "")
        return Observed(mode != "open" and not is_there, because)

    async def _is_lost(self, master: str, given: Given) -> Observed:
        """See the member in the state that it leads to, and the same at its address: it takes, or answers, nobody."""
        state = await self._reach(master, given).state(master)
        if state != ("stopped" if self.how == "hung" else "absent"):
            return Observed(holds=False, because=f"{master} is {state}")
        member = self.redis.members[master]
        if self.how == "hung":
            at = f"{member.host}:{member.port}"
            held = await is_held(at) or not await answers(self.redis, at, patience(given) / 2)
            return Observed(held, f"{master} is {state}, and {'nobody' if held else 'somebody'} answers at {at}")
        dark = await is_dark(f"{member.host}:{member.port}", patience(given) / 2)
        told = f"nobody takes connections at {member.host}:{member.port}"
        return Observed(dark, f"{master} is {state}, and {told if dark else told.replace('nobody', 'somebody still')}")

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """See the member or its link as it was made; a look at the link alone waits for nobody."""
        master = str(before["master"])
        if self.how != "cut_off":
            return await self._is_lost(master, given)
        mode = (await links(self._reach(master, given), master).link_now(master)).mode
        return Observed(mode != "open", f"the link to {master} is {mode}")

    async def undo(self, before: Captured, given: Given) -> None:
        """Open the network, let it go on or start it, whichever it needs."""
        master = str(before["master"])
        reach = self._reach(master, given)
        if self.how == "cut_off":
            await links(reach, master).link(master, OPEN)
        if await reach.state(master) == "stopped":
            await reach.signal(master, "CONT")
        await reach.start(master)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it among the others again, as master or following the one there is, and so all that did before."""
        sight = await self._sight(given)
        master = str(before["master"])
        lost = [*sight.lost(before, self.lag_at_most), *sight.blind()]
        does = "is the master again" if sight.leader == master else f"follows {sight.leader}"
        return Observed(not lost, "; ".join(lost) or f"{master} {does}", sight.as_data())

    async def preview(self, given: Given) -> Preview:
        """Look who would be lost now."""
        sight = await weighed(self.redis, patience(given))
        where = f"{self.redis.name}/{self._victim(sight)}"
        spares = [f"{self.redis.name}/{name}" for name in sight.candidates(self.lag_at_most)]
        back = {"killed": "start it", "hung": "SIGCONT", "cut_off": "open it again"}[self.how]
        return Preview([where], _EFFECTS[self.how].format(where=where), f"{back}; {where} is to follow again", spares)

    def limit(self) -> float | None:
        """Return after how long the target brings the node back by itself."""
        return self.at_most

    def _reach(self, master: str, given: Given) -> Reach:
        return given.reach(self.redis.members[master])

    async def _sight(self, given: Given) -> Sight:
        return await sighted(self.redis, patience(given))

    def _victim(self, sight: Sight) -> str:
        name = self.redis.name
        if sight.leader is None:
            raise ActionRefused(f"{name} has no single master to lose: {in_full(sight.headless())}")
        if not sight.candidates(self.lag_at_most):
            because = sight.nobody(self.lag_at_most)
            raise ActionRefused(f"{name}/{sight.leader} is the last healthy node, it is not taken: {because}")
        if blind := sight.hindrances():
            raise ActionRefused(f"the Sentinels of {name} would promote nobody now: {in_full(blind)}")
        return sight.leader


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
        raise CannotSee(f"whether {address} answers can't be told: {error}") from error  # ours to have asked, not its
    return True
