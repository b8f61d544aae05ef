"""`postgres.read`: one question through the path that users read by, look after look."""

import time
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, Field, PrivateAttr

from faildrill.adapters.postgres.kept_sessions import Connections, Question
from faildrill.adapters.postgres.sessions import addresses, by_users_path, failures, name_of, proven
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.ports import Given, Kind, Seen
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome

_READ: Final = """
    SELECT host(inet_server_addr()), inet_server_port(), coalesce(answered, false), value
      FROM (SELECT) AS one LEFT JOIN (SELECT true AS answered, value::text FROM (
{query}
    ) AS asked(value) LIMIT 1) AS answer ON true
"""


def _one(query: str) -> str:
    """Accept one question, without the semicolon that people end it with."""
    query = query.strip().removesuffix(";").rstrip()
    if not query:
        raise ValueError("a query asks something, e.g. SELECT 1")
    return query


class Read(Kind):
    """Sends one query through a path that users read by; good when a row comes, and with `expect` the expected one.

    The query runs inside another one, so it can't be an INSERT, UPDATE or DELETE: the look is `wrong` then, with
    PostgreSQL's own error. `expect` is compared with the first column of the first row, as text (`true`, `42`). A query
    for the newest row shows how far a replica is behind; the default one shows only that somebody answers. What went
    wrong is named as in `postgres.write`. `who` is the node that answered: by its name in `cluster`, otherwise by its
    address.

    `connection: kept` looks over persistent connections, as a pool does; `fresh` connects for every look. A kept
    connection that the server was closing is replaced, and the query is sent once more.

        probes:
          reads: {postgres.read: {database: payments, cluster: payments, connection: fresh}, every: 20ms}
    """

    heard_as: ClassVar[View] = "application"

    database: Database = Field(description="the database, as readers reach it")
    query: Annotated[str, AfterValidator(_one)] = Field(default="SELECT 1", description="one query")
    expect: str | None = Field(default=None, description="what the first column of the first row must be, as text")
    connection: Literal["kept", "fresh"] = Field(
        default="kept", description="persistent connections, or a new one for each look"
    )
    cluster: Cluster | None = Field(default=None, description="the cluster that names the nodes")

    _connections: Connections = PrivateAttr(default_factory=Connections)

    async def open(self, given: Given) -> None:
        """Learn the nodes' addresses."""
        del given
        self._connections.nodes = await addresses(self.cluster)

    async def close(self) -> None:
        """Close every connection."""
        await self._connections.close()

    async def look(self, given: Given) -> Seen:
        """Ask once."""
        question = Question(_READ.format(query=self.query), changes_nothing=True)
        is_kept = self.connection == "kept"
        try:
            row = await self._connections.ask(by_users_path(self.database), given, question, is_kept=is_kept)
        except failures() as error:
            return proven(error)
        answered = time.monotonic_ns()
        host, port, is_answered, value = row
        who = name_of(self._connections.nodes, host, port)
        if not is_answered:
            return Seen(Outcome.WRONG, who, "no row", answered=answered)
        if self.expect is not None and value != self.expect:
            return Seen(Outcome.WRONG, who, "not the expected answer", answered=answered)
        return Seen(Outcome.OK, who, answered=answered)
