"""A program that stands on a host and answers orders, a line each: over OpenSSH, or in a shell of this host.

One session serves all calls of its process to one member, so that an order leaves at once. It ends with the process:
the program reads the end of its input, and is gone.
"""

import asyncio
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import IO, Final, NamedTuple
from weakref import WeakKeyDictionary

from faildrill.errors import reason
from faildrill.system import redaction

_INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")
"""What OpenSSH needs of our environment; no mark of a run, as a service that is started over it belongs to its host."""
OPENED_WITHIN: Final = 15.0
"""Seconds for a login, over jump hosts too."""
_STALE: Final = 1.0
"""Seconds without an answer after which a session is asked for the time before anything is changed over it."""
_LONGEST: Final = 1 << 16
"""Bytes of a line: a list of some thousand processes."""
_GREETINGS: Final = 200
"""Lines that a host may print before the program speaks: banners, what a profile says."""
_ENDED_WITHIN: Final = 2.0
"""Seconds in which the client of a session that is given up ends by itself."""


class NotReached(Exception):
    """No session could be opened: nothing was asked of the host."""


class AnswerLost(Exception):
    """An order was sent, and whether it was done is unknown."""


class Answer(NamedTuple):
    """What the program said of one order."""

    status: str
    """`ok`, `unseen`, `refused` or `failed`."""
    words: str
    heard: float
    """When the answer was here, in seconds of this machine's CLOCK_BOOTTIME."""
    uptime: int
    """When the host answered, by its own uptime in hundredths of a second."""


class Opening(NamedTuple):
    """How a session is opened."""

    called: str
    """The host, for messages."""
    argv: Callable[[str], AbstractAsyncContextManager[list[str]]]
    """Gives the command line for a program; what it needs beside is there until the context is left."""
    program: str
    """The text of the program, without the words that begin its answers."""


class StandingSession:
    """One session, opened when it is first asked; one order at a time, and none twice."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._lock = asyncio.Lock()
        self._ready: asyncio.Future[_Open] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._orders = 0

    @property
    def _open(self) -> "_Open | None":
        """The session that stands, if one does."""
        is_there = self._ready is not None and self._ready.done() and not self._ready.exception()
        return self._ready.result() if self._ready and is_there and self._keeper and not self._keeper.done() else None

    async def look(self, within: float, *words: str) -> Answer:
        """Ask something that changes nothing, within float seconds; once more over a new session where it was lost.

        A session that does not stand yet has the time for a login besides.

        Raises NotReached, AnswerLost, TimeoutError.
        """
        was_open = self._open is not None
        async with asyncio.timeout(within if was_open else within + OPENED_WITHIN), self._lock:
            try:
                return await self._asked(words)
            except AnswerLost:
                if not was_open:
                    raise
            return await self._asked(words)

    async def change(self, within: float, begun_within: float, *words: str) -> Answer:
        """Give an order that changes something, once; the host begins it within so many float seconds, or never.

        Raises NotReached where it was not sent; AnswerLost or TimeoutError where it may be done.
        """
        async with self._lock:
            try:
                # What stood too long may be gone without a word: a question finds that out, and costs nothing.
                async with asyncio.timeout(OPENED_WITHIN + within):
                    last = await self._contact()
            except (AnswerLost, TimeoutError) as error:
                raise NotReached(f"{self._opening.called} does not answer: {reason(error)}") from error
            # Counted from when its answer was here: it was given before, so the host's time is over no later than ours.
            since = _now() - last.heard
            before = last.uptime + int((since + begun_within) * 100)
            async with asyncio.timeout(within):
                return await self._asked((*words, str(before)))

    async def _contact(self) -> Answer:
        last = self._open.last if self._open else None
        if last is not None and _now() - last.heard < _STALE:
            return last
        try:
            return await self._asked(("time",))
        except AnswerLost:
            return await self._asked(("time",))

    async def _asked(self, words: tuple[str, ...]) -> Answer:
        opened = await self._opened()
        self._orders += 1
        line = f"{self._orders} {' '.join(words)}\n".encode()
        try:
            opened.writer.write(line)
            await opened.writer.drain()
            return await opened.answer(self._orders)
        except (OSError, EOFError, ValueError) as error:
            why = await self._give_up()
            raise AnswerLost(f"{self._opening.called}: {why or reason(error)}") from error
        except asyncio.CancelledError:
            # What is answered late must not be taken for the answer to another question.
            await self._give_up()
            raise

    async def _opened(self) -> "_Open":
        if self._ready is None or self._keeper is None or self._keeper.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._ready.add_done_callback(_retrieved)
            # A task of its own: a call that is cut short leaves the login to the next one; and at the end of the loop
            # all tasks are cancelled, so that the client is ended, too.
            self._keeper = asyncio.create_task(self._keep(self._ready))
        return await asyncio.shield(self._ready)

    async def _keep(self, ready: "asyncio.Future[_Open]") -> None:
        """Hold one session open until it ends, or this task is cancelled."""
        nonce = secrets.token_hex(8)
        mine, its = socket.socketpair()
        with tempfile.TemporaryFile() as complaints, mine:
            try:
                async with self._opening.argv(f"nonce={nonce}\n{self._opening.program}") as argv:
                    with its:  # once the client has it, it is closed here: its end is to be the end of the line
                        client = await _started(argv, its, complaints)
                    opened = await _greeted(mine, nonce, client, complaints)
            except (OSError, EOFError, ValueError) as error:
                if not ready.done():
                    ready.set_exception(NotReached(f"{self._opening.called}: {reason(error)}"))
                return
            finally:
                its.close()
            try:
                if not ready.done():
                    ready.set_result(opened)
                await client.wait()
            finally:
                opened.writer.close()
                await _ended(client)

    async def _give_up(self) -> str:
        """End the session, and return what its client complained about."""
        opened = self._open
        words = _said(opened.complaints) if opened else ""
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({self._keeper}, timeout=_ENDED_WITHIN)
        return words


class _Open:
    """A session whose program has said its first word."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, nonce: str, said: IO[bytes]) -> None:
        self.reader, self.writer, self.nonce, self.complaints = reader, writer, nonce, said
        self.last: Answer | None = None

    async def answer(self, order: int) -> Answer:
        """Read up to the answer to an order; EOFError where the session ends before, ValueError where it says more."""
        for _ in range(_GREETINGS):
            line = await self.reader.readline()
            if not line.endswith(b"\n"):
                raise EOFError("the session ended before it had answered")
            nonce, _, rest = line.decode(errors="replace").strip().partition(" ")
            number, uptime, status, words = (*rest.split(" ", 3), "", "", "", "")[:4]
            if nonce == self.nonce and number == str(order) and uptime.isdecimal():
                self.last = Answer(status, words, _now(), int(uptime))
                return self.last
        raise ValueError("it says too much that is no answer")


