"""What a login may do on every database, and whether it writes where `read_only` says that nobody may."""

import asyncio
import re
from typing import Final

from faildrill.adapters.mariadb.client import Talk, as_user
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.errors import ActionRefused, UnresolvedSecret

_EVERYWHERE: Final = re.compile(r"GRANT (.+?) ON \*\.\* TO ")
_PAST_READ_ONLY: Final = ("READ_ONLY ADMIN", "READ ONLY ADMIN", "ALL PRIVILEGES")
_APART: Final = (10, 11)
"""Since this version SUPER is without it."""


async def everywhere(talk: Talk) -> str:
    """Return what a login may do on every database, as the server tells it; roles that it has are among it."""
    grants = [str(value) for row in await talk.ask("SHOW GRANTS") for value in row.values()]
    return ", ".join(matched.group(1) for grant in grants if (matched := _EVERYWHERE.match(grant)))


def past_read_only(grants: str, version: str) -> str:
    """Return the right by which a login writes to a server that is read-only; the empty string where it has none."""
    rights = [right for right in _PAST_READ_ONLY if right in grants]
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", version)[:2])
    return (rights or (["SUPER"] if numbers < _APART and "SUPER" in grants else []) or [""])[0]


async def refuse_a_writer_past_read_only(mariadb: MariaDB, name: str, within: float) -> None:
    """Raise ActionRefused where the application's user writes to a server also when that is read-only.

    It would go on writing to the former writer beside the new one: what it writes there is lost, and the server can't
    come back. One that isn't let in here, as it comes by a proxy, tells nothing.
    """
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(as_user(mariadb, mariadb.members[name]), within)
            try:
                grants, [row] = await everywhere(talk), await talk.ask("SELECT @@version AS version")
            finally:
                talk.end()
    except (OSError, UnresolvedSecret):
        return
    if right := past_read_only(grants, str(row["version"])):
        raise ActionRefused(
            f"{mariadb.name}/{name}: {mariadb.user} has {right}, so it goes on writing to a server that was made "
            f"read-only, beside the new writer: take that right from it, as from every application"
        )
