"""`postgres.writers`: which nodes accept writes, each asked itself and really tried."""

import time
from dataclasses import dataclass
from typing import ClassVar, Final

import asyncpg

from faildrill.adapters.postgres.driver import Connection
from faildrill.adapters.postgres.every_node import EveryNode
from faildrill.adapters.postgres.sessions import ask, in_words
from faildrill.adapters.postgres.write import TABLE
from faildrill.ports import Given, Seen, WriterBy
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome
from faildrill.toolkit.connection_errors import unheard

_WHAT: Final = """
    SELECT pg_is_in_recovery(),
           (SELECT system_identifier::text FROM pg_control_system()),
           CASE WHEN NOT pg_is_in_recovery() THEN substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) END
"""
_TRY: Final = f"BEGIN; INSERT INTO {TABLE.name} (probe, run) VALUES ('postgres.writers', 'tried'); ROLLBACK"  # noqa: S608 - a constant
_LONGEST: Final = 200


@dataclass(frozen=True)
class _Node:
    """What one node was seen to be."""

    says: str = ""
    """Why it takes no writes; empty where it does."""
    system: str = ""
    timeline: int = 0
    answered: int = 0


class Writers(EveryNode):
    """Tries on every node itself whether it accepts writes; good when exactly one does.

    On each node that does not say that it is in recovery, past every load balancer, a row is written in a transaction
    that is rolled back. `who` is every node that took it. Two names are a split brain, whatever Patroni believes, and
    the detail gives the timeline of each. A node of another system (restored from elsewhere, or another cluster at the
    same address) is `wrong`, too. Every node has a deadline of its own.

        probes:
          writers: {postgres.writers: {cluster: payments}, every: 100ms}
        expect:
          - writers: {of: writers, at_most: 1}
    """

    heard_as: ClassVar[View] = "primary"
    tells_writer: ClassVar[WriterBy] = "nodes"

    asks_every_node: ClassVar[bool] = True

    async def look(self, given: Given) -> Seen:
        """Try all nodes at once."""
        answers = await self._each(given, _tried, "faildrill writers")
        nodes = {name: _Node(answer) if isinstance(answer, str) else answer for name, answer in answers.items()}
        accepting = sorted(name for name, node in nodes.items() if not node.says)
        who = ",".join(accepting)
        if len(accepting) > 1:
            each = ", ".join(f"{name} on timeline {nodes[name].timeline}" for name in accepting)
            return Seen(Outcome.WRONG, who, f"{len(accepting)} writers: {each}"[:_LONGEST])
        systems = {node.system for node in nodes.values() if node.system}
        if len(systems) > 1:
            each = ", ".join(f"{name} is {node.system}" for name, node in nodes.items() if node.system)
            return Seen(Outcome.WRONG, who, f"{len(systems)} systems: {each}"[:_LONGEST])
        if not accepting:
            each = "; ".join(["no writer", *(f"{name} {node.says}" for name, node in nodes.items())])
            return unheard(answers) or Seen(Outcome.WRONG, "", each)
        return Seen(Outcome.OK, who, answered=max(node.answered for node in nodes.values()))


async def _tried(connection: Connection) -> _Node:
    recovering, system, timeline = await ask(connection, _WHAT)
    if recovering:
        return _Node("in recovery", system, answered=time.monotonic_ns())
    says = ""
    try:
        await connection.execute(_TRY)
    except asyncpg.PostgresError as error:
        says = in_words(error)
        await connection.execute("ROLLBACK")
    return _Node(says, system, int(timeline, 16), time.monotonic_ns())
