"""What is told to the servers: who takes writes, and who follows whom. Each statement is sent once."""

import asyncio
from typing import Final

from faildrill.adapters.mariadb.nodes import own_addresses, sighted
from faildrill.adapters.mariadb.succession import Sight
from faildrill.adapters.mariadb.talking import Said, Talk, as_admin, in_words
from faildrill.errors import ActionFailed, OutcomeUnknown, UnresolvedSecret
from faildrill.targets import MariaDB

_FOLLOW: Final = (
    "CHANGE MASTER TO master_host=%s, master_port=%s, master_user=%s, master_password=%s, "
    "master_connect_retry=1, master_use_gtid=slave_pos"
)
_ENCRYPTED: Final = ", master_ssl=1"


async def hand_over(mariadb: MariaDB, to: str, within: float) -> None:
    """Make a server the one that takes writes, whatever the others do: right to do again from any state in between.

    Those that take writes are made read-only first; the new one applies all that they and its own relay log have; then
    it takes writes, and whoever answers follows it. Raises ActionFailed or OutcomeUnknown.
    """
    async with asyncio.timeout(within):
        sight = await sighted(mariadb, within / 4)
        if sight.writer != to:
            positions = [await _made_read_only(mariadb, name, within) for name in sight.writers if name != to]
            await _caught_up(mariadb, to, positions, within)
            await _told(mariadb, to, within, "STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL read_only = 0")
        for name, node in sight.nodes.items():
            if name != to and not node.silent and (node.halted or sight.followed(name) != to):
                await follow(mariadb, name, to, within)


async def follow(mariadb: MariaDB, name: str, writer: str, within: float) -> None:
    """Make a server read-only, and a replica of the one that takes writes, from where its own log ends."""
    source = own_addresses(mariadb)[writer][-1]  # as the others know it, where that is declared
    secret = mariadb.replication_password
    login = source.host, source.port, mariadb.replication_user, secret.resolve().reveal() if secret else ""
    await _told(mariadb, name, within, "SET GLOBAL read_only = 1", "STOP SLAVE")
    talk = await _begun(mariadb, name, within)
    try:
        await talk.ask("SET GLOBAL gtid_slave_pos = @@global.gtid_current_pos")
        await talk.ask(_FOLLOW + (_ENCRYPTED if mariadb.tls else ""), *login)
        await talk.ask("START SLAVE")
    except OSError as error:
        raise _broken(mariadb, name, error) from error
    finally:
        talk.end()


def writer_now(sight: Sight, besides: str) -> str | None:
    """Return the one other server that takes writes, None when no other one does."""
    others = [name for name in sight.writers if name != besides]
    return others[0] if len(others) == 1 else None


async def _made_read_only(mariadb: MariaDB, name: str, within: float) -> str:
    """Take no more writes on a server, and return the position of its last one."""
    await _told(mariadb, name, within, "SET GLOBAL read_only = 1")
    talk = await _begun(mariadb, name, within)
    try:
        [row] = await talk.ask("SELECT @@global.gtid_binlog_pos AS written")
        return str(row["written"])
    except OSError as error:
        raise _broken(mariadb, name, error) from error
    finally:
        talk.end()


async def _caught_up(mariadb: MariaDB, name: str, positions: list[str], within: float) -> None:
    """Wait until a server has applied these positions, and what its relay log holds."""
    talk = await _begun(mariadb, name, within)
    try:
        received = [row["Gtid_IO_Pos"] for row in await talk.ask("SHOW SLAVE STATUS")]
        for position in filter(None, [*positions, *received]):
            [row] = await talk.ask("SELECT MASTER_GTID_WAIT(%s, %s) AS waited", position, within / 2)
            if row["waited"] != 0:
                raise ActionFailed(f"{mariadb.name}/{name} does not reach {position} within {within / 2:.0f} s")
    except OSError as error:
        raise _broken(mariadb, name, error) from error
    finally:
        talk.end()


async def _told(mariadb: MariaDB, name: str, within: float, *statements: str) -> None:
    talk = await _begun(mariadb, name, within)
    try:
        for one in statements:
            await talk.ask(one)
    except OSError as error:
        raise _broken(mariadb, name, error) from error
    finally:
        talk.end()


async def _begun(mariadb: MariaDB, name: str, within: float) -> Talk:
    try:
        return await Talk.begin(as_admin(mariadb, mariadb.members[name]), within)
    except (OSError, UnresolvedSecret) as error:
        raise ActionFailed(f"{mariadb.name}/{name} can't be told anything: {in_words(error)}") from error


def _broken(mariadb: MariaDB, name: str, error: OSError) -> ActionFailed | OutcomeUnknown:
    if isinstance(error, Said):
        return ActionFailed(f"{mariadb.name}/{name} refuses: {error}")
    return OutcomeUnknown(f"{mariadb.name}/{name} did not say whether it did: {in_words(error)}")
