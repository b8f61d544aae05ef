"""One cluster's API server: reads, which may be repeated within their time, and changes, which are sent once.

A change is one request on one connection of its own. Nothing beneath us repeats it, follows a redirect for it, or waits
for ever: there is a time for the connection, one for each silence, and one for the whole.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from faildrill.adapters.kubernetes import credentials as login
from faildrill.adapters.kubernetes.kubeconfig import Access, access
from faildrill.adapters.kubernetes.outcomes import NotSent, Reply, Unknown, taken, told
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.errors import CannotSee
from faildrill.ports import causes
from faildrill.system import threads
from faildrill.toolkit.http_errors import in_words
from faildrill.toolkit.single_request import Once

T = TypeVar("T", bound="_OfAKind")
LARGEST: Final = 32 << 20
"""Bytes of an answer, at the most: ten thousand pods."""
_LARGEST_TO_A_CHANGE: Final = 1 << 20
_PIECE: Final = 1 << 16
_CONNECT, _SILENCE = 0.5, 0.75
"""Which part of the whole time a connection may take, and a silence of the server."""
_AGAIN: Final = 0.2
"""Seconds before a read that failed is made again, at the least."""
A_SECOND: Final = 20
"""Calls a second to one API server from one process, at the most."""
JSON: Final = "application/json"
MERGE: Final = "application/merge-patch+json"
"""What a body is, by the media type that tells the server how to take it."""
_OK: Final = 200
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_PASSING: Final = (429, 500, 502, 503, 504)
KINDS: Final = {
    "daemonsets": "DaemonSet",
    "deployments": "Deployment",
    "endpoints": "Endpoints",
    "endpointslices": "EndpointSlice",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "configmaps": "ConfigMap",
    "events": "Event",
    "leases": "Lease",
    "namespaces": "Namespace",
    "nodes": "Node",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "pods": "Pod",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
}
"""What an object says that it is, by the word of its path."""
_paces: "dict[str, _Pace]" = {}


class _OfAKind(Protocol):
    """What says of itself what it is."""

    @property
    def kind(self) -> str: ...


class Untold(CannotSee):
    """The API server gave no answer to a read; `words` say why, in a word or two that repeat."""

    def __init__(self, told: str, words: str, wait: float = 0.0) -> None:
        super().__init__(told)
        self.words = words
        self.wait = wait
        """Seconds for which the server asks to send nothing more."""


@dataclass
class _Pace:
    """Spreads the calls to one server."""

    free: float = 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        self.free = max(self.free, now - 1.0) + 1 / A_SECOND  # what was not used for a second may come at once
        await asyncio.sleep(max(0.0, self.free - now))


@dataclass
class Taken:
    """A change that was taken: what came back, and the moments between which it was (monotonic ns)."""

    body: dict[str, Any]
    sent: int
    answered: int


@dataclass
class Api:
    """An API server that is being asked."""

    way: Access
    run: str
    _session: "aiohttp.ClientSession"
    _shown: login.Credentials
    _trust: Any = field(repr=False)

    @classmethod
    @asynccontextmanager
    async def open(cls, target: Kubernetes, run: str, within: float) -> AsyncIterator["Api"]:
        """Get ready to ask; nothing is sent yet. NoWay where what was declared can't be used."""
        way = await threads.aside(lambda: access(target))
        shown = await login.credentials(way, within)
        trust = login.encryption(way, shown)
        connector = aiohttp.TCPConnector(ssl=trust, limit=8)
        async with aiohttp.ClientSession(connector=connector, **_plain()) as session:
            yield cls(way, run, session, shown, trust)

    async def read(
        self, what: "Where", sort: type[T], within: float, query: Mapping[str, str] | None = None
    ) -> T | None:
        """Return an object or a list as it is now, None where there is none; Untold where nobody says so in time.

        It is a consistent read: no `resourceVersion` is given, so none from a cache comes back.
        """
        deadline = time.monotonic() + within
        while True:
            trouble, wait = await self._read_once(what.path, query, deadline)
            if isinstance(trouble, Reply):
                return None if trouble.status == _NOT_FOUND else _decoded(trouble, sort, what)
            wait = max(wait, _AGAIN)
            if time.monotonic() + wait >= deadline:
                raise trouble
            await asyncio.sleep(wait)

    async def lines(self, what: "Where", query: Mapping[str, str], within: float) -> AsyncGenerator[bytes]:
        """Give what a watch sends, line by line, until the server ends it; Untold where it refuses or breaks off.

        An empty line comes first, as soon as the server has taken the watch up, which it must `within`.
        """
        try:
            await _paced(self.way.server)
            url, times = f"{self.way.server}{what.path}?{urlencode(query)}", aiohttp.ClientTimeout(sock_connect=within)
            async with (
                asyncio.timeout(within) as begun,
                self._session.get(url, timeout=times, **self._how()) as answer,
            ):
                begun.reschedule(None)
                if answer.status != _OK:
                    reply = Reply(answer.status, await _body(answer, _LARGEST_TO_A_CHANGE), _wait(answer))
                    raise Untold(f"{what.path}: {told(reply)}", f"HTTP {reply.status}", reply.wait)
                yield b""
                async for line in _lines(answer):
                    yield line
        except (OSError, aiohttp.ClientError, ValueError) as error:
            raise self._untold(what.path, words := in_words(error), words) from error

    async def review(self, what: "Where", body: Mapping[str, object], sort: type[T], within: float) -> T:
        """Ask a question that the API takes as a POST and that changes nothing: who we are, what we may."""
        reply = await self._ask("POST", what.path, body, within)
        return _decoded(reply, sort, what)

    async def change(
        self, method: str, path: str, body: Mapping[str, object], within: float, returns: Collection[str]
    ) -> Taken:
        """Send a change, once; raises NotSent, Refused or Unknown (see `outcomes`)."""
        sending = _Sending()
        # A connection of its own: one that was kept may be ended by the server under the request (RFC 9112, 9.3.1), and
        # nobody would know whether that was heard.
        connector = aiohttp.TCPConnector(ssl=self._trust, force_close=True)
        began = time.monotonic_ns()
        try:
            async with (
                asyncio.timeout(within),
                aiohttp.ClientSession(connector=connector, trace_configs=[sending.trace()], **_plain()) as session,
            ):
                await _paced(self.way.server)
                reply = await self._call(session, method, path, body, within)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            words = in_words(error)
            if sending.began is None:
                raise NotSent(f"nothing was sent to {self.way.server}: {words}") from error
            raise Unknown(f"it was sent to {self.way.server}, and no answer came: {words}") from error
        return Taken(taken(reply, returns), sending.began or began, time.monotonic_ns())

    async def _read_once(
        self, path: str, query: Mapping[str, str] | None, deadline: float
    ) -> tuple[Reply | Untold, float]:
        """Ask once; return the answer, or why there is none that is worth waiting for, and how long to wait."""
        text = f"{path}?{urlencode(query)}" if query else path
        within = max(0.05, deadline - time.monotonic())
        try:
            reply = await self._ask("GET", text, None, within)
        except Untold as error:
            return error, 0.0
        if reply.status in _PASSING:
            return self._untold(path, told(reply), f"HTTP {reply.status}"), reply.wait
        if reply.body is None:
            return self._untold(path, "its answer was cut off or too long", causes.RESET), 0.0
        return reply, 0.0

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None, within: float) -> Reply:
        if self._session.closed:  # by another look, which got no answer: this one is not asked over it any more
            raise self._untold(path, "its connection was given up", causes.RESET)
        try:
            async with asyncio.timeout(within):
                await _paced(self.way.server)
                return await self._call(self._session, method, path, body, within)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            raise self._untold(path, words := in_words(error), words) from error

    def _untold(self, path: str, because: str, words: str) -> Untold:
        return Untold(f"{self.way.server} does not tell {path.partition('?')[0]}: {because}", words)

    async def _call(
        self,
        session: "aiohttp.ClientSession",
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        within: float,
    ) -> Reply:
        times = aiohttp.ClientTimeout(sock_connect=within * _CONNECT, sock_read=within * _SILENCE)
        sending: dict[str, Any] = {"data": msgspec.json.encode(body)} if body is not None else {}
        how = self._how(MERGE if method == "PATCH" else JSON)
        async with session.request(method, f"{self.way.server}{path}", timeout=times, **how, **sending) as answer:
            most = LARGEST if method == "GET" else _LARGEST_TO_A_CHANGE
            return Reply(answer.status, await _body(answer, most), _wait(answer))

    def _how(self, sort: str = JSON) -> dict[str, Any]:
        """Return what all requests are sent with; `sort` is of the body."""
        headers = {
            "Accept": JSON,
            "Content-Type": sort,
            "Accept-Encoding": "identity",
            "User-Agent": f"faildrill/{self.run}",
        }
        if self._shown.token:
            headers["Authorization"] = f"Bearer {self._shown.token}"
        named = {"server_hostname": self.way.server_name} if self.way.server_name else {}
        return {"headers": headers, "allow_redirects": False, "middlewares": (Once(),), **named}


