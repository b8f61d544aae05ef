"""`redis.identity`: what every node says that it is, before anything is touched."""

from typing import Final

from pydantic import Field

from faildrill.adapters.redis.client import Login, NotRedis, directly, in_words, misencrypted, what_to_do
from faildrill.adapters.redis.nodes import asked
from faildrill.adapters.redis.target import Redis
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Words
from faildrill.toolkit.identity import DIFFERS, PROVED, SILENT, Answer, EveryNodeProves, shown, unproven

_FIRST: Final = 0.7
"""The part of the time for the question itself; the rest is for why there was no answer."""


class Identity(EveryNodeProves[Login]):
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

    def _logins(self) -> dict[str, Login]:
        return {
            f"{self.redis.name}/{name}": directly(self.redis, member) for name, member in self.redis.members.items()
        }

    async def _one(self, login: Login, within: float) -> Answer:
        try:
            value = await asked(login, lambda talk: talk.ask("GET", self.key), within * _FIRST)
        except (OSError, UnresolvedSecret) as error:
            words = await misencrypted(login, within * (1 - _FIRST)) or in_words(error)
            because = unproven(f"{login.host}:{login.port}", words, what_to_do(words, login))
            return Answer(DIFFERS if isinstance(error, NotRedis) else SILENT, because)
        if value == self.holds:
            return Answer(PROVED)
        because = (
            f"is not the declared one: {self.key} holds {shown(value)}; if it may be drilled, write the declared value"
        )
        return Answer(DIFFERS, f"{because} there on its master")
