"""`postgres.identity` and `postgres.marker`: what the servers say that they are, before anything is touched."""

import asyncio
import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from faildrill.adapters.postgres.client import NotPostgres, Row, Said, Talk
from faildrill.adapters.postgres.conninfo import Login
from faildrill.adapters.postgres.sessions import by_users_path, cause, directly, remedy
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Words
from faildrill.toolkit.identity import DIFFERS, PROVED, SILENT, Answer, EveryNodeProves, unproven

_SYSTEM: Final = "SELECT system_identifier::text FROM pg_control_system()"
"""As text: it is a number of 64 bits, which JSON and YAML may round."""
_OF_STATEMENTS: Final = "42"
"""Class of SQLSTATE of a statement that is wrong or not allowed."""
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}(\.[a-z_][a-z0-9_]{0,62})?")
"""A name that needs no quotes, with its schema or without; 63 bytes are what PostgreSQL keeps of one."""


def _digits(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class _Asked(EveryNodeProves[Login]):
    """What both guards share: every node is asked directly, and the users' path too where it is named."""

    cluster: Cluster | None = Field(default=None, description="every member is asked directly")
    database: Database | None = Field(default=None, description="asked by the path that users take")

    @model_validator(mode="after")
    def _asks_somebody(self) -> Self:
        if self.cluster is None and self.database is None:
            raise ValueError("name a cluster, a database, or both: nobody is asked otherwise")
        return self

    def _logins(self) -> Mapping[str, Login]:
        logins: dict[str, Login] = {}
        if self.cluster is not None:
            cluster = self.cluster
            logins |= {f"{cluster.name}/{name}": directly(cluster, member) for name, member in cluster.members.items()}
        if self.database is not None:
            logins[f"database {self.database.name}"] = by_users_path(self.database)
        return logins

    async def _one(self, login: Login, within: float) -> Answer:
        try:
            async with asyncio.timeout(within):
                talk = await Talk.begin(login, "faildrill guard")
                try:
                    differs = await self._differs(talk)
                finally:
                    talk.end()
        except UnresolvedSecret as error:
            return Answer(SILENT, f"can't be asked what it is: {error}")
        except OSError as error:
            is_other = isinstance(error, NotPostgres) or (isinstance(error, Said) and not error.is_passing)
            words = unproven(login.where, cause(error), self._do(error, login))
            return Answer(DIFFERS if is_other else SILENT, words)
        return Answer(PROVED) if differs is None else Answer(DIFFERS, differs)

    def _do(self, error: OSError, login: Login) -> str:
        """Tell what to do: of a statement that was refused, what it needs; else what keeps us from logging in."""
        refused = isinstance(error, Said) and error.sqlstate[:2] == _OF_STATEMENTS
        return self._remedy if refused else remedy(error, login)

    @property
    @abstractmethod
    def _remedy(self) -> str: ...

    @abstractmethod
    async def _differs(self, talk: Talk) -> str | None:
        """Return how the answer differs from what was declared, and what to do; None when it doesn't."""
        ...


class Identity(_Asked):
    """Refuses the drill unless every member of the cluster says that it is the declared system.

    PostgreSQL makes up a system identifier when a cluster is created, and all its standbys share it; no name, address
    or DNS record can fake it. Every member is asked directly. One that differs, is down, hangs, or answers anything
    else is an objection. With `database` the path that users and writing probes take is asked as well.

        identity:
          - postgres.identity: {cluster: payments, database: payments, system_identifier: "7412345678901234567"}
    """

    system_identifier: Annotated[str, BeforeValidator(_digits)] = Field(
        pattern="^[0-9]{1,20}$", description="as `SELECT system_identifier FROM pg_control_system()` shows it"
    )

    @property
    def _remedy(self) -> str:
        return "bring it up, and see that the login may call pg_control_system()"

    def facts(self) -> list[str]:
        """Return the system, however it is reached."""
        return [f"postgres system {self.system_identifier}"]

    async def _differs(self, talk: Talk) -> str | None:
        row = await talk.ask(_SYSTEM)
        [identifier] = (row or [None])[:1]
        if identifier == self.system_identifier:
            return None
        return (
            f"says that it is system {identifier}, not {self.system_identifier}: this is not what was declared; "
            "only if it was rebuilt on purpose, put the new identifier into the environment file"
        )


class Marker(_Asked):
    """Refuses the drill unless a marker row on every member says that this is the declared place and drillable.

    Whoever may decide that the place can be drilled writes the row once: a table with the columns `drillable boolean`
    and `uid text` that holds exactly one row. Standbys get it by replication. A member that is down, hangs, has no such
    row or more than one is an objection.

        identity:
          - postgres.marker: {cluster: payments, uid: "3f2a9c…"}
    """

    uid: Words = Field(min_length=8, description="the random name of this place")
    table: str = Field(default="faildrill_environment", description="the marker's table, with its schema if needed")

    @field_validator("table")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("a table's name, e.g. faildrill_environment or drills.marker, in lower case")
        return value

    @property
    def _remedy(self) -> str:
        return f"see that it is up, and that the login may read the one row of {self.table}"

    def facts(self) -> list[str]:
        """Return the marker's name, wherever it is kept."""
        return [f"postgres marker {self.uid}"]

    async def _differs(self, talk: Talk) -> str | None:
        row = await talk.ask(
            f"SELECT count(*), bool_and(drillable IS TRUE), min(uid::text) FROM {self.table}",  # noqa: S608 - see _is_a_name
        )
        count, drillable, uid = (*(row or Row()), None, None, None)[:3]
        if count != "1":
            return f"holds {count} rows in {self.table} where exactly one is due: {self._remedy}"
        if uid != self.uid:
            return f"carries the marker {uid!r}, not {self.uid!r}: this is not the declared place"
        if drillable != "t":
            return f"carries a marker that does not say drillable: set {self.table}.drillable only if it may be drilled"
        return None


async def system(login: Login) -> str:
    """Return the system identifier that a server says it has. Raises OSError or UnresolvedSecret; give it a time."""
    talk = await Talk.begin(login, "faildrill guard")
    try:
        row = await talk.ask(_SYSTEM)
    finally:
        talk.end()
    return str((row or [""])[0])
