"""`http.request`: one request over HTTP/1.1 a look."""

from functools import cached_property

from faildrill.adapters.http.connections import Asked, Connections
from faildrill.ports import Given, Seen, TellEdge


class Request(Asked):
    """Send one HTTP/1.1 request a look and weigh the answer.

    OK: an answer with a good status, whole, that holds `text` and the `values`, and nothing that it `lacks`. WRONG: any
    other answer, with `HTTP 503` or what else was wrong with it. REFUSED, RESET (also: closed before the answer was
    whole), UNREACHABLE and TIMED_OUT are told apart. Redirects are not followed. An answer after the deadline
    is recorded as the late answer that it is.

    A body is read as a reader sees it: in its charset, in JSON also without its escapes, and not
    compressed, by gzip or deflate, which some servers do unasked. One that can't be read so proves nothing where
    `text`, `values` or `lacks` asks for it.

    `throttled` is an answer about the prober, which proves nothing of the service: 429, a refusal whose header says
    that the asker's requests are used up, a challenge against bots that a filter marks as one. `Retry-After` is heeded,
    for 5 s at a time. A plain 403 or 503 may be what users get as well: write `limit_req_status 429` for NGINX.

    A server may end a kept connection just as a request is sent on it, which proves nothing of the service. With GET,
    HEAD, OPTIONS or TRACE the look then asks once more, on a new connection; with any other method it is `open`:
    neither good nor dark, and the report tells how many there were.
    """

    @cached_property
    def links(self) -> Connections:
        """The connections of this probe."""
        return Connections(self)

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
