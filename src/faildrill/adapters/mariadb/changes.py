"""What is told to the servers: who takes writes, and who follows whom. Each statement is sent once."""

from collections.abc import Mapping
from typing import Final

from faildrill.adapters.mariadb.statements import Errand
from faildrill.adapters.mariadb.status import Gtid
from faildrill.adapters.mariadb.status import positions as read
from faildrill.adapters.mariadb.succession import Sight
from faildrill.errors import ActionFailed, OutcomeUnknown
from faildrill.toolkit.node_addresses import own_addresses

_FOLLOW: Final = (
    "CHANGE MASTER TO master_host=%s, master_port=%s, master_user=%s, master_password=%s, "
    "master_connect_retry=1, master_use_gtid=slave_pos"
)
_ENCRYPTED: Final = ", master_ssl=1"
_DOWN: Final = "refused"
"""How a server is silent that does not run: it can't be taking writes. Any other silence may hide that it does."""


async def hand_over(errand: Errand, sight: Sight, to: str, last: str | None = None) -> None:
    """Make a server the one that takes writes, as decided by one look: right to do again from any state in between.

    Those that took writes are made read-only first, and so is `last`, which may have since, also where the new one
    seems to take writes already. The new one applies all that they and its own relay log have; then it takes writes,
    also where it seemed to, and whoever answered follows it. Nobody is looked at anew: a server that was to be made
    read-only and does not answer now, ends it, with nobody promoted. Raises ActionFailed or OutcomeUnknown.
    """
    former = sorted({*sight.leading, *filter(None, [last])} - {to})
    if sight.leader == to:  # so it seems: a look may be old, and two servers would take writes
        former = [name for name in former if not sight.nodes[name].silent]
    positions = [await _made_read_only(errand, name) for name in former]
    if positions or sight.leader != to:
        await _caught_up(errand, to, positions)
    async with errand.to(to) as server:
        if sight.leader != to:
            await server.do("STOP SLAVE")
            await server.do("RESET SLAVE ALL")
        await server.do("SET GLOBAL read_only = 0")
    for name, node in sight.nodes.items():
        if name != to and not node.silent and (node.halted or sight.followed(name) != to):
            await follow(errand, name, to)


def refuse_silent(sight: Sight, where: str, besides: frozenset[str]) -> None:
    """Raise ActionFailed where a server is silent that may be taking writes; those besides were silent all along."""
    others = [node for name, node in sight.nodes.items() if name not in besides]
    silent = [str(node) for node in others if node.silent not in ("", _DOWN)]
    if silent:
        raise ActionFailed(f"{where}: {', '.join(silent)}, and may be taking writes: nobody was promoted")


async def follow(errand: Errand, name: str, writer: str) -> None:
    """Make a server read-only, and a replica of the one that takes writes, from where its own log ends."""
    mariadb = errand.mariadb
    source = own_addresses(mariadb.members)[writer][-1]  # as the others know it, where that is declared
    secret = mariadb.replication_password
    login = source.host, source.port, mariadb.replication_user, secret.resolve().reveal() if secret else ""
    async with errand.to(name) as server:
        await server.do("SET GLOBAL read_only = 1")
        await server.do("STOP SLAVE")
        await server.do("SET GLOBAL gtid_slave_pos = @@global.gtid_current_pos")
        await server.do(_FOLLOW + (_ENCRYPTED if mariadb.tls else ""), *login)
        await server.do("START SLAVE")


def writer_now(sight: Sight, besides: str) -> str | None:
    """Return the one other server that takes writes, None when no other one does."""
    others = [name for name in sight.leading if name != besides]
    return others[0] if len(others) == 1 else None


async def _made_read_only(errand: Errand, name: str) -> str:
    """Take no more writes on a server, and return the position of its last one.

    OutcomeUnknown where it says that it does so, and is seen to take writes still: nobody is promoted beside it.
    """
    async with errand.to(name) as server:
        await server.do("SET GLOBAL read_only = 1")
    async with errand.to(name) as server:  # on a connection of its own: who was asked is not the only witness
        [row] = await server.do("SELECT @@global.read_only AS is_read_only, @@global.gtid_binlog_pos AS written")
    if not row["is_read_only"]:
        raise OutcomeUnknown(
            f"{errand.mariadb.name}/{name} said that it takes no more writes, and takes them still: nobody was promoted"
        )
    return str(row["written"])


async def _caught_up(errand: Errand, name: str, positions: list[str]) -> None:
    """Wait until a server has applied these positions, and what its relay log holds."""
    async with errand.to(name) as server:
        received = [row["Gtid_IO_Pos"] for row in await server.do("SHOW SLAVE STATUS")]
        [row] = await server.do("SELECT @@global.gtid_current_pos AS reached")
        has = read(str(row["reached"]))
        for position in filter(None, [*positions, *received]):
            if _covers(has, position):
                continue  # what it wrote itself, it would wait for in vain: it counts what it was sent
            within = errand.left / 2
            [row] = await server.do("SELECT MASTER_GTID_WAIT(%s, %s) AS waited", position, within)
            if row["waited"] != 0:
                raise ActionFailed(f"{errand.mariadb.name}/{name} does not reach {position} within {within:.1f} s")


def _covers(has: Mapping[int, Gtid], position: str) -> bool:
    """Tell whether a server has all up to a position."""
    return all(domain in has and has[domain].number >= at.number for domain, at in read(position).items())
