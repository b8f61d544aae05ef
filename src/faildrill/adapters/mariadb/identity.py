"""`mariadb.identity`: what every server says that it is, before anything is touched."""

import re
from typing import Final

from pydantic import Field, field_validator

from faildrill.adapters.mariadb.client import Login, NotMariaDB, as_admin, in_words, what_to_do
from faildrill.adapters.mariadb.nodes import asked
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.errors import UnresolvedSecret
from faildrill.ports import Words
from faildrill.toolkit.identity import DIFFERS, PROVED, SILENT, Answer, EveryNodeProves, shown, unproven

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class Identity(EveryNodeProves[Login]):
    """Refuses the drill unless every MariaDB server, asked itself, holds the declared row and no other.

    Write the row once, on the server that takes writes, in what may be drilled: `CREATE TABLE faildrill_identity (uid
    varchar(64))` and `INSERT INTO faildrill_identity VALUES ('UID')`, with a random UID of your own. Replicas get it by
    replication. A server that holds something else or nothing, can't be reached, or is no MariaDB, is an objection.

        identity:
          - mariadb.identity: {mariadb: payments, uid: 7d3f6f1e-2f0c-4a57-9a6e-3a1d6f0b9c11}
    """

    mariadb: MariaDB = Field(description="every member is asked directly")
    uid: Words = Field(min_length=8, description="the text in the row, here and nowhere else")
    table: str = Field(default="faildrill_identity", description="the table that holds it, in its column `uid`")

    @field_validator("table")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("must be the plain name of a table")
        return value

    def facts(self) -> list[str]:
        """Tell the row."""
        return [f"mariadb {self.table} {self.uid}"]

    def _logins(self) -> dict[str, Login]:
        return {
            f"{self.mariadb.name}/{name}": as_admin(self.mariadb, one) for name, one in self.mariadb.members.items()
        }

    async def _one(self, login: Login, within: float) -> Answer:
        try:
            rows = await asked(login, f"SELECT uid FROM {self.table} LIMIT 2", within=within)  # noqa: S608 - a plain name
        except (OSError, UnresolvedSecret) as error:
            words = in_words(error)
            because = unproven(f"{login.host}:{login.port}", words, what_to_do(words, login))
            return Answer(DIFFERS if isinstance(error, NotMariaDB) else SILENT, because)
        uids = [str(row["uid"]) for row in rows]
        if uids == [self.uid]:
            return Answer(PROVED)
        held = ", ".join(map(shown, uids)) or shown(None)
        because = f"is not the declared one: {self.table} holds {held}; if it may be drilled, write the row there"
        return Answer(DIFFERS, because)
