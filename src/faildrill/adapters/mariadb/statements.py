"""A statement that changes a server: sent once, bounded at the server, and ended there when its answer doesn't come.

Whoever gives up on a statement does not end it: it goes on waiting behind others, and acts when they are done. So each
carries its limit (`max_statement_time`, `lock_wait_timeout`) and the run's id, by which any process finds what is left
of a run (`KILL`, and seen gone). Some can't be ended (`STOP SLAVE` waits for what the replica is applying): those are
told as still under way, for as long as they are.
"""

import asyncio
import math
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from faildrill.adapters.mariadb.client import Login, Row, Said, Talk, as_admin, in_words
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.errors import ActionFailed, OutcomeUnknown, UnresolvedSecret

_ANSWER: Final = 0.5
"""Seconds that an answer may take beyond the limit that the server holds, at the most; less where time is short."""
_ENDING: Final = 2.0
"""Seconds to see a statement ended, at the most."""
_AGAIN: Final = 0.1
"""Seconds between two looks at whether a statement is gone."""
_TIME_OVER: Final = (1969, 1205)
"""The server ended it by itself: its own time was over, or that for waiting behind somebody's lock."""
_NOBODY: Final = 1094
"""ER_NO_SUCH_THREAD: whoever is to be ended is gone already."""
_OURS: Final = "SELECT id, info FROM information_schema.processlist WHERE info LIKE %s AND id <> CONNECTION_ID()"
"""Statements that begin with the mark of the run; our own question holds it as a value, so it is left out by its id."""
_IS_THERE: Final = "SELECT COUNT(*) AS there FROM information_schema.processlist WHERE id = %s"
"""KILL only sets a flag: the connection is gone when the server comes to look at it."""


class Left(NamedTuple):
    """A statement of a run that is still under way."""

    name: str
    id: int
    statement: str

    def __str__(self) -> str:
        """Tell it in a sentence's part."""
        return f"{self.name} still has `{self.statement}` of this run to do"


@dataclass(frozen=True)
class Errand:
    """What a run has to tell the servers, and until when."""

    mariadb: MariaDB
    run: str
    until: float
    """On the loop's clock."""

    @classmethod
    def within(cls, mariadb: MariaDB, run: str, seconds: float) -> "Errand":
        """Return one that has some seconds from now on."""
        return cls(mariadb, run, asyncio.get_running_loop().time() + seconds)

    @property
    def left(self) -> float:
        """The seconds that are left of it."""
        return self.until - asyncio.get_running_loop().time()

    @asynccontextmanager
    async def to(self, name: str) -> "AsyncIterator[Told]":
        """Connect to a server; ActionFailed, with nothing sent, when that can't be had."""
        where, left = f"{self.mariadb.name}/{name}", self.left
        if left <= 0:
            raise ActionFailed(f"{where}: no time was left to tell it anything; nothing was sent")
        login = as_admin(self.mariadb, self.mariadb.members[name])
        try:
            async with asyncio.timeout(left):
                talk = await Talk.begin(login, left + _ENDING)
        except (OSError, UnresolvedSecret) as error:
            raise ActionFailed(f"{where} can't be told anything: {in_words(error)}; nothing was sent") from error
        try:
            yield Told(self, login, where, talk)
        finally:
            talk.end()


class Told:
    """A server that is told what to do."""

    def __init__(self, errand: Errand, login: Login, where: str, talk: Talk) -> None:
        self._errand = errand
        self._login = login
        self._where = where
        self._talk = talk

    async def do(self, statement: str, *values: str | float) -> list[Row]:
        """Send a statement, once, and return its rows.

        Raises ActionFailed where it is not sent or the server says that it did not do it, OutcomeUnknown otherwise.
        """
        left = self._errand.left
        if left <= 0:
            raise ActionFailed(f"{self._where}: no time was left for `{statement}`; it was not sent")
        # the server's limit counts from when the statement begins there: by then its time is over for us, too
        # lock_wait_timeout takes whole seconds only, and 0 would mean not to wait at all.
        limit = f"SET SESSION max_statement_time = {left:.3f}, lock_wait_timeout = {math.ceil(left)}"
        try:
            async with asyncio.timeout(left + min(_ANSWER, left)):
                await self._talk.ask(limit)
                return await self._talk.ask(f"{_mark(self._errand.run)}{statement}", *values)
        except Said as error:
            raise ActionFailed(f"{self._where} {_refusal(error, statement, left)}") from error
        except OSError as error:
            how = await self._ended(left)
            raise OutcomeUnknown(
                f"{self._where} did not say whether it did `{statement}` ({in_words(error)}); {how}"
            ) from error

    async def _ended(self, left: float) -> str:
        """End it, and tell whether it was seen ended."""
        if await _is_ended(self._login, self._talk.id, min(_ENDING, left)):
            return "it was seen ended there"
        return "it was not seen ended: it may still be done"


async def left_of(mariadb: MariaDB, run: str, within: float) -> tuple[list[Left], dict[str, str]]:
    """List what a run has told the servers that is still under way; and which servers don't tell, and why."""
    names = list(mariadb.members)
    by_member = dict(
        zip(names, await asyncio.gather(*(_left(mariadb, name, run, within) for name in names)), strict=True)
    )
    left = [
        statement for left_there in by_member.values() if not isinstance(left_there, str) for statement in left_there
    ]
    return left, {name: trouble for name, trouble in by_member.items() if isinstance(trouble, str)}


async def end_left(errand: Errand) -> None:
    """End what earlier calls of the run have left under way; ActionFailed names what would not end."""
    mariadb = errand.mariadb
    statements, _ = await left_of(mariadb, errand.run, min(_ENDING, errand.left))
    logins = [as_admin(mariadb, mariadb.members[statement.name]) for statement in statements]
    ended = await asyncio.gather(
        *(
            _is_ended(login, statement.id, max(errand.left, _AGAIN))
            for login, statement in zip(logins, statements, strict=True)
        )
    )
    still = [statement for statement, is_over in zip(statements, ended, strict=True) if not is_over]
    if still:
        raise ActionFailed(f"{mariadb.name}: {'; '.join(map(str, still))}, and it would not end")


def _mark(run: str) -> str:
    return f"/* faildrill {re.sub(r'[^A-Za-z0-9.-]', '.', run)} */ "


def _refusal(error: Said, statement: str, left: float) -> str:
    if error.code in _TIME_OVER:
        return f"ended `{statement}` by itself after {left:.1f} s: somebody's statement or lock is in its way"
    return f"refuses `{statement}`: {error}"


async def _left(mariadb: MariaDB, name: str, run: str, within: float) -> list[Left] | str:
    mark = _mark(run)
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(as_admin(mariadb, mariadb.members[name]), within)
            try:
                rows = await talk.ask(_OURS, f"{mark}%")
            finally:
                talk.end()
    except (OSError, UnresolvedSecret) as error:
        return in_words(error)
    return [Left(name, int(row["id"]), str(row["info"]).removeprefix(mark)) for row in rows]


async def _is_ended(login: Login, number: int, within: float) -> bool:
    """End a connection at its server, and tell whether it was seen gone."""
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(login, within)
            try:
                await talk.ask(f"KILL {number:d}")
                while (await talk.ask(_IS_THERE, number))[0]["there"]:  # noqa: ASYNC110 - another's event
                    await asyncio.sleep(_AGAIN)
            except Said as error:
                return error.code == _NOBODY
            finally:
                talk.end()
    except (OSError, UnresolvedSecret):
        return False
    return True
