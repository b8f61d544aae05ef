"""What every server says of itself, asked at once: the one observation that all kinds here share."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from faildrill.adapters.mariadb.talking import Login, Row, Talk, as_admin, in_words
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Given
from faildrill.targets import MariaDB

SHARE: Final = 0.8
"""The part of a call's time that one server may take, so that a silent one is named before the call is cancelled."""
PATIENCE: Final = 2.0
"""Seconds for one observation of an action, at the most."""
LATE: Final = 10.0
"""Seconds by which a replica may be behind and count as able to take over."""
_WHAT: Final = (
    "SELECT @@global.read_only AS read_only, @@global.gtid_binlog_pos AS written, @@global.gtid_current_pos AS reached"
)


@dataclass(frozen=True)
class Node:
    """One server as it was seen: its own answer, or how it failed to give one."""

    name: str
    silent: str = ""
    writes: bool = False
    """It is not read-only."""
    follows: str = ""
    """HOST:PORT that it is set to replicate from; empty where it is set to replicate from nobody."""
    halted: str = ""
    """Why it does not replicate, where it is set to; empty where it does."""
    late: float | None = None
    """Seconds by which it is behind, as far as it knows."""
    written: str = ""
    """The GTID of the last event in its own log."""
    reached: str = ""
    """The GTID of the last event that it has applied."""
    answered: int = 0

    def __str__(self) -> str:
        """Tell in two or three words what it is doing: `m1 refused`, `m2 does not follow`."""
        if self.silent:
            return f"{self.name} {self.silent}"
        if self.writes:
            return f"{self.name} writes"
        if not self.follows:
            return f"{self.name} follows nobody"
        return f"{self.name} does not follow ({self.halted})" if self.halted else f"{self.name} follows"


@dataclass(frozen=True)
class Sight:
    """All declared servers, as seen in one observation."""

    mariadb: MariaDB
    nodes: Mapping[str, Node]

    @property
    def writers(self) -> list[str]:
        """The servers that take writes, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.writes)

    @property
    def writer(self) -> str | None:
        """The one server that takes writes; None when there is none, or more than one."""
        writers = self.writers
        return writers[0] if len(writers) == 1 else None

    def lacks(self, name: str, most: float = LATE) -> str:
        """Tell what a server lacks to take over from the writer now; the empty string when it lacks nothing."""
        node = self.nodes[name]
        if node.silent or node.writes or not node.follows or node.halted or self.writer is None:
            return str(node)
        member = self.mariadb.members[self.writer]
        if node.follows != f"{member.host}:{member.port}":
            return f"{name} follows another"
        return f"{name} is late" if node.late is None or node.late > most else ""

    def missing(self, most: float = LATE) -> list[str]:
        """Tell what keeps it from being whole; empty when one writes and all others follow it."""
        if self.writer is None:
            first = f"{len(self.writers)} writers" if self.writers else "no writer"
            return [first, *sorted(str(node) for node in self.nodes.values() if not node.writes)]
        return [lacks for name in sorted(self.nodes) if name != self.writer and (lacks := self.lacks(name, most))]

    def candidates(self, most: float = LATE) -> list[str]:
        """List the servers that could take over from the writer now, sorted."""
        return sorted(name for name in self.nodes if name != self.writer and not self.lacks(name, most))

    def heirs(self) -> list[str]:
        """List the replicas that answer, the one that has applied most first: who is left when no writer is."""
        found = [node for node in self.nodes.values() if node.follows and not node.silent and not node.writes]
        return [node.name for node in sorted(found, key=lambda node: (-_newest(node.reached), node.name))]

    def richest(self, first: str) -> str:
        """Return the server that answers and has applied most; `first` where it has as much as any other."""
        there = [node for node in self.nodes.values() if not node.silent]
        return min(there, key=lambda node: (-_newest(node.reached), node.name != first, node.name)).name

    def lost(self, before: Mapping[str, Any], most: float = LATE) -> list[str]:
        """Tell which servers that were healthy in an earlier `as_data` are not now, and how; empty when all are."""
        if self.writer is None:
            return self.missing(most)
        healthy = sorted(name for name, was in before["members"].items() if was in ("writes", "follows"))
        return [lacks for name in healthy if name != self.writer and (lacks := self.lacks(name, most))]

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it."""
        return {
            "writer": self.writer,
            "members": {name: str(node).removeprefix(f"{name} ") for name, node in sorted(self.nodes.items())},
            "reached": {name: node.reached for name, node in sorted(self.nodes.items())},
        }


async def sighted(mariadb: MariaDB, within: float) -> Sight:
    """Ask every server now; one that doesn't answer within float seconds is seen as silent."""
    asked = (_node(name, as_admin(mariadb, member), within) for name, member in mariadb.members.items())
    return Sight(mariadb, {node.name: node for node in await asyncio.gather(*asked)})


def patience(given: Given) -> float:
    """Return the seconds that a server may take in one observation of an action."""
    return min(PATIENCE, given.timeout * SHARE)


async def asked(login: Login, statement: str, *values: str | float, within: float) -> list[Row]:
    """Connect, send one statement, end the connection; OSError or UnresolvedSecret where that fails."""
    async with asyncio.timeout(within):
        talk = await Talk.begin(login, within)
        try:
            return await talk.ask(statement, *values)
        finally:
            talk.end()


async def _node(name: str, login: Login, within: float) -> Node:
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(login, within)
            try:
                [what] = await talk.ask(_WHAT)
                replicating = await talk.ask("SHOW SLAVE STATUS")
            finally:
                talk.end()
    except (OSError, UnresolvedSecret) as error:
        return Node(name, silent=in_words(error))
    at = time.monotonic_ns()
    node = Node(name, writes=not what["read_only"], written=what["written"], reached=what["reached"], answered=at)
    return _following(node, replicating[0]) if replicating else node


def _following(node: Node, row: Row) -> Node:
    threads = {"I/O": row["Slave_IO_Running"], "SQL": row["Slave_SQL_Running"]}
    errors = [f"error {row[f'Last_{kind}_Errno']}" for kind in ("IO", "SQL") if row[f"Last_{kind}_Errno"]]
    halted = errors or [f"{kind} {state.lower()}" for kind, state in threads.items() if state != "Yes"]
    late = row["Seconds_Behind_Master"]
    return replace(
        node,
        follows=f"{row['Master_Host']}:{row['Master_Port']}",
        halted=", ".join(halted),
        late=None if late is None else float(late),
    )


def _newest(position: str) -> int:
    """Return the sum of the sequence numbers of a GTID position, one a domain: 0-1-42,1-3-7 is 49."""
    return sum(int(one.rpartition("-")[2]) for one in position.split(",") if one)
