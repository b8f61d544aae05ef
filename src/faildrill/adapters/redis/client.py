"""One connection to a Redis or a Sentinel: what is sent is sent once, and its answer is what came for it.

The official parser reads the answers; the connection is ours, as a client library retries by itself what must not be
sent twice, and asks for its own sake at every connect.
"""

import asyncio
import ssl
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self

import hiredis

from faildrill.adapters.redis.target import Redis, RedisMember
from faildrill.ports import causes
from faildrill.ports.target import Encryption
from faildrill.secrets import SecretReference
from faildrill.toolkit import tls
from faildrill.toolkit.connection_errors import why_silent

_CHUNK: Final = 1 << 16
"""Bytes that are read at once."""
_ALERT: Final = b"\x15\x03"
"""How an alert of TLS begins, with which a server answers what is not TLS."""
_LARGEST: Final = 1 << 26
"""Bytes of one answer, at the most."""


class Said(OSError):
    """The server refused a command; `code` is the first word of what it said: `READONLY`, `NOREPLICAS`."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.code = words.split(" ", 1)[0]


class NotRedis(OSError):
    """What answered does not speak the protocol."""


class WantsTLS(OSError):
    """What answered speaks TLS, and we did not."""


class Login(NamedTuple):
    """Where to connect to, and as whom."""

    host: str
    port: int
    user: str | None = None
    password: SecretReference | None = None
    how: Encryption = Encryption()


def directly(redis: Redis, member: RedisMember) -> Login:
    """Return how to log in to a node itself."""
    return Login(member.host, member.port, redis.user, redis.password, redis)


def sentinels(redis: Redis) -> list[Login]:
    """Return how to log in to every Sentinel."""
    logins = []
    for sentinel in redis.sentinels:
        host, _, port = sentinel.rpartition(":")
        logins.append(Login(host.strip("[]"), int(port), None, redis.sentinel_password, redis))
    return logins


class Talk:
    """A connection that is logged in; one command at a time. Every failure is an OSError, and ends it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._parser = hiredis.Reader(encoding="utf-8", errors="replace")

    @classmethod
    async def begin(cls, login: Login) -> Self:
        """Connect and log in; the caller sets the deadline. UnresolvedSecret when the password can't be had."""
        password = login.password.resolve().reveal() if login.password else None
        talk = cls(*await asyncio.open_connection(login.host, login.port, ssl=tls.context(login.how)))
        try:
            if password is not None:
                await talk.ask("AUTH", *([login.user] if login.user else []), password)
        except BaseException:  # also when cancelled: no connection is left to nobody
            talk.end()
            raise
        return talk

    @property
    def is_over(self) -> bool:
        """Whether either side has ended it, as far as is known."""
        return self._writer.is_closing() or self._reader.at_eof()

    async def ask(self, *words: str | int) -> Any:  # noqa: ANN401 - text, a number, None, or a list of them
        """Send a command, once, and return its answer; Said when it is refused, and the connection goes on then.

        Cancelled or broken, the connection is over: an answer that comes later is nobody's.
        """
        whole = False
        try:
            self._writer.write(hiredis.pack_command(words))  # type: ignore[arg-type] # its stub takes one word only
            await self._writer.drain()
            answer = await self._answer()
            whole = True
        finally:
            if not whole:
                self.end()
        # A refusal is a whole answer: the connection goes on, unlike after garbage or a cut.
        if isinstance(answer, hiredis.ReplyError):
            raise Said(str(answer))
        return answer

    async def _answer(self) -> Any:  # noqa: ANN401 - as `ask`
        size = 0
        try:
            while (answer := self._parser.gets()) is False:
                chunk = await self._reader.read(_CHUNK)
                size += len(chunk)
                if not chunk:
                    raise ConnectionResetError("the server has ended the connection")
                if size > _LARGEST:
                    raise NotRedis("an answer too long to be Redis's")
                self._parser.feed(chunk)
        except hiredis.ProtocolError as error:
            raise (WantsTLS("an alert of TLS") if chunk.startswith(_ALERT) else NotRedis("garbage")) from error
        return answer

    def end(self) -> None:
        """Cut the connection."""
        with suppress(RuntimeError):  # the loop is closed
            self._writer.transport.abort()


async def misencrypted(login: Login, within: float) -> str:
    """Tell whether a server that does not answer would, were it asked with TLS instead of without, or the reverse.

    Redis itself says nothing to who comes the other way: it resets or waits. Empty when it would not, either.
    """
    with suppress(OSError):
        async with asyncio.timeout(within):
            if login.how.tls:
                talk = await Talk.begin(Login(login.host, login.port))
            else:
                talk = Talk(*await asyncio.open_connection(login.host, login.port, ssl=tls.anybody()))
            try:
                await talk.ask("PING")
            except (Said, ssl.SSLError):
                pass  # it wants a password, or our certificate
            finally:
                talk.end()
            return causes.NO_TLS if login.how.tls else causes.WANTS_TLS
    return ""


_CODES: Final = {
    "LOADING": "loading",
    "NOAUTH": causes.NO_PASSWORD,
    "WRONGPASS": causes.LOGIN,
    "NOPERM": causes.NO_RIGHT,
}
"""By the code of an error, the words for it, which repeat."""


def what_to_do(words: str, login: Login) -> str:
    """Tell what to do about why a server told nothing."""
    known = causes.what_to_do(words, f"{login.host}:{login.port}", login.user or "its user")
    return known or "see that it runs, and that address, login and `tls` are right"


def in_words(error: BaseException) -> str:
    """Tell how a server failed to answer, in a word or two that repeat."""
    if isinstance(error, Said):
        return _CODES.get(error.code, f"said {error.code}")
    return why_silent(error, ((NotRedis, causes.GARBAGE), (WantsTLS, causes.WANTS_TLS)))
