"""A request of aiohttp that is sent once: left to itself it repeats GET, PUT and DELETE whose answer was lost.

Every request that changes something passes `Once`, whatever its verb: which verbs are repeated is the library's to say.
"""

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse


class Once:
    """A middleware for one request: what the client would send again is not sent, and raises ClientError.

    aiohttp repeats what RFC 9110 calls idempotent when the connection ends before the answer, also on a new connection
    (`ClientSession._request`, `retry_persistent_connection`). A PUT with a precondition that took effect is refused
    when it comes again, and a write that is counted is counted twice.
    """

    def __init__(self) -> None:
        self._is_sent = False

    async def __call__(self, request: "ClientRequest", handler: "ClientHandlerType") -> "ClientResponse":
        """Send it, the first time."""
        if self._is_sent:
            raise aiohttp.ClientConnectionError("the connection ended before an answer came")
        self._is_sent = True
        return await handler(request)
