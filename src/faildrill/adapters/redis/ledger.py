"""`redis.ledger`: numbered writes to whichever node the Sentinels name, each noted before it is sent, and read back."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.redis.nodes import SHARE, asked, role
from faildrill.adapters.redis.talking import Login, NotRedis, Said, Talk, directly, in_words, sentinels
from faildrill.clock import boot_id
from faildrill.errors import CannotSee, UnresolvedSecret
from faildrill.ledger import MOST_WRITERS, Note, path_of
from faildrill.ledger.keeping import Keeping
from faildrill.ports import Captured, Given, Kind, Seen
from faildrill.samples import Outcome
from faildrill.targets import Redis

_KEYS: Final = "faildrill:ledger:"
_PAGE: Final = 10_000
_NOTHING_WRITTEN: Final = ("READONLY", "NOREPLICAS", "MISCONF", "OOM", "LOADING", "MASTERDOWN", "NOAUTH", "NOPERM")
"""Refusals that come before anything is done."""


@dataclass
class _Writing:
    """What stands between looks."""

    keeping: Keeping | None = None
    standing: dict[int, tuple[str, Talk]] = field(default_factory=dict)
    """By writer: which node it is connected to, and the connection."""


class Ledger(Kind):
    """Writes numbered entries as clients of Sentinel do, and afterwards accounts for every one of them.

    Every writer asks the Sentinels for the master, connects to it, and stays until its connection ends or the node
    refuses writes. Each write is noted in a file of the run's folder before it is sent and ends *acknowledged*,
    *rejected* (provably not written) or *unknown*. When the drill is over every node is read: an acknowledged write
    that is absent is *lost*, one that is there twice is *duplicated*. Redis acknowledges before its replicas have it,
    so a failover may lose some. With `copies: 1` a write is acknowledged only when `WAIT` says that as many replicas
    have it: the others are unknown, which no client takes for a promise.

    The entries are a list under `faildrill:ledger:RUN:NAME`; those of earlier runs are removed.

        probes:
          ledger: {redis.ledger: {redis: sessions, copies: 1}, every: 20ms, timeout: 2s}
        expect:
          - lost_writes: {of: ledger, at_most: 0}
    """

    redis: Redis = Field(description="the master, as the Sentinels name it, and every node that is read afterwards")
    writers: int = Field(default=4, ge=1, le=MOST_WRITERS, description="how many write at once")
    copies: int = Field(default=0, ge=0, description="replicas that must have a write for it to be acknowledged")

    _writing: _Writing = PrivateAttr(default_factory=_Writing)

    async def open(self, given: Given) -> None:
        """Open the record, and remove the entries of earlier runs."""
        self._writing.keeping = Keeping(path_of(_folder(given), given.name), self.writers)
        try:
            async with asyncio.timeout(given.timeout):
                _, talk = await self._connected(0, given.timeout)
                await _forget_others(talk, given.run)
        except (OSError, UnresolvedSecret):
            return  # what is left of earlier runs stays: it has another key

    async def close(self) -> None:
        """Close the record and every connection."""
        for _, talk in self._writing.standing.values():
            talk.end()
        if self._writing.keeping is not None:
            await self._writing.keeping.close()
        self._writing = _Writing()

    async def look(self, given: Given) -> Seen:
        """Write the next number, if a writer is free."""
        keeping = self._writing.keeping
        if keeping is None:
            raise RuntimeError("the ledger was not opened: there is nowhere to note what is sent")
        writer = keeping.take()
        if writer is None:
            return Seen(Outcome.SKIPPED)
        try:
            return await self._write(keeping, writer, given)
        finally:
            keeping.give_back(writer)

    async def read_back(self, given: Given) -> Captured:
        """Read the entries of this run from every node, and keep them beside the record."""
        from faildrill.ledger import accounts  # noqa: PLC0415 - NumPy is for after the run, not for a prober

        folder = _folder(given)
        read_at, noted = time.monotonic_ns(), accounts.noted(path_of(folder, given.name))
        told: dict[str, dict[str, str | int | bool]] = {}
        for name, member in self.redis.members.items():
            try:
                is_master, numbers = await asked(
                    directly(self.redis, member), lambda talk: _entries(talk, _key(given)), given.timeout * SHARE
                )
            except (OSError, UnresolvedSecret) as error:
                told[name] = {"writer": False, "rows": 0, "missing": in_words(error)}
                continue
            rows = accounts.Rows(accounts.integers(numbers), read_at, is_master, noted, boot_id())
            accounts.keep(folder, given.name, name, rows)
            told[name] = {"writer": is_master, "rows": len(numbers), "missing": ""}
        if all(one["missing"] for one in told.values()):
            raise CannotSee("; ".join(f"{name} could not be read: {one['missing']}" for name, one in told.items()))
        return {"read_at": read_at, "nodes": {name: dict(one) for name, one in told.items()}}

    async def _write(self, keeping: Keeping, writer: int, given: Given) -> Seen:
        try:
            node, talk = await self._connected(writer, given.timeout)
        except OSError as error:
            return _proven(error)
        number = keeping.send(writer)
        note = Note.UNKNOWN
        try:
            await talk.ask("RPUSH", _key(given), number)
            copied = await talk.ask("WAIT", self.copies, self._patience(given)) if self.copies else 0
            note = Note.ACKNOWLEDGED if copied >= self.copies else Note.UNKNOWN
        except OSError as error:
            note = Note.REJECTED if isinstance(error, Said) and error.code in _NOTHING_WRITTEN else Note.UNKNOWN
            return _proven(error)._replace(who=node)
        finally:
            answered = keeping.end(number, writer, note)
            if note != Note.ACKNOWLEDGED:
                self._writing.standing.pop(writer)[1].end()
        if note != Note.ACKNOWLEDGED:
            return Seen(Outcome.WRONG, node, f"on {copied} of {self.copies} replicas", answered=answered)
        return Seen(Outcome.OK, node, answered=answered)

    def _patience(self, given: Given) -> int:
        """Return the milliseconds that a write may wait for its copies, so that the answer is in time."""
        return max(1, int(given.timeout * SHARE / 2 * 1000))

    async def _connected(self, writer: int, within: float) -> tuple[str, Talk]:
        """Return the writer's node and connection: a new one, to whom the Sentinels name, where none stands."""
        standing = self._writing.standing.get(writer)
        if standing is None or standing[1].is_over:
            name, login = await self._named(within * SHARE / 2)
            standing = self._writing.standing[writer] = name, await Talk.begin(login)
        return standing

    async def _named(self, within: float) -> tuple[str, Login]:
        """Ask the Sentinels one after the other for the master, as a client does."""
        last: OSError = ConnectionRefusedError("no Sentinel knows the master")
        for login in sentinels(self.redis):
            try:
                said = await asked(
                    login, lambda talk: talk.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.redis.master), within
                )
            except OSError as error:
                last = error
                continue
            if isinstance(said, list):
                address = ":".join(said)
                for member in self.redis.members.values():
                    if member.address == address:
                        return member.name, directly(self.redis, member)
                raise NotRedis(f"{address} is no declared member")
        raise last


