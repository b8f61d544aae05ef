"""What every node of a cluster says of itself, asked at once: the one observation that all kinds here share.

The nodes are asked themselves (`GET /patroni`), never one of them about the others: what `GET /cluster` tells comes
from the store behind Patroni, where a dead member goes on being `streaming` until its key expires.
"""

import asyncio
import ssl
import time
from typing import Any, Final, Self

import aiohttp
import msgspec
from pydantic import JsonValue

from faildrill.adapters.patroni.status import Node, Status
from faildrill.adapters.patroni.succession import Rules, Sight
from faildrill.adapters.postgres.target import Cluster, ClusterMember
from faildrill.errors import CannotSee
from faildrill.ports.target import Encryption
from faildrill.toolkit import tls
from faildrill.toolkit.http_errors import in_words

_LARGEST: Final = 1 << 18
"""Bytes of one answer."""


class Observer:
    """Asks the nodes of a cluster; every look asks all of them at once, each with a deadline of its own.

    No connection is kept: Patroni serves its interface with five threads, and a kept connection would hold one.
    """

    def __init__(self, session: "aiohttp.ClientSession") -> None:
        self._session = session

    @classmethod
    def opened(cls) -> Self:
        """Make an observer; needs a running loop, and `close` at the end."""
        connector = aiohttp.TCPConnector(
            force_close=True, limit=0, use_dns_cache=False, resolver=aiohttp.ThreadedResolver()
        )
        return cls(aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()))

    async def close(self) -> None:
        """Let go of everything."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def look(self, cluster: Cluster, within: float, *, rules: bool = False) -> Sight:
        """Ask every node now; one that doesn't answer within float seconds is seen as silent.

        `rules`: ask for the configuration, too, which says who may be promoted.
        """
        asked = (self._node(cluster, member, within) for member in cluster.members.values())
        nodes, told = await asyncio.gather(
            asyncio.gather(*asked), self._rules(cluster, within) if rules else asyncio.sleep(0, None)
        )
        return Sight({node.name: node for node in nodes}, rules=told)

    async def configuration(self, cluster: Cluster, within: float) -> dict[str, JsonValue]:
        """Read the configuration that all members share; CannotSee when none tells it, or two tell different ones."""
        configs = await self.configurations(cluster, within)
        (first, config), *others = configs.items()
        if (other := next((name for name, other_config in others if other_config != config), None)) is not None:
            raise CannotSee(f"{first} and {other} tell different configurations: not all have read the newest one yet")
        return config

    async def configurations(self, cluster: Cluster, within: float) -> dict[str, dict[str, JsonValue]]:
        """Read the configuration that all members share as each one tells it, by name; CannotSee when none does.

        Each tells what it has read last: up to `loop_wait` ago, and longer ago where it can't reach the store.
        """
        asked = (self._configuration(cluster, member, within) for member in cluster.members.values())
        answers = dict(zip(cluster.members, await asyncio.gather(*asked), strict=True))
        if configs := {name: answer for name, answer in answers.items() if isinstance(answer, dict)}:
            return configs
        silent = ", ".join(f"{name} {answer}" for name, answer in answers.items())
        raise CannotSee(f"{cluster.name} tells its configuration nowhere: {silent}")

    async def _configuration(
        self, cluster: Cluster, member: ClusterMember, within: float
    ) -> dict[str, JsonValue] | str:
        """Read what one member tells; in words why it doesn't."""
        try:
            async with asyncio.timeout(within):
                return msgspec.json.decode(await self._get(cluster, member, "config"), type=dict[str, Any])
        except (OSError, aiohttp.ClientError) as error:
            return in_words(error)
        except ValueError:  # msgspec's errors and those of text are some
            return "garbage"

    async def _rules(self, cluster: Cluster, within: float) -> Rules:
        try:
            return Rules.of(await self.configuration(cluster, within))
        except CannotSee as error:
            return Rules(silent=str(error))

    async def _node(self, cluster: Cluster, member: ClusterMember, within: float) -> Node:
        try:
            async with asyncio.timeout(within):
                status = msgspec.json.decode(await self._get(cluster, member, "patroni"), type=Status)
        except (OSError, aiohttp.ClientError) as error:
            return Node(member.name, silent=in_words(error))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return Node(member.name, silent="garbage")
        # An address may lead to another cluster by now: its word is none about this one.
        if status.patroni.scope != cluster.scope:
            return Node(member.name, silent="is of another cluster")
        if status.patroni.name not in ("", member.name):
            return Node(member.name, silent="is another member")
        return Node(member.name, status, answered=time.monotonic_ns())

    async def _get(self, cluster: Cluster, member: ClusterMember, what: str) -> bytes:
        """Read one answer; OSError, ClientError, or ValueError where it is none of Patroni's."""
        url = f"{member.api.rstrip('/')}/{what}"
        strictly = what != "patroni"  # which tells its state with 503, too
        checks = checking(cluster)
        async with self._session.get(url, allow_redirects=False, raise_for_status=strictly, ssl=checks) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > _LARGEST:
                    raise ValueError("an answer too long to be Patroni's")
        return bytes(body)


def checking(cluster: Cluster) -> ssl.SSLContext | bool:
    """Return what checks the certificate of a node's interface; where none is declared, the system's authorities do."""
    how = Encryption(
        tls=True, ca=cluster.api_ca, certificate=cluster.api_certificate, certificate_key=cluster.api_certificate_key
    )
    return tls.context(how) or True if cluster.api_ca or cluster.api_certificate else True
