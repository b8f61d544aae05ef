"""What a drill will need of PostgreSQL, looked at by `faildrill doctor`."""

import asyncio
import time
from typing import ClassVar, Final, NamedTuple

from faildrill.adapters.postgres.client import Row, Talk
from faildrill.adapters.postgres.conninfo import Login
from faildrill.adapters.postgres.sessions import by_users_path, cause, directly, remedy
from faildrill.adapters.postgres.succession import weighed
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Checked, Given, Kind
from faildrill.toolkit.clock_skew import clock_check
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.leader_store import whole

_QUESTION: Final = (
    "SELECT pg_is_in_recovery() AS standby, extract(epoch FROM clock_timestamp())::float8 AS clock, "
    "current_setting('server_version') AS version, pg_has_role(current_user, 'pg_monitor', 'MEMBER') AS monitor, "
    "has_function_privilege('pg_control_system()', 'EXECUTE') AS control, "
    "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super, "
    "EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_use_reserved_connections' "
    "AND pg_has_role(current_user, oid, 'USAGE')) AS reserved"
)


class Nodes(Kind):
    """Looks whether every node of a cluster lets us in, what we may ask there, and who could take over."""

    patience: ClassVar[float] = 10.0

    target: Cluster

    async def examine(self, given: Given) -> list[Checked]:
        """Look at all nodes at once, then at who could take over."""
        cluster, within = self.target, given.timeout / 2 * SHARE
        names = list(cluster.members)
        answers = await asyncio.gather(
            *(_examined(f"{cluster.name}/{name}", directly(cluster, cluster.members[name]), within) for name in names)
        )
        sight = await weighed(cluster, within)
        return [
            *(checked for some in answers for checked in some),
            *whole(f"{cluster.name}, asked of PostgreSQL,", sight),
        ]


class UsersPath(Kind):
    """Looks whether the path that users take leads to a server that takes writes."""

    target: Database

    async def examine(self, given: Given) -> list[Checked]:
        """Look once."""
        return await _examined(
            f"database {self.target.name}", by_users_path(self.target), given.timeout * SHARE, writes=True
        )


async def _examined(what: str, login: Login, within: float, *, writes: bool = False) -> list[Checked]:
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(login, "faildrill doctor")
            try:
                before = time.time()
                row = await talk.ask(_QUESTION)
                after = time.time()
            finally:
                talk.end()
            node = _read(row)
    except UnresolvedSecret as error:
        return [Checked(f"{what} lets us in", ok=False, told=str(error), remedy=remedy(error, login))]
    except (OSError, ValueError) as error:
        return [Checked(f"{what} lets us in", ok=False, told=cause(error), remedy=remedy(error, login))]
    return _told(what, login, node, writes=writes, clock=clock_check(what, node.clock, (before, after)))


class _Seen(NamedTuple):
    """What a server said of itself."""

    standby: bool
    clock: float
    version: str
    monitor: bool
    control: bool
    apart: str
    """Why it is let in where users are not; empty where it is as they are."""


def _read(row: Row | None) -> _Seen:
    """Read the answer; ValueError when it is none."""
    standby, clock, version, monitor, control, over, reserved = row or Row()
    apart = "is a superuser" if over == "t" else "has pg_use_reserved_connections" if reserved == "t" else ""
    return _Seen(standby == "t", float(clock or "nan"), version or "?", monitor == "t", control == "t", apart)


def _told(what: str, login: Login, seen: _Seen, *, writes: bool, clock: Checked) -> list[Checked]:
    role = "standby" if seen.standby else "takes writes"
    answers = [Checked(f"{what} lets us in", ok=True, told=f"PostgreSQL {seen.version}, {role}"), clock]
    if writes:
        do = "see which server the load balancer sends writes to" if seen.standby else ""
        answers.append(Checked(f"{what} takes writes", not seen.standby, role, do))
        words = f"{login.user} {seen.apart}: it gets in when users find no slot free" if seen.apart else "as every user"
        do = "give the application's `user`, or one with no more rights than it has" if seen.apart else ""
        return [*answers, Checked(f"{what} treats {login.user} as its users", not seen.apart, words, do)]
    rights = {"pg_monitor": seen.monitor, "EXECUTE ON FUNCTION pg_control_system()": seen.control}
    missing = [name for name, granted in rights.items() if not granted]
    words = f"{login.user} may ask for lag and identity" if not missing else f"{login.user} lacks {', '.join(missing)}"
    grants = "; ".join(f"GRANT {name} TO {login.user}" for name in missing)
    return [*answers, Checked(f"{what} answers our questions", not missing, words, grants)]
