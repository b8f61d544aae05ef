"""What every server says of itself, asked at once: the one observation that all kinds here share."""

import asyncio
import time
from dataclasses import replace
from typing import ClassVar, Final

from faildrill.adapters.mariadb.client import Login, Row, Talk, as_admin, in_words
from faildrill.adapters.mariadb.status import Node, positions
from faildrill.adapters.mariadb.succession import WORDS, Sight
from faildrill.adapters.mariadb.target import MariaDB, MariaDBMember
from faildrill.errors import UnresolvedSecret
from faildrill.toolkit.leader_store import OfStore, Words
from faildrill.toolkit.node_addresses import Address, directory, own_addresses

_WHAT: Final = (
    "SELECT @@global.read_only AS read_only, @@global.gtid_slave_pos AS applied, @@global.gtid_binlog_pos AS written, "
    "@@global.gtid_current_pos AS reached"
)
"""In this order: what is applied is in the log before, so that it never seems to be ahead of it."""
_SETTINGS: Final = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_id', 'hostname', 'log_bin', 'log_slave_updates', "
    "'slave_skip_errors', 'slave_exec_mode')"
)
_RESETS: Final = "SHOW GLOBAL STATUS LIKE 'Com_reset'"
_FILTERS: Final = (
    "Replicate_Do_DB",
    "Replicate_Ignore_DB",
    "Replicate_Do_Table",
    "Replicate_Ignore_Table",
    "Replicate_Wild_Do_Table",
    "Replicate_Wild_Ignore_Table",
    "Replicate_Do_Domain_Ids",
    "Replicate_Ignore_Domain_Ids",
)
"""What SHOW SLAVE STATUS tells of events that a replica leaves out."""


async def sighted(mariadb: MariaDB, within: float) -> Sight:
    """Ask every server now; one that doesn't answer within float seconds is seen as silent."""
    members = mariadb.members.items()
    nodes = await asyncio.gather(*(_node(name, as_admin(mariadb, member), within) for name, member in members))
    followed = [node.follows for node in nodes if node.follows]
    known = await directory(own_addresses(mariadb.members), followed)
    return Sight({node.name: node for node in nodes}, directory=known)


class OfMariaDB(OfStore[Sight]):
    """A kind that looks at every server, in threads that nobody waits for."""

    WORDS: ClassVar[Words] = WORDS
    LIMIT: ClassVar[str] = "late_at_most"
    STORE: ClassVar[str] = "mariadb"

    mariadb: MariaDB

    async def _look(self, within: float) -> Sight:
        return await sighted(self.mariadb, within)


async def promotions(mariadb: MariaDB, within: float) -> dict[str, int]:
    """Return by server how often it was told to forget whom it follows (`RESET`), as whoever promotes it has to.

    It counts since it was started, whoever told it; one that gives no answer is left out.
    """

    async def resets(member: MariaDBMember) -> int | None:
        try:
            [row] = await asked(as_admin(mariadb, member), _RESETS, within=within)
            return int(str(row["Value"]))
        except (OSError, UnresolvedSecret, ValueError, KeyError):
            return None

    counts = await asyncio.gather(*(resets(node) for node in mariadb.members.values()))
    return {name: count for name, count in zip(mariadb.members, counts, strict=True) if count is not None}


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
                settings = await talk.ask(_SETTINGS)
                replicating = await talk.ask("SHOW SLAVE STATUS")
            finally:
                talk.end()
    except (OSError, UnresolvedSecret) as error:
        return Node(name, silent=in_words(error))
    at = time.monotonic_ns()
    variables = {str(row["Variable_name"]).lower(): str(row["Value"]) for row in settings}
    node = Node(name, leads=not what["read_only"], answered=at, settings=variables, leaves_out=_tolerated(variables))
    try:
        applied, written, reached = (positions(str(what[which])) for which in ("applied", "written", "reached"))
    except ValueError:
        return Node(name, silent="garbage")
    node = replace(node, applied=applied, written=written, reached=reached)
    return _following(node, replicating[0]) if replicating else node


def _following(node: Node, row: Row) -> Node:
    threads = {"I/O": row["Slave_IO_Running"], "SQL": row["Slave_SQL_Running"]}
    errors = [f"error {row[f'Last_{kind}_Errno']}" for kind in ("IO", "SQL") if row[f"Last_{kind}_Errno"]]
    halted = errors or [f"{kind} {state.lower()}" for kind, state in threads.items() if state != "Yes"]
    late = row["Seconds_Behind_Master"]
    return replace(
        node,
        follows=Address(str(row["Master_Host"]), int(row["Master_Port"])),
        follows_id=int(row.get("Master_Server_Id") or 0),
        halted=", ".join(halted),
        applies=threads["SQL"] == "Yes",
        late=None if late is None else float(late),
        leaves_out=(*node.leaves_out, *_left_out(row)),
    )


def _left_out(row: Row) -> list[str]:
    """Tell what a replica is set to leave out, to hold back, or not to count by GTID."""
    left_out = [f"{name.lower()} {row[name]}" for name in _FILTERS if row.get(name)]
    if row.get("SQL_Delay"):
        left_out.append(f"delayed by {row['SQL_Delay']} s")
    if row.get("Using_Gtid") == "No":
        left_out.append("replicates by file and position, not by GTID")
    return left_out


def _tolerated(settings: dict[str, str]) -> tuple[str, ...]:
    """Tell which errors a server passes over while it replicates: what it holds may be anything then."""
    tolerated = []
    if (skipped := settings.get("slave_skip_errors", "OFF")) not in ("OFF", ""):
        tolerated.append(f"slave_skip_errors {skipped}")
    if settings.get("slave_exec_mode", "STRICT").upper() == "IDEMPOTENT":
        tolerated.append("slave_exec_mode IDEMPOTENT")
    return tuple(tolerated)
