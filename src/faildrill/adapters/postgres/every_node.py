"""The same question to every node of a cluster at once, past every load balancer, over connections that stand."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from pydantic import Field, PrivateAttr

from faildrill.adapters.postgres.driver import Connection
from faildrill.adapters.postgres.sessions import Login, breaks, connect, directly, failures, is_ending, silence
from faildrill.adapters.postgres.target import Cluster
from faildrill.ports import Given, Kind
from faildrill.toolkit.deadlines import SHARE

T = TypeVar("T")


class EveryNode(Kind):
    """A probe that asks every node itself, and keeps one connection to each between its looks."""

    cluster: Cluster = Field(description="the cluster; every node is asked itself")

    _standing: dict[str, Any] = PrivateAttr(default_factory=dict)

    async def open(self, given: Given) -> None:
        """Do nothing: connections are made by the looks, and kept."""

    async def close(self) -> None:
        """Close what is kept."""
        for connection in self._standing.values():
            connection.terminate()
        self._standing.clear()

    async def _each(self, given: Given, what: Callable[[Any], Awaitable[T]], purpose: str) -> dict[str, T | str]:
        """Return by node what it answers, or why it doesn't; every node has a deadline of its own."""

        async def node(name: str, login: Login) -> T | str:
            within = given.timeout * SHARE
            standing = self._standing.pop(name, None)
            try:
                async with asyncio.timeout(within):
                    connection, answer = await _told(standing, lambda: connect(login, within, purpose), what)
            except failures() as error:
                return silence(error)
            _cut(self._standing.get(name))  # a look that overlapped has perhaps kept its own
            self._standing[name] = connection
            return answer

        logins = {name: directly(self.cluster, member) for name, member in self.cluster.members.items()}
        answers = await asyncio.gather(*(node(name, login) for name, login in logins.items()))
        return dict(zip(logins, answers, strict=True))


async def _told(
    standing: Connection | None,
    begin: Callable[[], Awaitable[Any]],
    what: Callable[[Any], Awaitable[T]],
) -> tuple[Any, T]:
    """Ask over the connection that stands, over a new one where none does, or where the server was ending that one."""
    if standing is not None and not standing.is_closed():
        try:
            return standing, await what(standing)
        except breaks() as error:
            _cut(standing)
            if not is_ending(error):
                raise
    connection = await begin()
    try:
        return connection, await what(connection)
    except breaks():
        _cut(connection)
        raise


def _cut(connection: Connection | None) -> None:
    if connection is not None:
        connection.terminate()
