"""`postgres.advisory`: a lock between hosts, kept by a session of PostgreSQL and gone with it."""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, Self

from pydantic import Field, PrivateAttr, model_validator

from faildrill.adapters.postgres.client import Talk
from faildrill.adapters.postgres.conninfo import Login
from faildrill.adapters.postgres.sessions import by_users_path, directly, in_words
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.errors import CannotSee, UnresolvedSecret
from faildrill.ports import Given, Kind
from faildrill.toolkit.deadlines import SHARE

_CHECKED_EVERY: Final = 1.0
"""Seconds between two looks at whether the lock is still ours."""
_CHECKED_WITHIN: Final = 2.0
"""Seconds that such a look may take."""
_CLOSED_WITHIN: Final = 2.0
"""Seconds that the server has to close the session at the end."""
_LONGEST_NAME: Final = 63
"""Characters of `application_name` that PostgreSQL keeps."""
_KEEPALIVE: Final = (
    "SELECT set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false), "
    "set_config('tcp_keepalives_count', '3', false), pg_is_in_recovery() AS standby"
)
"""5 s idle, then three probes 2 s apart: a holder whose host died is gone after 11 s, and with it the lock."""
_HELD: Final = (
    "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 "
    "AND l.classid = (({key}::bigint >> 32) & 4294967295)::oid "
    "AND l.objid = ({key}::bigint & 4294967295)::oid "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
"""How pg_locks shows a lock of one bigint: its high half in `classid`, the low one in `objid`, and `objsubid` is 1."""
_MINE: Final = f"SELECT count(*) FROM pg_locks l WHERE l.pid = pg_backend_pid() AND {_HELD}"  # noqa: S608 - keys are numbers
"""Whether this session has it: after a failover, or behind a pooler, another session may answer."""
_WHOSE: Final = (
    "SELECT coalesce(nullif(a.application_name, ''), 'a session without a name') || ' from ' "  # noqa: S608 - constant
    "|| coalesce(host(a.client_addr), 'the server itself') "
    f"FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE {_HELD} LIMIT 1"
)
"""Who has it: as it calls itself, and from which address."""


class Advisory(Kind):
    """Keeps other hosts from drilling the same place: a PostgreSQL advisory lock, held by one standing session.

    The session's `application_name` names the holder, so that others are told who is drilling. When the session ends,
    for whatever reason, the lock is free. A run that loses it takes no more steps, puts back what it did, and ends
    ABORTED. So use a database that no drill fails over: a drill that crashes the lock's own database loses the lock.
    Don't reach it through a pooler that shares sessions. If a holder's host dies, the server notices within 15 seconds.

    Both hosts must prove the same identity, which they do when they use the same environment file.

        lock: {postgres.advisory: {database: drills}}
    """

    database: Database | None = Field(
        default=None, description="the database that holds the lock, by the path that users take"
    )
    cluster: Cluster | None = Field(
        default=None, description="the cluster that holds the lock, on the member that takes writes"
    )
    _talk: Talk | None = PrivateAttr(default=None)
    _keys: list[int] = PrivateAttr(default=[])

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.database is None) == (self.cluster is None):
            raise ValueError("name either a database or a cluster")
        return self

    async def take(self, keys: Sequence[str], holder: str, given: Given) -> str | None:
        """Take all and return None, or return who holds one; CannotSee when nobody can be asked."""
        self._keys = [_number(key) for key in keys]
        within = given.timeout * SHARE
        try:
            async with asyncio.timeout(within):
                talk = await self._writer(holder)
                other = await self._locked(talk)
        except UnresolvedSecret as error:
            raise CannotSee(str(error)) from error
        except OSError as error:
            raise CannotSee(f"the lock can't be asked for: {in_words(error)}") from error
        if other is None:
            self._talk = talk
        else:
            talk.end()
        return other

    async def _locked(self, talk: Talk) -> str | None:
        """Lock every key, or return who holds the first that is not free."""
        for key in self._keys:
            if await talk.ask(f"SELECT pg_try_advisory_lock({key})") != ["t"]:
                row = await talk.ask(_WHOSE.format(key=key))
                return str(row[0]) if row else "somebody who has just let go of it"
        return None

    async def _writer(self, holder: str) -> Talk:
        """Connect to the server that takes writes; CannotSee when there is none."""
        troubles: list[str] = []
        for login in self._logins():
            try:
                talk = await Talk.begin(login, f"faildrill {holder}"[:_LONGEST_NAME])
                role = await talk.ask(_KEEPALIVE)
            except TimeoutError:
                raise
            except OSError as error:
                troubles.append(f"{login.host}:{login.port} {in_words(error)}")
                continue
            if role and role[-1] == "f":
                return talk
            talk.end()
            troubles.append(f"{login.host}:{login.port} is a standby")
        raise CannotSee(f"nobody who keeps the lock can be asked: {'; '.join(troubles)}")

    def _logins(self) -> Iterator[Login]:
        if self.database is not None:
            yield by_users_path(self.database)
        if self.cluster is not None:
            for member in self.cluster.members.values():
                yield directly(self.cluster, member)

    async def lost(self) -> str:
        """Ask every second whether the session still holds it, and return as soon as it does not."""
        while self._talk is not None:
            try:
                async with asyncio.timeout(_CHECKED_WITHIN):
                    held = [await self._talk.ask(_MINE.format(key=key)) for key in self._keys]
                if held != [["1"]] * len(self._keys):
                    return "the session does not hold the lock any more"
                await self._talk.idle(_CHECKED_EVERY)
            except OSError as error:
                return f"the session that holds the lock is gone ({in_words(error)})"
        return "it was given back"

    async def release(self) -> None:
        """End the session, and the lock with it."""
        talk, self._talk = self._talk, None
        if talk is not None:
            await talk.leave(_CLOSED_WITHIN)


def _number(key: str) -> int:
    """Return the number that a key has among the server's locks."""
    # 64 bits of a digest, with its sign: a bigint is signed, and other users of advisory locks count from 1.
    return int.from_bytes(hashlib.sha256(f"faildrill {key}".encode()).digest()[:8], "big", signed=True)
