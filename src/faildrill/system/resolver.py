"""Where names lead: asked of this host as any of its programs asks, and never in the way of anybody else's question.

The question is getaddrinfo's, so that /etc/hosts, nsswitch.conf and search domains count as they do for users. It can't
be ended, and waits for a silent resolver for as long as that is set up (commonly 5 s a try, twice for each server). So
every question has a thread of its own; whoever waits no longer leaves it behind. Whoever asks for a name before the
thread of an earlier question has begun is answered with it: what he hears was asked after he asked, so that it
proves as much for him. Nobody joins a question under way: it may be stuck where a new one would be answered.

Who looks whether a place can be used has no use for an answer that comes after his question's time: within `patient` a
name that stays unanswered for so long is Unanswered, and so is every further question about it while that one is open.

What is left behind is bounded. While many questions about a name are open, new ones are spaced by a part of the time
for which the oldest is; what comes between is NotAsked, which proves nothing. docs/decisions/0017 says why in full.
"""

import asyncio
import errno
import ipaddress
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final, TypeVar

from faildrill.errors import reason
from faildrill.system.threads import Scheduling

FREELY: Final = 16
"""Questions about one name that may be open at once without being spaced."""
PART: Final = 16
"""More of them are spaced by this part of the time for which the oldest is open …"""
WIDEST: Final = 250_000_000
"""… and by this (ns) at the most, so that the end of a silence is seen soon."""
MOST: Final = 512
"""Questions of a process that may be open at once, about all names."""
MOST_IDLE: Final = 4
"""Threads that wait for the next question."""
STACK: Final = 1 << 20
"""Bytes of a thread's stack: the modules that nsswitch.conf names run on it."""
RESETTING: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing resets. The port is free at once, where a thousand closings a second would use all of them up."""
_OF_THE_FAMILY: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What connecting by a family of addresses says on a host that has no address of it."""
_HOW: Final = ("family", "type", "proto", "flags")
"""The arguments of `loop.getaddrinfo` besides host and port, in the order in which the C library takes them."""
T = TypeVar("T")
Addresses = list[tuple[Any, ...]]
"""What getaddrinfo gives."""


class NotAsked(OSError):
    """Nothing was asked, through a limit of this process: proves nothing."""


class Unanswered(socket.gaierror):
    """Nobody said where a name leads, for as long as was to be waited."""

    def __init__(self, name: object) -> None:
        super().__init__(socket.EAI_AGAIN, f"the resolver does not answer for {name}")


_patience: ContextVar[float | None] = ContextVar("seconds that a name may take", default=None)
_UNANSWERED: Final = "a name was asked for, and nobody had answered yet"
"""The note on an exception by which `was_unanswered` knows it."""


@contextmanager
def patient(seconds: float) -> Iterator[None]:
    """Wait for a name no longer than for float seconds within this block; a shorter patience around it holds."""
    known = _patience.get()
    token = _patience.set(seconds if known is None else min(known, seconds))
    try:
        yield
    finally:
        _patience.reset(token)


def was_unanswered(error: BaseException) -> bool:
    """Tell whether a deadline passed, or somebody was cancelled, while a name was asked for in that very task."""
    cause: BaseException | None = error
    while cause is not None:
        if _UNANSWERED in getattr(cause, "__notes__", ()):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def is_waiting(task: "asyncio.Task[Any] | None") -> bool:
    """Tell whether a task of this thread's loop waits for where a name leads."""
    return task in _waiting


@asynccontextmanager
async def asking(name: object) -> AsyncIterator[None]:
    """Ask for a name within this block: patience ends it (Unanswered), and a deadline that passes in it is known."""
    task = asyncio.current_task()
    _waiting.add(task)
    try:
        async with asyncio.timeout(_patience.get()):
            yield
    except TimeoutError as error:
        raise Unanswered(name) from error
    except asyncio.CancelledError as error:
        # Whoever's deadline this was finds it on the way: a resolver's silence must not be told as the server's.
        error.add_note(_UNANSWERED)
        raise
    finally:
        _waiting.discard(task)


_waiting: "Final[set[asyncio.Task[Any] | None]]" = set()
"""Tasks that wait for an answer now."""