class _Sending:
    """When a request may have begun to be sent: as soon as there is a connection."""

    def __init__(self) -> None:
        self.began: int | None = None

    def trace(self) -> "aiohttp.TraceConfig":
        async def connected(*_: object) -> None:
            self.began = time.monotonic_ns()

        config = aiohttp.TraceConfig()
        config.on_connection_create_end.append(connected)
        return config


class Where(NamedTuple):
    """Where an object is, or all of a kind, and what kind comes back from there."""

    path: str
    kind: str

    @classmethod
    def of(cls, group: str, namespace: str, plural: str, name: str = "") -> "Where":
        """Return it: `group` is `v1` or `apps/v1`; no namespace for what has none, no name for all."""
        # The core group, `v1`, has no name, and a place of its own since before there were others.
        base = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        one = f"/{quote(name, safe='')}" if name else ""
        return cls(f"{base}{within}/{plural}{one}", KINDS[plural] if name else f"{KINDS[plural]}List")


async def _paced(server: str) -> None:
    await _paces.setdefault(server, _Pace()).turn()


def _plain() -> dict[str, Any]:
    """Return what keeps a session from doing more than it is told: no proxy of the environment, no cookies."""
    return {"trust_env": False, "cookie_jar": aiohttp.DummyCookieJar(), "auto_decompress": False}


