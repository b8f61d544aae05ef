"""`redis.ledger`: numbered writes to whichever node the Sentinels name, each noted before it is sent, and read back."""

import asyncio
from typing import Final

from pydantic import Field

from faildrill.adapters.redis.client import Login, NotRedis, Said, Talk, directly, in_words, sentinels
from faildrill.adapters.redis.nodes import asked, role
from faildrill.adapters.redis.target import Redis
from faildrill.errors import UnresolvedSecret
from faildrill.ports import NO_RUN, Given, Seen
from faildrill.record.ledger import Note
from faildrill.record.samples import Outcome
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.ledger_probe import Bookkeeping, Ended, LedgerFiles, LedgerRead, Standing, Write, Writers
from faildrill.toolkit.node_addresses import Address, directory, own_addresses

_KEYS: Final = "faildrill:ledger:"
"""Begins the keys of all ledgers."""
_PAGE: Final = 10_000
"""Entries that are read at a time: Redis serves nobody else meanwhile."""
_NOTHING_WRITTEN: Final = ("READONLY", "NOREPLICAS", "MISCONF", "OOM", "LOADING", "MASTERDOWN", "NOAUTH", "NOPERM")
"""Refusals that come before anything is done."""


class Ledger(Bookkeeping[Talk]):
    """Writes numbered entries as clients of Sentinel do, and afterwards accounts for every one of them.

    Each connection that writes asks the Sentinels for the master, connects to it, and stays until it ends or the node
    refuses writes. Each write is noted in a file of the run's folder before it is sent, and ends *acknowledged*,
    *rejected* (provably not written) or *unknown*. When the drill is over every node is read: an acknowledged write
    that is absent is *lost*, one that is there twice is *duplicated*.

    Redis acknowledges a write before its replicas have it, so a failover may lose some. With `copies: 1` a write counts
    as acknowledged only if `WAIT` says that this many replicas have it; the others are unknown.

    The entries are a list under `faildrill:ledger:RUN:NAME`; those of earlier runs are removed.

        probes:
          ledger: {redis.ledger: {redis: sessions, copies: 1}, every: 20ms, timeout: 2s}
        expect:
          - lost_writes: {of: ledger, at_most: 0}
    """

    redis: Redis = Field(
        description="the nodes; writes go to the master that the Sentinels name, and all are read afterwards"
    )
    writers: Writers = 4
    copies: int = Field(default=0, ge=0, description="replicas that must have a write for it to be acknowledged")

    async def open(self, given: Given) -> None:
        """Open the record, and remove the entries of earlier runs."""
        self._books = LedgerFiles(given, self.writers)
        if given.run == NO_RUN:
            return
        try:
            async with asyncio.timeout(given.timeout):
                await _forget_others((await self._stand(self._opened(), 0, given)).connection, given.run)
        except (OSError, UnresolvedSecret):
            return  # what is left of earlier runs stays: it has another key

    async def _read(self, reading: LedgerRead, given: Given) -> None:
        for name, member in self.redis.members.items():
            login = directly(self.redis, member)
            try:
                is_master, numbers = await asked(login, lambda talk: _entries(talk, _key(given)), given.timeout * SHARE)
            except (OSError, UnresolvedSecret) as error:
                reading.missing(name, in_words(error))
            else:
                reading.held(name, numbers, writer=is_master)

    async def _connect(self, given: Given) -> Standing[Talk]:
        """Connect to whom the Sentinels name."""
        name, login = await self._named(given.timeout * SHARE / 2)
        return Standing(await Talk.begin(login), name)

    async def _put(self, standing: Standing[Talk], write: Write) -> Ended:
        talk, node = standing
        await talk.ask("RPUSH", _key(write.given), write.number)
        try:
            copied = await talk.ask("WAIT", self.copies, self._patience(write.given)) if self.copies else 0
        except OSError as error:  # it has answered the write: what ends here was in use
            return Ended(self._proven(error)._replace(who=node), Note.UNKNOWN)
        if copied < self.copies:
            return Ended(Seen(Outcome.WRONG, node, f"on {copied} of {self.copies} replicas"), Note.UNKNOWN)
        return Ended(Seen(Outcome.OK, node), Note.ACKNOWLEDGED)

    def _note(self, error: OSError) -> Note:
        return Note.REJECTED if isinstance(error, Said) and error.code in _NOTHING_WRITTEN else Note.UNKNOWN

    def _in_words(self, error: OSError) -> str:
        return in_words(error)

    def _patience(self, given: Given) -> int:
        """Return the milliseconds that a write may wait for its copies, so that the answer is in time."""
        return max(1, int(given.timeout * SHARE / 2 * 1000))

    async def _named(self, within: float) -> tuple[str, Login]:
        """Ask the Sentinels one after the other for the master, as a client does."""
        last: OSError = ConnectionRefusedError("no Sentinel knows the master")
        for login in sentinels(self.redis):
            try:
                answer = await asked(
                    login, lambda talk: talk.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.redis.master), within
                )
            except OSError as error:
                last = error
                continue
            if isinstance(answer, list):
                address = Address(str(answer[0]), int(answer[1]))
                name = (await directory(own_addresses(self.redis.members), [address])).member(address)
                if name is None:
                    raise NotRedis(f"{address} is no declared member")
                return name, directly(self.redis, self.redis.members[name])
        raise last


async def _entries(talk: Talk, key: str) -> tuple[bool, list[int]]:
    """Return whether a node is the master, and the numbers that it holds, in order."""
    is_master = (await role("", talk)).leads
    entries: list[int] = []
    while page := await talk.ask("LRANGE", key, len(entries), len(entries) + _PAGE - 1):
        entries += [int(number) if number.isdecimal() else -1 for number in page]
    return is_master, entries


async def _forget_others(talk: Talk, run: str) -> None:
    cursor = "0"
    while True:
        cursor, keys = await talk.ask("SCAN", cursor, "MATCH", f"{_KEYS}*", "COUNT", 1000)
        others = [key for key in keys if not key.startswith(f"{_KEYS}{run}:")]
        if others:
            # UNLINK frees the memory in a thread of its own; DEL of a long list would hold up every user of the
            # server.
            await talk.ask("UNLINK", *others)
        if cursor == "0":
            return


def _key(given: Given) -> str:
    return f"{_KEYS}{given.run}:{given.name}"