class _Question:
    """One question, and who waits for its answer; all but `ask` is for the loop's thread."""

    __slots__ = ("_addresses", "_error", "_words", "begun", "opened", "waiting")

    def __init__(self, words: tuple[Any, ...], opened: int) -> None:
        self._words = words
        self._addresses: Addresses = []
        self._error: OSError | None = None
        self.opened = opened
        self.begun = False
        """Set by its thread, before it asks."""
        self.waiting: list[asyncio.Future[Addresses]] = []

    def ask(self) -> None:
        """Ask, and keep the answer; blocks."""
        self.begun = True
        try:
            self._addresses = socket.getaddrinfo(*self._words)
        except OSError as error:
            self._error = _or_ours(error)
        # What IDNA can't encode (a part too long, nothing between two dots) is a name that nobody has, not a defect
        # of ours.
        except UnicodeError as error:
            self._error = socket.gaierror(socket.EAI_NONAME, str(error))

    def deliver(self) -> None:
        """Tell the answer to all who still wait for it."""
        for future in self.waiting:
            if future.done():
                continue
            if self._error is not None:
                future.set_exception(self._error)
            else:
                future.set_result(self._addresses)


def _or_ours(error: OSError) -> OSError:
    """Return the error, or that this host has no descriptor left: without one, a name seems not to exist."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as ours:
        return NotAsked(reason(ours))
    return error


class _Thread(threading.Thread):
    """Asks one question after the other, until it is given None or its loop is closed."""

    def __init__(self, back: Callable[["_Thread", _Question], None]) -> None:
        super().__init__(daemon=True, name="a name")
        self._scheduling = Scheduling.now()
        self._back = back
        self.questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Ask."""
        self._scheduling.apply()
        while (question := self.questions.get()) is not None:
            question.ask()
            try:
                self._back(self, question)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return


class Resolver:
    """Asks for the addresses of names, for one event loop; used in its thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._open: dict[tuple[Any, ...], list[_Question]] = {}
        self._count = 0
        self._idle: list[_Thread] = []

    async def addresses(self, words: tuple[Any, ...]) -> Addresses:
        """Return what getaddrinfo gives for its arguments; raises OSError, gaierror and NotAsked among them."""
        patience = _patience.get()
        if patience is not None and self._is_unanswered(words[0], patience):
            raise Unanswered(words[0])
        # A question whose thread has not begun yet is asked after we asked for it; one under way might have been
        # asked before.
        questions = self._open.setdefault(words, [])
        if not questions or questions[-1].begun:
            try:
                self._begin(words, questions)
            except NotAsked:
                if not questions:
                    del self._open[words]
                raise
        answer: asyncio.Future[Addresses] = self._loop.create_future()
        questions[-1].waiting.append(answer)
        async with asking(words[0]):
            return await answer

    def _is_unanswered(self, host: object, seconds: float) -> bool:
        """Tell whether a question about a host, whatever its port, is open for longer than float seconds."""
        opened = [questions[0].opened for words, questions in self._open.items() if words[0] == host]
        return bool(opened) and time.monotonic_ns() - min(opened) > seconds * 1e9

    def _begin(self, words: tuple[Any, ...], questions: list[_Question]) -> None:
        now = time.monotonic_ns()
        if self._count >= MOST:
            raise NotAsked("too many names are asked for at once")
        if len(questions) >= FREELY:
            # The longer it hangs, the wider they are spaced: threads grow with the logarithm of the
            # silence, until `WIDEST` bounds it.
            apart = min((now - questions[0].opened) // PART, WIDEST)
            if now - questions[-1].opened < apart:
                raise NotAsked(f"many questions about {words[0]} are open")
        # getaddrinfo(3) has no timeout and can't be cancelled: each open question holds a thread of its own until it
        # is answered.
        thread = self._idle.pop() if self._idle else self._started()
        question = _Question(words, now)
        questions.append(question)
        self._count += 1
        thread.questions.put(question)

    def _started(self) -> _Thread:
        thread = _Thread(self._answered)
        # For the next thread only: the size is one setting of the process, so it is set back at once.
        before = threading.stack_size(STACK)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            raise NotAsked("no thread is left to ask for a name") from error
        finally:
            threading.stack_size(before)
        return thread

    def _answered(self, thread: _Thread, question: _Question) -> None:
        """Hand an answer over from its thread to the loop's."""
        # Everything but the question itself happens in the loop's thread, so nothing here needs a lock.
        self._loop.call_soon_threadsafe(self._take, thread, question)

    def _take(self, thread: _Thread, question: _Question) -> None:
        self._count -= 1
        words = question._words  # noqa: SLF001 - the two are one
        questions = self._open[words]
        questions.remove(question)
        if not questions:
            del self._open[words]
        if len(self._idle) < MOST_IDLE:
            self._idle.append(thread)
        else:
            thread.questions.put(None)
        question.deliver()


