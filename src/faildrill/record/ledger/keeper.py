"""A ledger as a probe keeps it: the record, who of its writers is free, and the syncing."""

import asyncio
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from faildrill.record.ledger import Ledger, Note

SYNC_EVERY: Final = 0.2
"""Seconds between two syncs to the disk."""


class LedgerKeeper:
    """Notes the writes of some writers, each with one write under way at a time; needs a running loop."""

    def __init__(self, path: Path, writers: int) -> None:
        self._book = Ledger(path)
        self._idle = deque(range(writers))
        self._syncing = asyncio.create_task(self._sync())

    def take(self) -> int | None:
        """Take the writer that has been idle for longest; None when all are at work."""
        return self._idle.popleft() if self._idle else None

    def give_back(self, writer: int) -> None:
        """Let a writer be idle again."""
        self._idle.append(writer)

    def send(self, writer: int) -> int:
        """Give the next write its number, noted before it is sent; OSError, and no number, when it can't be."""
        return self._book.send(time.monotonic_ns(), writer)

    def end(self, number: int, writer: int, note: Note) -> int:
        """Note how a write ended, and return when that was (monotonic ns)."""
        at = time.monotonic_ns()
        self._book.end(at, number, writer, note)
        return at

    async def close(self) -> None:
        """Sync and close the record."""
        self._syncing.cancel()
        with suppress(asyncio.CancelledError):
            await self._syncing
        self._book.close()

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_EVERY)
            await asyncio.to_thread(self._book.sync)
