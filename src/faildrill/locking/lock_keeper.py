"""The keeper: a process that holds the lock between hosts for a run, and goes on when the runner of it is killed.

    python -m faildrill.locking.lock_keeper FOLDER

Its standard input ends when both runner and sentinel are gone: then it lets go. It says on its standard output, a line
each, whether it has the lock, and that it lost it.
"""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final, Self

import msgspec

from faildrill.errors import CannotSee
from faildrill.locking.shared_lock import WITHIN, Shared
from faildrill.model.environment import Environment
from faildrill.record.timeline import FILE, entries, start_in
from faildrill.system import python, redaction, resolver

LOG: Final = "lock.log"
STARTING: Final = 10.0
"""Seconds that the process may take to be there, besides what the lock itself takes."""
PARTING: Final = 5.0
"""Seconds that it has to let go; then it is killed, which lets go as well."""


class Word(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a keeper says."""

    objection: str | None = None
    lost: str | None = None


class LockKeeper:
    """A keeper as its run knows it: a lock, held by another process."""

    def __init__(self, folder: Path, lifeline: int) -> None:
        self._folder = folder
        self._lifeline = lifeline
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process, where there is one."""
        return self._process.pid if self._process else None

    @property
    def held(self) -> Self | None:
        """The lock, where it is ours to lose."""
        return self if self._process else None

    async def objection(self) -> str | None:
        """Have it take the lock; return who holds it, or why it could not be taken, and None when it is kept."""
        (self._folder / LOG).touch(0o600)
        with (self._folder / LOG).open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *python.module("faildrill.locking.lock_keeper", str(self._folder)),
                stdin=self._lifeline if self._lifeline >= 0 else PIPE,
                stdout=PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(STARTING + WITHIN):
                word = await self._heard()
        except (TimeoutError, CannotSee) as error:
            await self.release()
            return f"the keeper of the lock did not start ({str(error) or 'in time'}); see {self._folder / LOG}"
        if word.objection is not None:
            await self.release()
        return word.objection

    async def lost(self) -> str:
        """Return why the lock is no longer held, as soon as that is known."""
        try:
            return (await self._heard()).lost or "its keeper says no reason"
        except CannotSee as error:
            return str(error)

    async def release(self) -> None:
        """Have it let go."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(PARTING):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()

    async def _heard(self) -> Word:
        """Read the next line; CannotSee when there is none."""
        process = self._process
        line = await process.stdout.readline() if process and process.stdout else b""
        try:
            return msgspec.json.decode(line, type=Word)
        except msgspec.MsgspecError as error:
            raise CannotSee("the process that keeps it has ended") from error


async def keep(folder: Path) -> None:
    """Take the lock of a run's place, and hold it until nobody needs it any more."""
    first = start_in(folder, entries(folder / FILE))
    shared = Shared(Environment.model_validate(first.place), first.run)
    objection = await shared.objection()
    _say(Word(objection=objection))
    if objection is not None or shared.held is None:
        return
    over = asyncio.create_task(_over())
    losing = asyncio.create_task(shared.held.lost())
    await asyncio.wait({over, losing}, return_when=asyncio.FIRST_COMPLETED)
    if losing.done():
        _say(Word(lost=losing.result()))
    losing.cancel()
    await shared.release()


async def _over() -> None:
    """Wait until the run lets go, or nobody of it is left."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_reader(sys.stdin.fileno(), over.set)  # nobody writes to it: it can be read when it has ended
    await over.wait()


def _say(word: Word) -> None:
    with contextlib.suppress(OSError):  # nobody may listen any more
        sys.stdout.buffer.write(redaction.clean(msgspec.json.encode(word).decode()).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.stderr = redaction.Stream(sys.stderr)
    resolver.run(keep(Path(sys.argv[1])))