async def _body(answer: "aiohttp.ClientResponse", most: int) -> bytes | None:
    """Read a body; None where it is longer than it may be, or ends too early."""
    found = bytearray()
    try:
        async for piece in answer.content.iter_chunked(_PIECE):
            found += piece
            if len(found) > most:
                answer.close()
                return None
    except aiohttp.ClientPayloadError:
        return None
    return bytes(found)


async def _lines(answer: "aiohttp.ClientResponse") -> AsyncIterator[bytes]:
    """Cut what comes into lines; ValueError for one that does not end."""
    rest = bytearray()
    async for piece in answer.content.iter_any():
        *lines, last = (rest + piece).split(b"\n")
        for line in lines:
            yield bytes(line)
        rest = bytearray(last)
        if len(rest) > LARGEST:
            raise ValueError("a line without an end")


def _wait(answer: "aiohttp.ClientResponse") -> float:
    # In seconds, as the API server writes it; a date (RFC 9110, 10.2.3) is from somebody in between.
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _decoded(reply: Reply, sort: type[T], what: Where) -> T:
    if reply.status == _UNAUTHORIZED:
        raise Untold(f"{what.path}: the API server does not know us ({told(reply)}): see the credentials", "HTTP 401")
    if reply.status == _FORBIDDEN:
        raise Untold(f"{what.path}: {told(reply)}: give the account a Role with that rule", "HTTP 403")
    if reply.status not in (200, 201) or reply.body is None:
        raise Untold(f"{what.path}: {told(reply)}", f"HTTP {reply.status}")
    try:
        found = msgspec.json.decode(reply.body, type=sort)
    except msgspec.MsgspecError as error:
        raise Untold(f"{what.path}: the answer is not that of an API server", causes.GARBAGE) from error
    if found.kind != what.kind:
        raise Untold(f"{what.path}: the answer is no {what.kind}: {told(reply)}", causes.GARBAGE)
    return found
