"""What a drill will need of MariaDB, looked at by `faildrill doctor`."""

import asyncio
from collections.abc import Iterator
from typing import ClassVar, Final, NamedTuple

from faildrill.adapters.mariadb.client import Login, Row, Talk, as_admin, as_user, in_words, what_to_do
from faildrill.adapters.mariadb.grants import everywhere, past_read_only
from faildrill.adapters.mariadb.nodes import sighted
from faildrill.adapters.mariadb.succession import Sight
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Checked, Given, Kind
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import observed, whole
from faildrill.toolkit.leader_store.checks import misspelled

_WHAT: Final = (
    "SELECT @@version AS version, @@global.server_id AS server_id, @@global.log_bin AS log_bin, "
    "@@global.log_slave_updates AS log_updates, "
    "@@global.gtid_strict_mode AS strict, @@global.rpl_semi_sync_master_enabled AS semi_sync, "
    "@@global.rpl_semi_sync_slave_enabled AS acknowledges"
)
_WAITS: Final = "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_status'"
_RIGHTS: Final = {
    "BINLOG MONITOR": ("BINLOG MONITOR", "SUPER"),
    "REPLICA MONITOR": ("REPLICA MONITOR", "SLAVE MONITOR", "SUPER"),
    "REPLICATION SLAVE ADMIN": ("REPLICATION SLAVE ADMIN", "REPLICATION REPLICA ADMIN", "SUPER"),
    "READ_ONLY ADMIN": ("READ_ONLY ADMIN", "READ ONLY ADMIN"),
    "RELOAD": ("RELOAD",),
}
"""What the admin needs everywhere, and under which names `SHOW GRANTS` may tell it."""


class _Server(NamedTuple):
    """One server's own answers, or why there are none."""

    silent: str = ""
    settings: Row = {}  # noqa: RUF012 - never changed
    replicating: Row = {}  # noqa: RUF012 - never changed
    waits: bool = False
    """Whether it waits for a replica to acknowledge, now."""
    admin: str = ""
    """What the admin may do everywhere."""
    user: str = ""
    """What the application's user may do everywhere, or `-` and how it was not let in."""


class Servers(Kind):
    """Looks whether every server lets us in and replicates as a promotion needs, and what the logins may do."""

    patience: ClassVar[float] = 10.0

    target: MariaDB

    async def examine(self, given: Given) -> list[Checked]:
        """Ask all servers at once."""
        within, members = given.timeout * SHARE, self.target.members
        sight, servers = await asyncio.gather(
            observed(lambda: sighted(self.target, within / 2), within),
            asyncio.gather(
                *(
                    _server(as_admin(self.target, member), as_user(self.target, member), within)
                    for member in members.values()
                )
            ),
        )
        by_name = dict(zip(members, servers, strict=True))
        answers = []
        for name, node in by_name.items():
            what = f"{self.target.name}/{name}"
            if node.silent:
                remedy = what_to_do(node.silent, as_admin(self.target, members[name]))
                answers.append(Checked(what, ok=False, told=node.silent, remedy=remedy))
                continue
            answers += [Checked(what, ok=True, told=str(sight.nodes[name]).removeprefix(f"{name} "))]
            answers += [_replication(f"{what} GTID", node), *_rights(what, node, self.target)]
        heard = {name: answered for name, answered in by_name.items() if not answered.silent}
        return [*answers, *_together(self.target, sight, heard)]


def _replication(what: str, one: _Server) -> Checked:
    """Tell whether a server could be followed by others, and follows by GTID."""
    off = {"log_bin": "log_bin", "log_slave_updates": "log_updates", "gtid_strict_mode": "strict"}
    wrong = [f"{name} is off" for name, column in off.items() if not one.settings[column]]
    if one.replicating and one.replicating.get("Using_Gtid") == "No":
        wrong.append("it replicates by file and position")
    remedy = "turn that on; for a replica: CHANGE MASTER TO master_use_gtid=slave_pos" if wrong else ""
    return Checked(what, not wrong, "; ".join(wrong) or "its log could be followed, and says what it has", remedy)


