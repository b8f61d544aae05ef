"""What every node says of itself, and every Sentinel of the master, asked at once: what all kinds here share."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Final, TypeVar

from faildrill.adapters.redis.client import Login, NotRedis, Said, Talk, directly, in_words, sentinels
from faildrill.adapters.redis.status import Node, Replica, Watch
from faildrill.adapters.redis.succession import WORDS, Sight
from faildrill.adapters.redis.target import Redis
from faildrill.errors import UnresolvedSecret
from faildrill.toolkit.leader_store import OfStore, Words
from faildrill.toolkit.node_addresses import Address, directory, own_addresses

T = TypeVar("T")
_MASTER_LENGTH: Final = 3
_REPLICA_LENGTH: Final = 5


async def sighted(redis: Redis, within: float, *, sentinels_too: bool = True) -> Sight:
    """Ask every node, and every Sentinel, now; what doesn't answer within float seconds is seen as silent."""
    asked = [_node(name, directly(redis, member), within) for name, member in redis.members.items()]
    watched = [_watch(login, redis.master, within) for login in sentinels(redis)] if sentinels_too else []
    nodes, watches = await asyncio.gather(asyncio.gather(*asked), asyncio.gather(*watched))
    addresses = [*(node.follows for node in nodes), *(watch.address for watch in watches)]
    addresses += [replica.address for watch in watches for replica in watch.replicas]
    known = await directory(own_addresses(redis.members), [address for address in addresses if address is not None])
    return Sight({node.name: node for node in nodes}, watches=list(watches), directory=known)


class OfRedis(OfStore[Sight]):
    """A kind that looks at every node and every Sentinel."""

    WORDS: ClassVar[Words] = WORDS
    LIMIT: ClassVar[str] = "lag_at_most"
    STORE: ClassVar[str] = "redis"

    redis: Redis

    async def _look(self, within: float) -> Sight:
        return await sighted(self.redis, within)


async def asked(login: Login, what: Callable[[Talk], Awaitable[T]], within: float) -> T:
    """Connect, ask, and end the connection; OSError or UnresolvedSecret where that fails."""
    async with asyncio.timeout(within):
        talk = await Talk.begin(login)
        try:
            return await what(talk)
        finally:
            talk.end()


async def role(name: str, talk: Talk) -> Node:
    """Ask a node for its role."""
    role_told = await talk.ask("ROLE")
    at = time.monotonic_ns()
    match role_told:
        case ["master", int(offset), list()] if len(role_told) == _MASTER_LENGTH:
            return Node(name, leads=True, offset=offset, answered=at)
        case ["slave", str(host), int(port), str(link), int(offset)] if len(role_told) == _REPLICA_LENGTH:
            return Node(name, offset=offset, follows=Address(host, port), link=link, answered=at)
    raise NotRedis("no role that is known")


async def _node(name: str, login: Login, within: float) -> Node:
    async def what(talk: Talk) -> Node:
        node = await role(name, talk)
        try:
            sections = [await talk.ask("INFO", section) for section in ("server", "replication")]
        except Said as error:
            return replace(node, untold=in_words(error))
        return replace(node, info=_fields("\n".join(str(section) for section in sections)))

    try:
        return await asked(login, what, within)
    except (OSError, UnresolvedSecret) as error:
        return Node(name, silent=in_words(error))


async def _watch(login: Login, master: str, within: float) -> Watch:
    where = f"{login.host}:{login.port}"

    async def what(talk: Talk) -> Watch:
        named = await talk.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master)
        if not isinstance(named, list):
            return Watch(where, f"knows no {master}")
        because, remedy = await _undecided(talk, master)
        fields = pairs(await talk.ask("SENTINEL", "MASTER", master))
        replicas = [pairs(row) for row in await talk.ask("SENTINEL", "REPLICAS", master)]
        return Watch(
            where,
            address=Address(str(named[0]), int(named[1])),
            run_id=fields.get("runid", ""),
            epoch=int(fields["config-epoch"]) if "config-epoch" in fields else None,
            can_decide=because,
            remedy=remedy,
            replicas=tuple(_replica(replica) for replica in replicas),
        )

    try:
        return await asked(login, what, within)
    except (OSError, UnresolvedSecret) as error:
        return Watch(where, in_words(error))
    except (ValueError, KeyError, TypeError, IndexError):
        return Watch(where, "garbage")


async def _undecided(talk: Talk, master: str) -> tuple[str, str]:
    """Return why a Sentinel could have nobody promoted now, and what to do about it; empty where it could."""
    fields = _fields(str(await talk.ask("INFO", "sentinel")))
    if fields.get("sentinel_tilt") == "1":
        return "is in TILT", "see its clock and its load; it acts again thirty seconds after they are steady"
    try:
        await talk.ask("SENTINEL", "CKQUORUM", master)
    except Said as error:
        remedy = "have a majority of the Sentinels up, and see that they reach each other"
        return f"has no quorum ({error.code})", remedy
    return "", ""


def _replica(row: Mapping[str, str]) -> Replica:
    flags = frozenset(row.get("flags", "").split(","))
    address = Address(row["ip"], int(row["port"]))
    return Replica(address, row.get("runid", ""), flags, row.get("slave-priority", ""), row.get("role-reported", ""))


def _fields(text: str) -> dict[str, str]:
    """Read what INFO says: a name, a colon and a value on a line."""
    lines = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in lines if colon}


def pairs(flat: Sequence[object]) -> dict[str, str]:
    """Return a flat list of names and values as what it stands for."""
    texts = [str(word) for word in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))