async def _entries(talk: Talk, key: str) -> tuple[bool, list[int]]:
    """Return whether a node is the master, and the numbers that it holds, in order."""
    is_master = (await role("", talk)).is_master
    found: list[int] = []
    while page := await talk.ask("LRANGE", key, len(found), len(found) + _PAGE - 1):
        found += [int(one) if one.isdecimal() else -1 for one in page]
    return is_master, found


async def _forget_others(talk: Talk, run: str) -> None:
    cursor = "0"
    while True:
        cursor, keys = await talk.ask("SCAN", cursor, "MATCH", f"{_KEYS}*", "COUNT", 1000)
        others = [key for key in keys if not key.startswith(f"{_KEYS}{run}:")]
        if others:
            await talk.ask("UNLINK", *others)
        if cursor == "0":
            return


def _key(given: Given) -> str:
    return f"{_KEYS}{given.run}:{given.name}"


def _proven(error: OSError) -> Seen:
    """Tell what a failure proves, as a look."""
    if isinstance(error, ConnectionRefusedError):
        return Seen(Outcome.REFUSED)
    if isinstance(error, TimeoutError):
        return Seen(Outcome.TIMED_OUT)
    if isinstance(error, ConnectionError):
        return Seen(Outcome.RESET)
    return Seen(Outcome.WRONG, detail=in_words(error))


def _folder(given: Given) -> Path:
    if given.folder is None or not given.name:
        raise CannotSee("a ledger needs a run's folder to keep its record in")
    return given.folder