def _rights(what: str, one: _Server, target: MariaDB) -> Iterator[Checked]:
    """Tell whether the admin may do what drills do, and the application's user no more than the application."""
    lacks = [name for name, words in _RIGHTS.items() if not _has(one.admin, words)]
    words = f"{target.admin} lacks {', '.join(lacks)}" if lacks else f"{target.admin} may ask and tell it"
    remedy = f"GRANT {', '.join(lacks)} ON *.* TO {target.admin}@…" if lacks else ""
    yield Checked(f"{what} admin", not lacks, words, remedy)
    if one.user.startswith("-"):
        remedy = f"see that {target.user} may log in and use {target.database}"
        yield Checked(f"{what} user", ok=False, told=one.user[1:], remedy=remedy)
        return
    excess = past_read_only(one.user, str(one.settings["version"]))
    words = f"{target.user} has {excess}: it writes where nobody may" if excess else f"{target.user} is let in"
    yield Checked(f"{what} user", not excess, words, "take that right from it" if excess else "")


def _has(grants: str, words: tuple[str, ...]) -> bool:
    return "ALL PRIVILEGES" in grants or any(word in grants for word in words)


def _together(target: MariaDB, sight: Sight, seen: dict[str, _Server]) -> Iterator[Checked]:
    """Tell what concerns the servers as a whole: who writes, who follows, what is kept."""
    yield from whole(target.name, sight)
    yield from misspelled(target.name, sight.unspelled(), "others replicate from it at")
    ids = [node.settings["server_id"] for node in seen.values()]
    if len(set(ids)) != len(ids):
        remedy = "give each a `server_id` of its own"
        yield Checked(f"{target.name} server ids", ok=False, told="two servers have the same", remedy=remedy)
    yield _kept(f"{target.name} semi-sync", sight, seen)


def _kept(what: str, sight: Sight, seen: dict[str, _Server]) -> Checked:
    waiting = [name for name, node in seen.items() if node.settings["semi_sync"]]
    silent = [name for name, node in seen.items() if not node.settings["acknowledges"]]
    if not waiting:
        return Checked(what, ok=True, told="off: the last acknowledged writes are lost with the writer")
    if wrong := sorted({*(set(seen) - set(waiting)), *silent}):
        remedy = "set rpl_semi_sync_master_enabled and rpl_semi_sync_slave_enabled on every server: any may write"
        return Checked(what, ok=False, told=f"off on {', '.join(wrong)}, on elsewhere", remedy=remedy)
    if sight.leader in seen and not seen[sight.leader].waits:
        remedy = "see Rpl_semi_sync_master_clients; START SLAVE on a replica after semi-sync was turned on there"
        return Checked(what, ok=False, told=f"{sight.leader} waits for no replica now", remedy=remedy)
    return Checked(what, ok=True, told="on: the writer waits for a replica")


async def _server(admin: Login, user: Login, within: float) -> _Server:
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(admin, within)
            try:
                [settings] = await talk.ask(_WHAT)
                replicating = await talk.ask("SHOW SLAVE STATUS")
                status = await talk.ask(_WAITS)
                grants = await everywhere(talk)
            finally:
                talk.end()
            waits = any(row["Value"] == "ON" for row in status)
            follows = replicating[0] if replicating else {}
            return _Server("", settings, follows, waits, grants, await _user(user, within))
    except (OSError, UnresolvedSecret) as error:
        return _Server(in_words(error))


async def _user(login: Login, within: float) -> str:
    try:
        talk = await Talk.begin(login, within)
        try:
            return await everywhere(talk)
        finally:
            talk.end()
    except (OSError, UnresolvedSecret) as error:
        return f"-{in_words(error)}"
