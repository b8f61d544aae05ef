"""`http.request`: one request over HTTP/1.1 a look."""

from functools import cached_property

from faildrill.adapters.http.connections import Asked, Connections
from faildrill.ports import Given, Seen, TellEdge


class Request(Asked):
    """Sends one HTTP/1.1 request a look and judges the answer.

    - OK: a whole answer with a good status that contains `text` and the `values`, and not what it `lacks`.
    - WRONG: any other answer; the detail says why, such as `HTTP 503`.
    - REFUSED, RESET (also: closed before the answer was whole), UNREACHABLE and TIMED_OUT: no answer.
    - THROTTLED: an answer about the prober, which proves nothing about the service: 429, a refusal whose header says
      that the client has used up its requests, a challenge that a filter marks as one against bots.
    - OPEN: the server closed a kept connection just as the request was sent, which proves nothing either.

    Redirects are not followed. An answer after the deadline is recorded as a late answer. After an answer about the
    prober, `Retry-After` is obeyed, for 5 s at a time. A plain 403 or 503 may be what users get as well, so it is
    WRONG: for NGINX's `limit_req` write `limit_req_status 429`.

    The body is decoded as a reader would see it: in its charset, unpacked from gzip or deflate, and in JSON also
    without escapes. If it can't be decoded and `text`, `values` or `lacks` needs it, the look proves nothing. Nor does
    an answer that has no body by its status (204, 205, 304), where all that is said of the body is what it `lacks`.

    Of several messages on a connection the first with a status of 200 or more is the answer.

    After a closed kept connection, GET, HEAD, OPTIONS and TRACE are asked once more on a new connection, within the
    same look. With any other method the look is OPEN, and the report says how many there were.
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