@lru_cache(maxsize=1024)
def is_address(host: str) -> bool:
    """Tell whether a host is an IP address, so that there is nothing to ask for."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def telling(errors: Sequence[OSError]) -> OSError:
    """Return, of the errors of several addresses of a name, the last that is about the other side, else the last.

    A family of addresses that this host doesn't have (no IPv6 here) doesn't hide that the others are dark. A name
    without any address has no error but that.
    """
    if not errors:
        return socket.gaierror(socket.EAI_NONAME, "no address")
    return next((error for error in reversed(errors) if error.errno not in _OF_THE_FAMILY), errors[-1])


def refuse_itself(connection: socket.socket) -> None:
    """Raise ConnectionRefusedError where both ends of a connection are one: nobody listens at its address.

    A port of this host at which nobody listens is free to be taken for the connection's own end. Where the kernel does,
    TCP's simultaneous opening connects it to itself, and whatever is sent comes back (RFC 9293, 3.5). Closed, it
    resets, so that whoever is to listen there gets the port.
    """
    try:
        is_itself = connection.getsockname() == connection.getpeername()
    except OSError:
        return  # it is gone by now, so somebody ended it
    if is_itself:
        # Reset rather than closed: TIME_WAIT would keep the port from whoever is to listen there (`man 7 socket`).
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETTING)
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


class ResolvesApart(asyncio.AbstractEventLoop):
    """What an event loop is made with, so that whatever connects on it asks for names through a Resolver."""

    _resolver: Resolver | None = None

    async def getaddrinfo(  # type: ignore[override] # typeshed spells every combination
        self, host: str | bytes | None, port: str | int | None, **how: int
    ) -> Addresses:
        """Return the addresses of a name, as `loop.getaddrinfo` does."""
        if self._resolver is None:
            self._resolver = Resolver(self)
        return await self._resolver.addresses((host, port, *(how.get(name, 0) for name in _HOW)))

    async def create_connection(  # type: ignore[override] # as above
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        **more: Any,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        """Connect as `loop.create_connection` does, but not to itself; to a name, to one address after the other."""
        if host is None or more.get("sock") is not None or is_address(host):
            return await self._connected(protocol_factory, host, port, **more)
        # asyncio takes the name that is to be proven by the certificate from `host`, which is an address from here
        # on.
        if more.get("ssl") and more.get("server_hostname") is None:
            more["server_hostname"] = host
        errors: list[OSError] = []
        asked = {name: more.pop(name, 0) for name in ("family", "proto", "flags")}
        for *_, where in await self.getaddrinfo(host, port, type=socket.SOCK_STREAM, **asked):
            # A link-local IPv6 address means nothing without its scope (RFC 4007, 11).
            address = f"{where[0]}%{where[3]}" if len(where) > 3 and where[3] else where[0]  # noqa: PLR2004 - a scope
            try:
                return await self._connected(protocol_factory, address, where[1], **more)
            except OSError as error:
                errors.append(error)
        raise telling(errors)

    async def _connected(
        self,
        *what: Any,
        **more: Any,
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        connect: Any = super().create_connection
        connected: tuple[asyncio.Transport, asyncio.BaseProtocol] = await connect(*what, **more)
        transport, _ = connected
        try:
            refuse_itself(transport.get_extra_info("socket"))
        except ConnectionRefusedError:
            transport.abort()
            raise
        return connected


class Loop(ResolvesApart, asyncio.SelectorEventLoop):  # type: ignore[misc] # typeshed's overloads again
    """The event loop of every process but the probers'."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a program's course on a loop of its own, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(main)
