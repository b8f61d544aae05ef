"""HTTP/1.1: `http.request`, with a parser driven by the connection itself so that every time is the socket's."""

import asyncio
import json as formats
import re
import ssl
import time
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import quote, urlsplit

import httptools
from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, model_validator

from faildrill.adapters import tcp
from faildrill.adapters.http.naming import LONGEST_WHO, told_by
from faildrill.adapters.tcp import LARGEST
from faildrill.ports import Given, Kind, Seen, TellEdge
from faildrill.samples import Outcome
from faildrill.secrets import SecretReference
from faildrill.system import bounded_read

MOST_IDLE: Final = 64
"""Idle connections kept for the next looks, at the most."""
MOST_LISTENING: Final = 2
"""Looks past their deadline whose answer is still listened for: the oldest, as they are the first to be answered …"""
LISTEN_FOR: Final = 60_000_000_000
"""… and for how long (ns)."""
MOST_LEAVING: Final = 64
"""Connections whose answer is whole and whose end is left to the server, at the most."""
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_A_HEADER: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_SAFE: Final = "/%:@!$&'()*+,;=~-._"
_GOOD: Final = range(200, 300)


def _a_list(value: object) -> object:
    return (value,) if isinstance(value, int) else value


def no_injection(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers as they are; ValueError when one of them could hold more than itself."""
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} can't be the name of a header")
        if _NOT_IN_A_HEADER.search(value):
            raise ValueError(f"the header {name} has a character in it that no header can hold")
    return headers


def a_url(url: str) -> str:
    """Return an address as it is; ValueError when it is none that can be asked over HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("a URL looks like http://HOST:PORT/PATH or https://…")
    if parts.username is not None:
        raise ValueError("no user and password in a URL: give them as secret_headers")
    if _CONTROL.search(url) or " " in url:
        raise ValueError("a URL has no spaces or control characters in it")
    if parts.port == 0:
        raise ValueError("0 is no port")
    return url


class Request(Kind):
    """Send one HTTP/1.1 request a look and weigh the answer.

    OK: an answer with a good status that holds `text`, whole. WRONG: any other answer, with `HTTP 503` or what else
    was wrong with it. REFUSED, RESET (also: closed before the answer was whole), UNREACHABLE and TIMED_OUT are told
    apart. Redirects are not followed. An answer that comes after the deadline is recorded as the late answer it is.
    """

    url: Annotated[str, AfterValidator(a_url)]
    method: str = Field(default="GET", pattern=r"^[A-Z]+$")
    headers: Annotated[dict[str, str], AfterValidator(no_injection)] = Field(default={})
    secret_headers: dict[str, SecretReference] = Field(default={}, description="headers whose value is a secret")
    json_body: JsonValue = Field(default=None, alias="json", description="sent as JSON")
    body: str | None = Field(default=None, description="sent as it is")
    status: Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_a_list)] = Field(
        default=(), description="the good statuses; 200 to 299 where none is given"
    )
    text: str | None = Field(default=None, min_length=1, description="what the body of a good answer holds")
    connection: Literal["fresh", "kept"] = Field(
        default="fresh",
        description="a new connection for each look, or kept ones; they see different outages",
    )
    who_header: str = Field(default="X-Server", description="the header of the answer that tells who answered")
    who_field: str = Field(default="", description="the field of a JSON answer that tells it, where no header does")
    ca: str | None = Field(default=None, description="a file of certificates to trust instead of the system's")
    server_name: str | None = Field(default=None, description="the name that the server's certificate must hold")

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        if self.json_body is not None and self.body is not None:
            raise ValueError("a request has `json` or `body`, not both")
        return self

    @cached_property
    def links(self) -> "_Links":
        """The connections of this probe."""
        return _Links(self)

    async def open(self, given: Given) -> None:
        """Prepare the request and, for HTTPS, what is trusted."""
        del given
        self.links.prepare()

    async def close(self) -> None:
        """Hang up everything."""
        self.links.close()

    def on_edge(self, given: Given, tell: TellEdge) -> None:
        """Tell late answers, and what a look sees when an idle connection was closed."""
        self.links.listen(given, tell)

    def is_cut(self, now: int) -> bool:
        """Tell whether a new connection would not even get to the server."""
        return self.links.way.is_cut(now)

    async def look(self, given: Given) -> Seen:
        """Send the request and wait for the whole answer."""
        del given
        return await self.links.ask()


