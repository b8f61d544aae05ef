"""`redis.failover`: another node is made the master, by a Sentinel that is asked to."""

import asyncio
from contextlib import suppress
from typing import Any, ClassVar, Final

import tenacity
from pydantic import Field

from faildrill.adapters.redis.client import Login, Said, Talk, directly, in_words, sentinels
from faildrill.adapters.redis.nodes import OfRedis, asked, pairs
from faildrill.adapters.redis.succession import LAG, Sight
from faildrill.adapters.redis.target import Redis
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown, UnresolvedSecret
from faildrill.ports import Captured, Given, Preview, Told
from faildrill.toolkit.deadlines import SHARE, patience
from faildrill.toolkit.leader_store import Handover
from faildrill.toolkit.node_addresses import Address, directory, own_addresses
from faildrill.toolkit.undo_parts import try_each

_INTERVAL: Final = 0.25
"""Seconds between two looks at what the Sentinels do."""
_NEVER: Final = "0"
"""The priority of a replica that is not promoted."""
_NOTHING_DONE: Final = ("NOGOODSLAVE", "ERR", "NOAUTH", "NOPERM", "WRONGPASS")
"""What a Sentinel says that has begun nothing; INPROG says that a failover is under way, perhaps ours."""
_UNDER_WAY: Final = "INPROG"
"""What a Sentinel says that has a failover under way."""
_HAS_ONE: Final = "has a failover under way"
"""How the words end of one that has."""


