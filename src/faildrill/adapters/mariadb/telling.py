"""What is told to the servers: who takes writes, and who follows whom. Each statement is sent once."""

from typing import Final

from faildrill.adapters.mariadb.nodes import sighted
from faildrill.adapters.mariadb.statements import Errand
from faildrill.adapters.mariadb.succession import Sight
from faildrill.errors import ActionFailed
from faildrill.toolkit.addresses import own_addresses

_FOLLOW: Final = (
    "CHANGE MASTER TO master_host=%s, master_port=%s, master_user=%s, master_password=%s, "
    "master_connect_retry=1, master_use_gtid=slave_pos"
)
_ENCRYPTED: Final = ", master_ssl=1"
_DOWN: Final = "refused"
"""How a server is silent that does not run: it can't be taking writes. Any other silence may hide that it does."""


async def hand_over(errand: Errand, to: str, given_up: frozenset[str] = frozenset()) -> None:
    """Make a server the one that takes writes, whatever the others do: right to do again from any state in between.

    Those that take writes are made read-only first; the new one applies all that they and its own relay log have; then
    it takes writes, also where it seemed to, and whoever answers follows it. Nothing is told while one that may be
    taking writes is silent, but for those that were `given_up`: silent when nobody was seen to take writes. Raises
    ActionFailed or OutcomeUnknown.
    """
    sight = await sighted(errand.mariadb, errand.left / 4)
    others = [node for name, node in sight.nodes.items() if name not in {to, *given_up}]
    silent = [str(node) for node in others if node.silent not in ("", _DOWN)]
    if silent:
        raise ActionFailed(f"{errand.mariadb.name}: {', '.join(silent)}, and may be taking writes: nobody was promoted")
    if sight.leader != to:
        positions = [await _made_read_only(errand, name) for name in sight.leading if name != to]
        await _caught_up(errand, to, positions)
    async with errand.to(to) as server:
        if sight.leader != to:
            await server.do("STOP SLAVE")
            await server.do("RESET SLAVE ALL")
        await server.do("SET GLOBAL read_only = 0")
    for name, node in sight.nodes.items():
        if name != to and not node.silent and (node.halted or sight.followed(name) != to):
            await follow(errand, name, to)


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
    """Take no more writes on a server, and return the position of its last one."""
    async with errand.to(name) as server:
        await server.do("SET GLOBAL read_only = 1")
        [row] = await server.do("SELECT @@global.gtid_binlog_pos AS written")
    return str(row["written"])


async def _caught_up(errand: Errand, name: str, positions: list[str]) -> None:
    """Wait until a server has applied these positions, and what its relay log holds."""
    async with errand.to(name) as server:
        received = [row["Gtid_IO_Pos"] for row in await server.do("SHOW SLAVE STATUS")]
        for position in filter(None, [*positions, *received]):
            within = errand.left / 2
            [row] = await server.do("SELECT MASTER_GTID_WAIT(%s, %s) AS waited", position, within)
            if row["waited"] != 0:
                raise ActionFailed(f"{errand.mariadb.name}/{name} does not reach {position} within {within:.1f} s")