def wire(request: Request) -> bytes:
    """Write the request as it goes over the wire; UnresolvedSecret when a secret of it can't be found."""
    parts = urlsplit(request.url)
    target = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE + '?')}" if parts.query else "")
    body, sort = b"", None
    if request.json_body is not None:
        body, sort = formats.dumps(request.json_body).encode(), "application/json"
    elif request.body is not None:
        body, sort = request.body.encode(), "text/plain; charset=utf-8"
    headers = {
        "Host": parts.netloc,
        "User-Agent": "faildrill",
        "Accept": "*/*",
        "Connection": "close" if request.connection == "fresh" else "keep-alive",
    }
    if sort:
        headers["Content-Type"] = sort
    if body or request.method in ("POST", "PUT", "PATCH"):
        headers["Content-Length"] = str(len(body))
    secrets = {name: reference.resolve().reveal() for name, reference in request.secret_headers.items()}
    given = {**request.headers, **no_injection(secrets)}
    overridden = {name.lower() for name in given}
    lines = [f"{name}: {value}" for name, value in headers.items() if name.lower() not in overridden]
    lines += [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([f"{request.method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1") + body


def trust(request: Request) -> dict[str, Any]:
    """Return the options that make a connection one over TLS; none for plain HTTP."""
    parts = urlsplit(request.url)
    if parts.scheme == "http":
        return {}
    if request.ca is not None:
        bounded_read.check(request.ca)
    return {
        "ssl": ssl.create_default_context(cafile=request.ca),
        "server_hostname": request.server_name or parts.hostname,
    }


class _Links:
    """The connections of one probe: idle ones, those whose late answer is listened for, those that are leaving."""

    def __init__(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.request = request
        self.way = tcp.Way(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        self._wire: bytes | None = None
        self._trust: dict[str, Any] = {}
        self._idle: list[_Link] = []
        self._listening: list[_Link] = []
        self._leaving: dict[_Link, None] = {}
        self._tell: TellEdge | None = None
        self._timeout = 0.0
        self._edge: asyncio.Task[None] | None = None

    def prepare(self) -> bytes:
        """Write the request once for all looks; whatever can't be had for it is said by the look that needs it."""
        self._trust = trust(self.request)
        self._wire = wire(self.request)
        return self._wire

    def listen(self, given: Given, tell: TellEdge) -> None:
        """Tell what is learned between looks from now on."""
        self._tell, self._timeout = tell, given.timeout

    async def ask(self, *, anew: bool = False) -> Seen:
        """Send the request over an idle connection, or over a new one, and wait for its answer."""
        text = self._wire or self.prepare()
        link = None if anew else self._standing()
        began = time.monotonic_ns()
        if link is None:
            try:
                transport, link = await self.way.connect(lambda: _Link(self), **self._trust)
            except OSError as error:
                return tcp.failed(error, began)
            link.transport = transport
        try:
            return await link.send(text, began)
        except asyncio.CancelledError:
            self._give_up(link, began)
            raise

    def _standing(self) -> "_Link | None":
        """Take an idle connection that still stands; one that is ending was never used for this look."""
        while self._idle:
            link = self._idle.pop()
            if link.stands:
                return link
            link.reset()
        return None

    def released(self, link: "_Link", *, usable: bool) -> None:
        """Take back a connection whose answer is whole: for the next look, or to be ended by the server."""
        self._forget(link)
        if usable and self.request.connection == "kept" and len(self._idle) < MOST_IDLE:
            self._idle.append(link)
            return
        self._leaving[link] = None
        if len(self._leaving) > MOST_LEAVING:
            oldest = next(iter(self._leaving))
            del self._leaving[oldest]
            oldest.reset()

    def lost(self, link: "_Link") -> None:
        """Take note that a connection is gone; when it was an idle one, look at once."""
        was_idle = link in self._idle
        self._forget(link)
        if was_idle and self._tell and (self._edge is None or self._edge.done()):
            self._edge = asyncio.get_running_loop().create_task(self._look_at_once(self._tell))

    def late(self, seen: Seen) -> None:
        """Tell an answer that came after its deadline."""
        if self._tell:
            self._tell(seen._replace(detail=f"{seen.detail}, late" if seen.detail else "late answer"))

    def close(self) -> None:
        """Hang up everything."""
        self._tell = None
        if self._edge:
            self._edge.cancel()
        for link in [*self._idle, *self._listening, *self._leaving]:
            link.reset()

    def _forget(self, link: "_Link") -> None:
        self._leaving.pop(link, None)
        for group in (self._idle, self._listening):
            if link in group:
                group.remove(link)

    def _give_up(self, link: "_Link", now: int) -> None:
        """Wait no longer for an answer; the oldest ones are still listened for, as they tell the end of a silence."""
        if self._listening and now - self._listening[0].sent > LISTEN_FOR:
            self._listening.pop(0).reset()
        if self._tell and len(self._listening) < MOST_LISTENING:
            self._listening.append(link)
        else:
            link.reset()

    async def _look_at_once(self, tell: TellEdge) -> None:
        """Look because a connection ended: that proves nothing (servers end idle ones), but it is a good moment."""
        began = time.monotonic_ns()
        try:
            seen = await asyncio.wait_for(self.ask(anew=True), self._timeout)
        except TimeoutError:
            seen = Seen(Outcome.TIMED_OUT, sent=began, answered=time.monotonic_ns())
        if seen.outcome is not Outcome.OK:
            tell(seen)


class _Link(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, links: _Links) -> None:
        request = links.request
        self._links = links
        self._head_only = request.method == "HEAD"
        self._good = request.status or _GOOD
        self._text = (request.text or "").encode()
        self._who_header = request.who_header.lower().encode()
        self._who_field = request.who_field
        self._body = bytearray()
        self.transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._answer: asyncio.Future[Seen] | None = None
        self.sent = 0

    @property
    def stands(self) -> bool:
        """True while a request can be sent."""
        return self.transport is not None and not self.transport.is_closing()

    def send(self, wire: bytes, began: int) -> asyncio.Future[Seen]:
        """Send a request; its answer is the future's result, whatever it is."""
        self.sent = began
        self._length = self._status = 0
        self._whole = self._lengthy = self._usable = False
        self._who = ""
        self._tail = b""
        self._body.clear()
        self._found = not self._text
        self._parser = httptools.HttpResponseParser(self)
        answer = self._answer = asyncio.get_running_loop().create_future()
        if self.transport and self.stands:
            self.transport.write(wire)
        else:
            self._end(Outcome.RESET, "closed before it could be used")
        return answer

    def reset(self) -> None:
        """Hang up at once; nothing more is told."""
        self._parser = None
        if self.transport:
            tcp.reset(self.transport)

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            self.reset()
            return
        self._length += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._broken_off(Outcome.WRONG, "not HTTP")
            return
        if self._whole:
            self._weigh()
        elif self._length > LARGEST:
            self._broken_off(Outcome.WRONG, "an answer of more than 1 MiB")

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower == self._who_header:
            self._who = value.decode("latin-1")[:LONGEST_WHO]
        elif lower in (b"content-length", b"transfer-encoding"):
            self._lengthy = True

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._whole = self._head_only

    def on_body(self, data: bytes) -> None:
        if self._who_field:
            self._body += data
        if not self._found:
            seen = self._tail + data
            self._found = self._text in seen
            self._tail = seen[1 - len(self._text) :] if len(self._text) > 1 else b""

    def on_message_complete(self) -> None:
        self._whole = self._status >= 200  # noqa: PLR2004 - 1xx announces the answer, it is none
        self._usable = bool(self._parser.should_keep_alive())

    def eof_received(self) -> None:
        """Answer the server's end with a reset.

        A proper farewell would leave the pair of ports waiting at the server for a minute. A new connection from
        the same port is then not refused when nobody listens, but tried again in silence, which blurs an outage.
        """
        if self._parser and self._status >= 200 and not self._lengthy:  # noqa: PLR2004 - ends with its connection
            self._weigh()
        elif self._parser:
            self._cut_off("closed")
        self.reset()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._parser:
            self._cut_off("reset" if exc else "closed")
        self._links.lost(self)

    def _cut_off(self, how: str) -> None:
        self._end(Outcome.RESET, f"{how} {'in the middle of an answer' if self._length else 'without an answer'}")

    def _weigh(self) -> None:
        """End the look with a whole answer."""
        self._who = self._who or (told_by(bytes(self._body), self._who_field) if self._who_field else "")
        if self._status not in self._good:
            self._end(Outcome.WRONG, f"HTTP {self._status}")
        elif not self._found:
            self._end(Outcome.WRONG, "not the expected text")
        else:
            self._end(Outcome.OK, "")
        self._links.released(self, usable=self._usable)

    def _broken_off(self, outcome: Outcome, detail: str) -> None:
        self._end(outcome, detail)
        self.reset()

    def _end(self, outcome: Outcome, detail: str) -> None:
        seen = Seen(outcome, self._who, detail, self.sent, time.monotonic_ns())
        answer, self._answer, self._parser = self._answer, None, None
        if answer is None:
            return
        if answer.cancelled():
            self._links.late(seen)
        elif not answer.done():
            answer.set_result(seen)
