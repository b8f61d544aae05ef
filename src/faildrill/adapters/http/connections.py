"""The connections of an HTTP probe, with a parser driven by them, so that every time is the socket's."""

import asyncio
import time
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httptools
from pydantic import Field, model_validator

from faildrill.adapters.http import answer_parser
from faildrill.adapters.http.answer_values import LONGEST_WHO, responder
from faildrill.adapters.http.bodies import Body, Unreadable, sort_of
from faildrill.adapters.http.good_answer import GoodAnswer, no_body
from faildrill.adapters.http.turned_away import TELLING, asked_to_wait, turned_away
from faildrill.adapters.http.wire import Sent, trust, wire
from faildrill.adapters.tcp import connect
from faildrill.adapters.tcp.connect import LARGEST
from faildrill.ports import Given, Seen, TellEdge, sent_again
from faildrill.ports.addresses import in_ascii
from faildrill.record.samples import Outcome
from faildrill.toolkit.answering_name import told
from faildrill.toolkit.connection_errors import CLOSING

MOST_IDLE: Final = 64
"""Idle connections kept for the next looks, at the most."""
MOST_LISTENING: Final = 2
"""Looks past their deadline whose answer is still listened for: the oldest, as they are the first to be answered …"""
LISTEN_FOR: Final = 60_000_000_000
"""… and for how long (ns)."""
MOST_LEAVING: Final = 64
"""Connections whose answer is whole and whose end is left to the server, at the most."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that ask for nothing to be changed (RFC 9110, 9.2.1): sent twice, they do what they do sent once."""
_AN_ANSWER: Final = 200
"""The lowest status of an answer: what is below only announces one (RFC 9110, 15.2)."""
_TIMED_OUT: Final = 408
_LISTS: Final = frozenset({b"connection", b"content-encoding"})
"""Headers whose lines are one list (RFC 9110, 5.3)."""
_ABOUT_THE_ASKER: Final = frozenset(name.encode() for name in TELLING)
_HEARD: Final = _LISTS | _ABOUT_THE_ASKER | {b"content-type", b"content-length", b"transfer-encoding"}
_MORE: Final = ", and more than this answer"


class Asked(Sent, GoodAnswer):
    """What is sent, what a good answer is, and how the answer tells who gave it."""

    who_header: str = Field(default="X-Server", description="the header of the answer that names who answered")
    who_field: str = Field(
        default="", description="the field of a JSON answer that names who answered, if no header does"
    )

    @model_validator(mode="after")
    def _looks_for_what_can_come(self) -> Self:
        words = ("text", "values", "lacks", "who_field")
        why = no_body(self.method, self.status)
        if why and (asked := [name for name in words if getattr(self, name)]):
            raise ValueError(
                f"{why}, so `{asked[0]}` proves nothing: ask with GET for a status with a body, or leave it out"
            )
        return self


class Connections:
    """The connections of one probe: idle ones, those whose late answer is listened for, those that are leaving."""

    def __init__(self, request: Asked) -> None:
        parts = urlsplit(request.url)
        self.request = request
        self.way = connect.Way(in_ascii(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80))
        self._wire: bytes | None = None
        self._trust: dict[str, Any] = {}
        self._idle: list[Connection] = []
        self._listening: list[Connection] = []
        self._leaving: dict[Connection, None] = {}
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
        """Send the request over an idle connection, or over a new one, and wait for its answer.

        Where an idle one ends without a byte of an answer, the server may have ended it before it was asked (RFC 9112,
        9.3.1): a safe request is sent once more, over a new one, and what that proves is dated to its own sending.
        """
        text = self._wire or self.prepare()
        link = None if anew else self._standing()
        if link is not None:
            look = await self._answered(link, text, time.monotonic_ns())
            if look.outcome is not Outcome.OPEN or self.request.method not in SAFE:
                return look
            sent_again(time.monotonic_ns())
        began = time.monotonic_ns()
        try:
            transport, link = await self.way.connect(lambda: Connection(self), **self._trust)
        except OSError as error:
            return connect.failed(error, began)
        link.transport = transport
        return await self._answered(link, text, began)

    async def _answered(self, link: "Connection", text: bytes, began: int) -> Seen:
        try:
            return await link.send(text, began)
        except asyncio.CancelledError:
            self._give_up(link, began)
            raise

    def _standing(self) -> "Connection | None":
        """Take an idle connection that still stands; one that is ending was never used for this look."""
        while self._idle:
            link = self._idle.pop()
            if link.stands:
                return link
            link.reset()
        return None

    def released(self, link: "Connection", *, usable: bool) -> None:
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

    def lost(self, link: "Connection") -> None:
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

    def _forget(self, link: "Connection") -> None:
        self._leaving.pop(link, None)
        for group in (self._idle, self._listening):
            if link in group:
                group.remove(link)

    def _give_up(self, link: "Connection", now: int) -> None:
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
            look = await asyncio.wait_for(self.ask(anew=True), self._timeout)
        except TimeoutError:
            look = Seen(Outcome.TIMED_OUT, sent=began, answered=time.monotonic_ns())
        if look.outcome is not Outcome.OK:
            tell(look)


class Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, links: Connections) -> None:
        request = links.request
        self._links = links
        self._head_only = request.method == "HEAD"
        self._request = request
        self._text = (request.text or "").encode()
        self._who_header = request.who_header.lower().encode()
        self._who_field = request.who_field
        self._wanted = _HEARD | {self._who_header}
        self._body = bytearray()
        self.transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._answer: asyncio.Future[Seen] | None = None
        self._asked = 0
        """How many requests were sent over it, the one under way among them."""
        self.sent = 0

    @property
    def stands(self) -> bool:
        """True while a request can be sent."""
        return self.transport is not None and not self.transport.is_closing()

    def send(self, wire: bytes, began: int) -> asyncio.Future[Seen]:
        """Send a request; its answer is the future's result, whatever it is."""
        self.sent = began
        self._asked += 1
        self._length = self._status = 0
        self._whole = self._lengthy = self._usable = self._more = False
        self._who = ""
        self._tail = b""
        self._heard = dict[bytes, bytes]()
        self._told = dict[str, str]()
        self._body.clear()
        self._found = not self._text
        self._parser = answer_parser.lenient(self)
        answer = self._answer = asyncio.get_running_loop().create_future()
        if self.transport and self.stands:
            self.transport.write(wire)
        elif self._asked > 1:
            self._end(Outcome.OPEN, CLOSING)
        else:
            self._end(Outcome.RESET, "closed before it could be used")
        return answer

    def reset(self) -> None:
        """Hang up at once; nothing more is told."""
        self._parser = None
        if self.transport:
            connect.reset(self.transport)

    def data_received(self, data: bytes) -> None:
        """Take in a piece of the answer."""
        if self._parser is None:
            self.reset()
            return
        self._length += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._whole:
                is_chunked = b"transfer-encoding" in self._heard
                self._broken_off(*answer_parser.refused(str(error), is_chunked=is_chunked))
                return
            self._more = True
        if self._whole:
            self._weigh()
        elif self._length > LARGEST:
            self._broken_off(Outcome.WRONG, "an answer of more than 1 MiB")

    def on_message_begin(self) -> None:
        """Learn that a message begins; what follows the answer is none to this request, whatever it is."""
        self._more = self._whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header of a message, or of what follows its body: those come too late to count."""
        lower = name.lower()
        if lower in self._wanted:
            if b"\0" in value:
                raise ValueError("NUL in a header, which no client takes")
            heard = self._heard
            heard[lower] = heard[lower] + b"," + value if lower in _LISTS and lower in heard else value

    def on_headers_complete(self) -> None:
        """Learn the status and, of an answer, who gives it and how its body is to be read."""
        if self._whole:
            return
        self._status = self._parser.get_status_code()
        heard = self._heard
        if self._status < _AN_ANSWER:
            heard.clear()  # they are about the announcement
            return
        if who := heard.get(self._who_header):
            self._who = told(who.decode("latin-1"), LONGEST_WHO)
        self._lengthy = b"content-length" in heard or b"transfer-encoding" in heard
        self._parser.set_dangerous_leniencies(**answer_parser.OF_CHUNKS)
        if not _ABOUT_THE_ASKER.isdisjoint(heard):
            self._told = {name.decode(): heard[name].decode("latin-1") for name in _ABOUT_THE_ASKER & heard.keys()}
        self._sort = sort_of(heard.get(b"content-encoding", b""), heard.get(b"content-type", b""))
        asks = self._request.reads_the_body or bool(self._who_field)
        self._reads = asks or (bool(self._text) and not self._sort.is_plain)
        if self._head_only:
            self._whole, self._usable = True, self._goes_on()

    def on_body(self, data: bytes) -> None:
        """Take in a piece of the body."""
        if self._whole:
            self._more = True
            return
        if self._reads:
            self._body += data
        if not self._found:
            text = self._tail + data
            self._found = self._text in text
            self._tail = text[1 - len(self._text) :] if len(self._text) > 1 else b""

    def on_message_complete(self) -> None:
        """Learn that the answer is whole, and whether the connection goes on."""
        if not self._whole and self._status >= _AN_ANSWER:
            self._whole, self._usable = True, bool(self._parser.should_keep_alive())

    def _goes_on(self) -> bool:
        """Tell whether the connection goes on after an answer to HEAD, which ends with its head also without a length.

        The parser, which knows nothing of the request, takes one without a length to end with its connection.
        """
        if self._lengthy:
            return bool(self._parser.should_keep_alive())
        return self._parser.get_http_version() == "1.1" and b"close" not in self._heard.get(b"connection", b"").lower()

    def eof_received(self) -> None:
        """Answer the server's end with a reset.

        A proper farewell would leave the pair of ports waiting at the server for a minute. A new connection from
        the same port is then not refused when nobody listens, but tried again in silence, which blurs an outage.
        """
        if self._parser and self._status >= _AN_ANSWER and not self._lengthy:  # it ends with its connection
            self._weigh()
        elif self._parser:
            self._cut_off("closed")
        self.reset()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the connection is gone."""
        if self._parser:
            self._cut_off("reset" if exc else "closed")
        self._links.lost(self)

    def _cut_off(self, how: str) -> None:
        if self._length:
            self._end(Outcome.RESET, f"{how} in the middle of an answer")
        elif self._asked > 1:
            self._end(Outcome.OPEN, CLOSING)
        else:
            self._end(Outcome.RESET, f"{how} without an answer")

    def _weigh(self) -> None:
        """End the look with a whole answer."""
        if self._status == _TIMED_OUT and self._asked > 1 and not self._usable:
            # What a server may say that ends an idle connection, to nobody's request (RFC 9110, 15.5.9).
            self._broken_off(Outcome.OPEN, CLOSING)
            return
        try:
            body = self._sort.body(bytes(self._body)) if self._reads else Body(b"")
        except Unreadable as error:
            self._end(*self._found_good(error))
        else:
            self._who = self._who or (responder(body.content, self._who_field) if self._who_field else "")
            self._end(*self._found_good(body))
        self._links.released(self, usable=self._usable and not self._more)

    def _found_good(self, body: Body | Unreadable) -> tuple[Outcome, str]:
        """Tell what a whole answer is worth, and why; one that can't be read may be good or not."""
        request = self._request
        if not request.is_good(self._status):
            turned = turned_away(self._status, self._told)
            return (Outcome.THROTTLED, turned) if turned else (Outcome.WRONG, f"HTTP {self._status}")
        if self._told and (turned := turned_away(self._status, self._told)) and self._status not in request.status:
            return Outcome.THROTTLED, turned
        if isinstance(body, Unreadable):
            unread = request.reads_the_body or request.text is not None
            return (Outcome.BROKEN, str(body)) if unread else (Outcome.OK, "")
        if not self._found and not (self._reads and body.holds(request.text or "")):
            return Outcome.WRONG, "not the expected text"
        if request.tells_nothing(self._status, body):
            return Outcome.BROKEN, f"HTTP {self._status}, which has no body to look for a text in"
        wrong = request.wrong_with(body) if request.reads_the_body else ""
        return (Outcome.WRONG, wrong) if wrong else (Outcome.OK, "")

    def _broken_off(self, outcome: Outcome, detail: str) -> None:
        self._end(outcome, detail)
        self.reset()

    def _end(self, outcome: Outcome, detail: str) -> None:
        if self._more and outcome is Outcome.WRONG:
            detail += _MORE
        wait = asked_to_wait(self._told) if outcome is Outcome.THROTTLED else 0.0
        look = Seen(outcome, self._who, detail, self.sent, time.monotonic_ns(), wait)
        answer, self._answer, self._parser = self._answer, None, None
        if answer is None:
            return
        if answer.cancelled():
            self._links.late(look)
        elif not answer.done():
            answer.set_result(look)
