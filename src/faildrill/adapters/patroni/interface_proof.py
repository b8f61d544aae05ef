"""Whether the interfaces of Patroni lead to the PostgreSQL servers that were declared beside them."""

import asyncio
from typing import ClassVar

from faildrill.adapters.patroni.changes import sighted
from faildrill.adapters.patroni.status import Node
from faildrill.adapters.patroni.succession import WORDS, Sight
from faildrill.adapters.postgres.identity import system
from faildrill.adapters.postgres.sessions import directly, in_words
from faildrill.adapters.postgres.target import Cluster
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Given, Told
from faildrill.toolkit.deadlines import patience
from faildrill.toolkit.leader_store import OfStore, Words


class OfCluster(OfStore[Sight]):
    """An action on a cluster, through Patroni."""

    WORDS: ClassVar[Words] = WORDS
    LIMIT: ClassVar[str] = "lag_at_most"
    STORE: ClassVar[str] = "cluster"

    cluster: Cluster

    async def _look(self, within: float) -> Sight:
        return await sighted(self.cluster, within)

    async def acts_through(self, given: Given) -> Told:
        """Compare the system of which Patroni speaks, on each node, with what PostgreSQL says there itself.

        A node of which neither answers is down, and nothing is told of it.
        """
        within = patience(given)
        asked = asyncio.gather(*(self._system(name, within) for name in self.cluster.members))
        sight, systems = await asyncio.gather(self._once(within), asked)
        answers = Told([], [], [])
        for name, (identifier, because) in zip(self.cluster.members, systems, strict=True):
            self._compare(sight.nodes[name], identifier, because, answers)
        return answers

    def _compare(self, node: Node, said: str, because: str, told: Told) -> None:
        name, api = f"{self.cluster.name}/{node.name}", self.cluster.members[node.name].api
        if node.silent.startswith("is "):
            told.differs.append(f"{name}: who answers at {api} {node.silent}")
        elif node.status is None or not said:
            if node.status is not None or said:
                silent = f"PostgreSQL {because}" if not said else f"Patroni {node.silent}"
                told.silent.append(f"{name}: whether Patroni and PostgreSQL belong to one node is unknown: {silent}")
        elif not node.status.database_system_identifier:
            told.silent.append(f"{name}: Patroni at {api} does not say of which system it is")
        elif node.status.database_system_identifier != said:
            told.differs.append(
                f"{name}: Patroni at {api} is of the system {node.status.database_system_identifier}, PostgreSQL there "
                f"of {said}: they are two clusters; correct `api`, or `host` and `port`"
            )
        else:
            told.proved.append(f"{name} through Patroni")

    async def _system(self, name: str, within: float) -> tuple[str, str]:
        """Return of which system a node's PostgreSQL is, or why it does not say."""
        try:
            async with asyncio.timeout(within):
                return await system(directly(self.cluster, self.cluster.members[name])), ""
        except (OSError, UnresolvedSecret) as error:
            return "", in_words(error) if isinstance(error, OSError) else str(error)
