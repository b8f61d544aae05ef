"""`redis.identity`: what every node says that it is, before anything is touched."""

import asyncio
from typing import Any, Final

from pydantic import Field

from faildrill.adapters.redis.nodes import asked
from faildrill.adapters.redis.talking import Login, NotRedis, Talk, directly, in_words, misencrypted, what_to_do
from faildrill.adapters.redis.target import Redis
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Given, Kind, Told, Words
from faildrill.redacting import clean
from faildrill.toolkit.leader_store.kind import SHARE

_FIRST: Final = 0.7
"""The part of the time for the question itself; the rest is for why there was no answer."""
_SHOWN: Final = 80


class Identity(Kind):
    """Refuses the drill unless every Redis node, asked itself, holds the declared text under a key.

    Write it once, on the master of what may be drilled: `redis-cli SET faildrill:identity UID`, with a random UID of
    your own. Replicas get it by replication, and a dump contains it. A node that holds something else or nothing, can't
    be reached, or is no Redis, is an objection.

        identity:
          - redis.identity: {redis: sessions, key: "faildrill:identity", holds: 7d3f6f1e-2f0c-4a57-9a6e-3a1d6f0b9c11}
    """

    redis: Redis = Field(description="every member is asked directly")
    key: str = Field(default="faildrill:identity", min_length=1, description="the key that holds it")
    holds: Words = Field(min_length=8, description="the text under the key, here and nowhere else")

    def facts(self) -> list[str]:
        """Tell the text under the key."""
        return [f"redis {self.key} {self.holds}"]

    async def objection(self, given: Given) -> str | None:
        """Ask all at once; whatever is not exactly the declared answer is an objection."""
        told = await self.ask_again(given)
        return "; ".join((*told.differs, *told.silent)) or None

    async def ask_again(self, given: Given) -> Told:
        """Ask all at once, and tell apart who answers otherwise and who can't be asked."""
        members = self.redis.members
        within = given.timeout * SHARE
        answers = await asyncio.gather(*(self._one(directly(self.redis, one), within) for one in members.values()))
        told = Told([], [], [])
        for name, (place, words) in zip(members, answers, strict=True):
            told[place].append(f"{self.redis.name}/{name} {words}".strip())
        return told

    async def _one(self, login: Login, within: float) -> tuple[int, str]:
        """Return where in what is told a node's answer belongs, and the words for it."""
        where = f"{login.host}:{login.port}"

        async def what(talk: Talk) -> Any:  # noqa: ANN401 - text, None, or whatever else it says
            return await talk.ask("GET", self.key)

        try:
            found = await asked(login, what, within * _FIRST)
        except (OSError, UnresolvedSecret) as error:
            words = await misencrypted(login, within * (1 - _FIRST)) or in_words(error)
            because = f"did not prove what it is ({where}: {words}): {what_to_do(words, login)}"
            return (1 if isinstance(error, NotRedis) else 2), because
        if found == self.holds:
            return 0, ""
        shown = "nothing" if found is None else repr(clean(str(found))[:_SHOWN])
        return 1, (
            f"is not the declared one: {self.key} holds {shown}; if it may be drilled, write the declared value there "
            "on its master"
        )