Key = tuple[str, ...]
_SESSIONS: Final["WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Key, StandingSession]]"] = WeakKeyDictionary()


def session(key: Key, opening: Opening) -> StandingSession:
    """Return the session of this loop to a member: the same for the same key."""
    known = _SESSIONS.setdefault(asyncio.get_running_loop(), {})
    return known.setdefault(key, StandingSession(opening))


def _now() -> float:
    """Return seconds of the clock that the kernel tells as uptime, which goes on while a machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _retrieved(ready: "asyncio.Future[_Open]") -> None:
    """See how an opening ended that nobody waits for any more: asyncio complains of what is never asked for."""
    if not ready.cancelled():
        ready.exception()


async def _started(argv: list[str], its: socket.socket, complaints: IO[bytes]) -> asyncio.subprocess.Process:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=its.fileno(),
        stdout=its.fileno(),
        stderr=complaints,
        env=inherited,
        cwd="/",
        start_new_session=True,
    )


async def _greeted(mine: socket.socket, nonce: str, client: asyncio.subprocess.Process, complaints: IO[bytes]) -> _Open:
    """Wait for the first word of the program, or end the client; EOFError has what it complained about."""
    reader, writer = await asyncio.open_unix_connection(sock=mine, limit=_LONGEST)
    opened = _Open(reader, writer, nonce, complaints)
    try:
        async with asyncio.timeout(OPENED_WITHIN):
            first = await opened.answer(0)
        _read_alike(first)
    except BaseException as error:
        writer.close()
        await _ended(client)
        if isinstance(error, EOFError | TimeoutError):
            raise EOFError(_said(complaints) or f"no answer within {OPENED_WITHIN:g} s") from error
        raise
    return opened


def _read_alike(first: Answer) -> None:
    """Refuse a host whose processor has the largest byte first: /proc/net/tcp is in another order there."""
    if first.words != "1":
        raise ValueError(f"its processor has the bytes of a number in another order ({first.words})")


async def _ended(client: asyncio.subprocess.Process) -> None:
    """Have a client end: its input is closed already; one that hangs is killed, and at the end of the loop each."""
    with suppress(TimeoutError):
        try:
            async with asyncio.timeout(_ENDED_WITHIN):
                await client.wait()
        finally:
            if client.returncode is None:
                with suppress(ProcessLookupError):
                    client.kill()
    await client.wait()


def _said(complaints: IO[bytes]) -> str:
    complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, complaints.tell() - 2000))
    lines = complaints.read().decode(errors="replace").split("\n")
    return redaction.clean("; ".join([line.strip() for line in lines if line.strip()][-3:]))[-400:]
