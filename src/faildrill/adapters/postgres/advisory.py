"""`postgres.advisory`: a lock between hosts, kept by a session of PostgreSQL and gone with it."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Self

from pydantic import Field, PrivateAttr, model_validator

from faildrill.adapters.postgres.asking import SHARE, Login, ask, by_users_path, connect, directly, failures, in_words
from faildrill.errors import CannotSee, UnresolvedSecret
from faildrill.ports import Given, Kind
from faildrill.targets import Cluster, Database

_CHECKED_EVERY: Final = 1.0
_CHECKED_WITHIN: Final = 2.0
_CLOSED_WITHIN: Final = 2.0
_LONGEST_NAME: Final = 63
"""Characters of `application_name` that PostgreSQL keeps."""
_KEEPALIVE: Final = (
    "SELECT set_config('tcp_keepalives_idle', '5', false), set_config('tcp_keepalives_interval', '2', false), "
    "set_config('tcp_keepalives_count', '3', false), pg_is_in_recovery() AS standby"
)
_HELD: Final = (
    "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = (($1::bigint >> 32) & 4294967295)::oid "
    "AND l.objid = ($1::bigint & 4294967295)::oid "
    "AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_MINE: Final = f"SELECT count(*) FROM pg_locks l WHERE l.pid = pg_backend_pid() AND {_HELD}"  # noqa: S608 - constant
_WHOSE: Final = (
    "SELECT coalesce(nullif(a.application_name, ''), 'a session without a name') || ' from ' "  # noqa: S608 - constant
    "|| coalesce(host(a.client_addr), 'the server itself') "
    f"FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE {_HELD} LIMIT 1"
)


class Advisory(Kind):
    """Keeps other hosts from drilling the same place: a PostgreSQL advisory lock, held by one standing session.

    The session carries the holder as its `application_name`, so that others are told who drills. When it ends, for
    whatever reason, the lock is free: a run that loses it does no more steps, puts back what it did, and ends ABORTED.
    So use a database that no drill fails over: the lock of a drill that crashes its own database goes with it. Reach
    it past every pooler that shares sessions. A server notices within 15 seconds that a holder's host is gone.

    Both hosts must prove the same identity, which they do when they use the same environment file.

        lock: {postgres.advisory: {database: drills}}
    """

    database: Database | None = Field(default=None, description="where the lock is, by the users' path")
    cluster: Cluster | None = Field(default=None, description="where the lock is: on the member that takes writes")
    _connection: Any = PrivateAttr(default=None)
    _key: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if (self.database is None) == (self.cluster is None):
            raise ValueError("name either a database or a cluster")
        return self

    async def take(self, key: str, holder: str, given: Given) -> str | None:
        """Take it and return None, or return who holds it; CannotSee when nobody can be asked."""
        self._key = int.from_bytes(hashlib.sha256(f"faildrill {key}".encode()).digest()[:8], "big", signed=True)
        within = given.timeout * SHARE
        try:
            async with asyncio.timeout(within):
                connection = await self._writer(holder, within)
                [ours] = await ask(connection, "SELECT pg_try_advisory_lock($1::bigint)", self._key)
                if ours:
                    self._connection = connection
                    return None
                row = await ask(connection, _WHOSE, self._key)
                connection.terminate()
        except UnresolvedSecret as error:
            raise CannotSee(str(error)) from error
        except failures() as error:
            raise CannotSee(f"the lock can't be asked for: {in_words(error)}") from error
        return str(row[0]) if row else "somebody who has just let go of it"

    async def _writer(self, holder: str, within: float) -> Any:  # noqa: ANN401 - asyncpg is untyped
        """Connect to the server that takes writes; CannotSee when there is none."""
        said: list[str] = []
        for login in self._logins():
            try:
                connection = await connect(login, within, f"faildrill {holder}"[:_LONGEST_NAME])
            except failures() as error:
                said.append(f"{login.host}:{login.port} {in_words(error)}")
                continue
            if not (await ask(connection, _KEEPALIVE))["standby"]:
                return connection
            connection.terminate()
            said.append(f"{login.host}:{login.port} is a standby")
        raise CannotSee(f"nobody who keeps the lock can be asked: {'; '.join(said)}")

    def _logins(self) -> Iterator[Login]:
        if self.database is not None:
            yield by_users_path(self.database)
        if self.cluster is not None:
            for member in self.cluster.members.values():
                yield directly(self.cluster, member)

    async def lost(self) -> str:
        """Ask every second whether the session still holds it, and return as soon as it does not."""
        while True:
            try:
                async with asyncio.timeout(_CHECKED_WITHIN):
                    [held] = await ask(self._connection, _MINE, self._key)
            except failures() as error:
                return f"the session that holds the lock is gone ({in_words(error)})"
            if held != 1:
                return "the session does not hold the lock any more"
            await self._next_check()

    async def _next_check(self) -> None:
        """Wait for the next check, or until the connection is seen to end."""
        ended = asyncio.Event()

        def tell(_: object) -> None:
            ended.set()

        self._connection.add_termination_listener(tell)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHECKED_EVERY):
                    await ended.wait()
        finally:
            self._connection.remove_termination_listener(tell)

    async def release(self) -> None:
        """End the session, and the lock with it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=_CLOSED_WITHIN)
        except failures():
            connection.terminate()