class Failover(OfRedis, Handover[Sight]):
    """Makes another Redis node the master, as planned: `SENTINEL FAILOVER`, exactly once, to one Sentinel.

    The Sentinels choose among the replicas by their priorities and offsets. It is refused, with nothing touched, unless
    one node is the master, a replica could take over now, and every Sentinel agrees and has seen that each replica
    follows: right after another failover that takes up to ten seconds. Redis does not wait for replicas: a write that
    is acknowledged meanwhile can be lost, and `redis.ledger` counts it.

    It is put back when the first master is the master again. It waits for a failover that is under way. Once the first
    master follows, the other nodes get priority 0, faildrill waits until the Sentinels have seen that (up to ten
    seconds), asks for one failover, and restores the priorities. A priority that somebody else has set meanwhile is
    left as it is, and reported.

        steps:
          - name: fail over
            redis.failover: {redis: sessions}
            within: 20s
    """

    acts_late: ClassVar[float] = 10.0
    """A Sentinel begins at a turn of its timer; it tells what is under way, and looks at the nodes every 10 s."""

    redis: Redis = Field(description="the nodes that get another master")
    lag_at_most: int = Field(default=LAG, ge=0, description="bytes that the next master may be behind")

    async def acts_through(self, given: Given) -> Told:
        """Look whether the master that each Sentinel names is one of the declared nodes."""
        sight, answers = await self._once(patience(given)), Told([], [], [])
        for watch in sight.watches:
            where = f"{self.redis.name}: Sentinel {watch.where}"
            if watch.silent or not watch.address:
                answers.silent.append(f"{where} {watch.silent or 'names no master'}")
            elif (named := sight.named(watch)) is None:
                answers.differs.append(f"{where} watches {watch.address}, which is none of the declared nodes")
            else:
                answers.proved.append(f"{where} watches {named}")
        return answers

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Ask the first Sentinel that lets us in, exactly once."""
        await self._ask_for_it(given.timeout * SHARE)
        return {"from": before["master"]}

    async def undo(self, before: Captured, given: Given) -> None:
        """Make the first master the only one to be chosen, ask for a failover once, and let all be chosen again."""
        former = _priorities_of(before)
        await try_each(
            lambda: self._give_back(before, given),
            lambda: self._set_priorities(former, patience(given), over=_NEVER),
        )

    async def count(self, before: Captured, given: Given) -> int:
        """Return the number that the Sentinels have given to the last failover."""
        epoch = (await self._once(patience(given))).epoch()
        if epoch is None:
            raise CannotSee(f"no Sentinel tells the epoch of {self.redis.master}")
        return epoch

    async def preview(self, given: Given) -> Preview:
        """Look who would hand over now."""
        sight = await self._weighed(patience(given))
        candidates = self._able(sight, sight.hindrances())
        where = self._where(sight.leader)
        touches = [where, *map(self._where, candidates)]
        effect = f"failover from {where} to {' or '.join(candidates)}"
        return Preview(touches, effect, f"failover back to {where}", touches)  # none of them stops

    async def _noted(self, sight: Sight, given: Given) -> dict[str, Any]:
        return {"priorities": await self._priorities(patience(given))}

    async def _left(self, before: Captured, given: Given) -> list[str]:
        """Tell who has a failover under way, and which priorities are not as they were."""
        known, now = _priorities_of(before), await self._priorities(patience(given))
        changed = [
            f"{name} has priority {now[name]}, not {priority}"
            for name, priority in known.items()
            if now.get(name) != priority
        ]
        return [*await self._under_way(patience(given)), *changed]

    def _next(self, sight: Sight) -> str:
        return self._able(sight, [*sight.hindrances(), *sight.belated()])[0]  # which one it will be, they choose

    def _wanted(self, before: Captured) -> str | None:
        return None

    def _unsettled(self, sight: Sight, before: Captured) -> list[str]:
        return sight.blind()

    async def _give_back(self, before: Captured, given: Given) -> None:
        first = str(before["master"])
        if under_way := await self._waited_out(given.timeout / 4):
            raise ActionFailed(f"nothing was sent: {'; '.join(under_way)}")
        ready = await self._until_fit(before, given.timeout / 4)
        if ready.leader == first:
            return
        others = {name: _NEVER for name in self.redis.members if name not in (first, ready.leader)}
        await self._set_priorities(others, patience(given))
        # In this order: a Sentinel chooses by the priorities that it has seen, not by those that are set (it asks
        # every 10 s).
        await self._until_seen(first, others, given.timeout / 3)
        with suppress(OutcomeUnknown):  # whether it happens is seen: nothing is asked for twice
            await self._ask_for_it(patience(given))
        await self._until(lambda sight: sight.leader == first, given.timeout / 3)

    async def _waited_out(self, within: float) -> list[str]:
        """Wait until no Sentinel has a failover under way; return who still has one. One that says nothing has none."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while True:
            hindrances = [
                hindrance for hindrance in await self._under_way(min(1.0, within / 2)) if hindrance.endswith(_HAS_ONE)
            ]
            if not hindrances or loop.time() + _INTERVAL >= deadline:
                return hindrances
            await asyncio.sleep(_INTERVAL)

    async def _under_way(self, within: float) -> list[str]:
        """Tell which Sentinels have a failover under way, perhaps one that was asked for and given up."""
        hindrances = await asyncio.gather(*(self._what_is_under_way(login, within) for login in sentinels(self.redis)))
        return [hindrance for hindrance in hindrances if hindrance]

    async def _what_is_under_way(self, login: Login, within: float) -> str:
        where = f"Sentinel {login.host}:{login.port}"
        try:
            rows = await asked(login, lambda talk: talk.ask("SENTINEL", "MASTER", self.redis.master), within)
            return f"{where} {_HAS_ONE}" if "failover_in_progress" in str(pairs(rows)["flags"]).split(",") else ""
        except (OSError, UnresolvedSecret, KeyError, ValueError) as error:
            return f"{where} does not tell whether it has a failover under way: {in_words(error)}"

    async def _until_seen(self, first: str, priorities: dict[str, str], within: float) -> None:
        """Wait until every Sentinel that answers has seen the first master follow, and the priorities.

        It looks at the nodes every ten seconds. One that takes the first master for a master still makes it follow
        again as soon as another Sentinel has promoted it: so a failover is undone that was said to have begun.
        """

        async def seen() -> bool:
            share = min(1.0, within / 2)
            replicas = await asyncio.gather(*(self._replicas(login, share) for login in sentinels(self.redis)))
            answers = [answer for answer in replicas if answer is not None]
            return bool(answers) and all(
                answer.get(first, {}).get("role-reported") == "slave"
                and all(answer.get(name, {}).get("slave-priority") == number for name, number in priorities.items())
                for answer in answers
            )

        waiting = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(lambda there: not there),
            wait=tenacity.wait_fixed(_INTERVAL),
            stop=tenacity.stop_before_delay(within),
        )
        try:
            await waiting(seen)
        except tenacity.RetryError as error:
            raise ActionFailed(
                f"nothing was sent: not every Sentinel sees that {first} follows, and the priorities that would bring "
                "it back"
            ) from error

    async def _replicas(self, login: Login, within: float) -> dict[str, dict[str, str]] | None:
        """Return what a Sentinel says of each declared replica; None where it doesn't answer."""
        try:
            rows = await asked(login, lambda talk: talk.ask("SENTINEL", "REPLICAS", self.redis.master), within)
            by_address = {Address(row["ip"], int(row["port"])): row for row in map(pairs, rows)}
        except (OSError, UnresolvedSecret, KeyError, ValueError):
            return None
        named = await directory(own_addresses(self.redis.members), by_address)
        return {name: row for address, row in by_address.items() if (name := named.member(address)) is not None}

    async def _ask_for_it(self, within: float) -> None:
        try:
            await self._asked_first("FAILOVER", within)
        except Said as error:
            if error.code == _UNDER_WAY:
                raise OutcomeUnknown(f"a failover is under way: {error}") from error
            if error.code in _NOTHING_DONE:
                raise ActionRefused(f"the Sentinel refuses: {error}") from error
            raise ActionFailed(f"the Sentinel said {error}") from error
        except OSError as error:
            raise OutcomeUnknown(f"the Sentinel did not say whether it has begun: {in_words(error)}") from error

    async def _asked_first(self, what: str, within: float) -> Any:  # noqa: ANN401 - what Sentinels answer
        """Ask the first Sentinel that lets us in, once; ActionRefused when none does."""
        refusals = []
        async with asyncio.timeout(within):
            for login in sentinels(self.redis):
                try:
                    async with asyncio.timeout(within / 2):
                        talk = await Talk.begin(login)
                except (OSError, UnresolvedSecret) as error:
                    refusals.append(f"{login.host}:{login.port} {in_words(error)}")
                    continue
                try:
                    return await talk.ask("SENTINEL", what, self.redis.master)
                finally:
                    talk.end()
        raise ActionRefused(f"no Sentinel of {self.redis.name} lets us in: {'; '.join(refusals)}")

    async def _priorities(self, within: float) -> dict[str, str]:
        names = list(self.redis.members)
        priorities = await asyncio.gather(*(self._priority(name, within) for name in names))
        return dict(zip(names, priorities, strict=True))

    async def _priority(self, name: str, within: float) -> str:
        login = directly(self.redis, self.redis.members[name])
        try:
            answer = await asked(login, lambda talk: talk.ask("CONFIG", "GET", "replica-priority"), within)
            return str(pairs(answer)["replica-priority"])
        except (OSError, UnresolvedSecret, KeyError) as error:
            raise CannotSee(f"{self.redis.name}/{name} does not tell its priority: {in_words(error)}") from error

    async def _set_priority(self, name: str, priority: str, within: float, over: str | None) -> str:
        """Give a node its priority; return why it has another one. One that gives no answer is asked what it has."""
        login = directly(self.redis, self.redis.members[name])
        try:
            now = await self._priority(name, within)
            if over is not None and now not in (over, priority):
                return f"{name} has priority {now}, which somebody else has set: it is left"
            if now == priority:
                return ""
            try:
                await _set(login, priority, within)
            except OSError as error:
                has = await self._priority(name, within)
                return "" if has == priority else f"{name} takes no priority: {in_words(error)}"
        except (UnresolvedSecret, CannotSee) as error:
            return f"{name} takes no priority: {error if isinstance(error, CannotSee) else in_words(error)}"
        return ""

    async def _set_priorities(self, priorities: dict[str, str], within: float, *, over: str | None = None) -> None:
        """Give each node its priority, whatever the others say; with `over` only where it has that one now."""
        answers = await asyncio.gather(
            *(self._set_priority(name, priority, within, over) for name, priority in priorities.items())
        )
        troubles = [trouble for trouble in answers if trouble]
        if troubles:
            raise ActionFailed(f"{self.redis.name}: {'; '.join(troubles)}")


async def _set(login: Login, priority: str, within: float) -> None:
    await asked(login, lambda talk: talk.ask("CONFIG", "SET", "replica-priority", priority), within)


def _priorities_of(before: Captured) -> dict[str, str]:
    known = before["priorities"]
    return {name: str(priority) for name, priority in known.items()} if isinstance(known, dict) else {}
