"""Connections that stand between looks, as a pool of the users keeps them, or that are made anew for each."""

import asyncio
import time
from typing import Any, Final, NamedTuple

from faildrill.adapters.postgres.driver import Answer, Connection
from faildrill.adapters.postgres.sessions import Login, ask, breaks, connect, failures, is_ending
from faildrill.ports import Given, sent_again
from faildrill.toolkit.connection_errors import Ending

_PARTING: Final = 1.0
"""Seconds that a connection may take to say goodbye."""


class Question(NamedTuple):
    """A statement with its values."""

    statement: str
    values: tuple[object, ...] = ()
    changes_nothing: bool = False
    """Asked twice it does what it does asked once."""


class Connections:
    """Standing connections: the one used last is used first; what gave a bad answer is never used again."""

    def __init__(self) -> None:
        self.missing = ""
        """What to say when the table is not there."""
        self.nodes: dict[tuple[str, int], str] = {}
        self._idle: list[Any] = []
        self._partings: set[asyncio.Task[None]] = set()

    async def ask(self, login: Login, given: Given, question: Question, *, is_kept: bool) -> Answer:
        """Return the first row that a statement with its values gives; raises one of `failures()`.

        `is_kept`: over a connection that stands, where there is one, and that stands from then on. Where the server was
        ending that one, a question that changes nothing is asked once more, over a new one; else Ending is raised.
        """
        connection = self._take() if is_kept else None
        if connection is not None:
            try:
                return await self._asked(connection, given, question)
            except failures() as error:
                if not is_ending(error):
                    raise
                if not question.changes_nothing:
                    raise Ending from error
                sent_again(time.monotonic_ns())
        try:
            connection = await connect(login, given.timeout)
        except breaks():
            self._cut(None)
            raise
        return await self._asked(connection, given, question, is_kept=is_kept)

    async def _asked(self, connection: Connection, given: Given, question: Question, *, is_kept: bool = True) -> Answer:
        """Ask over a connection, which stands from then on where it is kept and all went well."""
        try:
            row = await ask(connection, question.statement, *question.values)
        except breaks():
            self._cut(connection)
            raise
        if is_kept and len(self._idle) < max(1, given.in_flight):
            self._idle.append(connection)
        else:
            self._part(connection)
        return row

    async def close(self) -> None:
        """Close all that is left."""
        for connection in self._idle:
            self._part(connection)
        self._idle.clear()
        await asyncio.gather(*self._partings)

    def _take(self) -> Connection | None:
        """Return a persistent connection that is not known to be closed, or None."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    def _cut(self, connection: Connection | None) -> None:
        """Cut a connection that gave a bad answer, or none, and the idle ones: they lead where it led."""
        for session in [connection, *self._idle]:
            if session is not None:
                session.terminate()
        self._idle.clear()

    def _part(self, connection: Connection) -> None:
        """Close a good connection as the protocol asks for, without making anybody wait for it."""
        task = asyncio.create_task(_goodbye(connection))
        self._partings.add(task)
        task.add_done_callback(self._partings.discard)


async def _goodbye(connection: Connection) -> None:
    try:
        await connection.close(timeout=_PARTING)
    except failures():
        connection.terminate()
