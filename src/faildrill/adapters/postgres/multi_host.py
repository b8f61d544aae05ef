"""Several servers, one of which is what was asked for: they are tried in their order, as libpq does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

from faildrill.adapters.postgres.conninfo import Endpoint, Login

_EACH: Final = 1.0
"""Seconds in which one of several servers must answer, where the login says nothing: libpq waits for ever."""
ROLE: Final = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"
"""What `target_session_attrs` asks, as libpq does: `transaction_read_only` is on where a default makes it so, too."""
C = TypeVar("C")


class NotThis(ConnectionError):
    """A server answered, and is not what `target_session_attrs` asks for."""


class Role(NamedTuple):
    """What a server is."""

    standby: bool
    read_only: bool

    @classmethod
    def of(cls, standby: object = None, read_only: object = None) -> "Role":
        """Read the answer, as text or as truth values."""
        return cls(standby in (True, "t"), read_only in (True, "t"))

    def fits(self, session: str) -> bool:
        """Tell whether it is what a login asks for."""
        fits = {
            "read-write": not self.read_only,
            "read-only": self.read_only,
            "primary": not self.standby,
            "standby": self.standby,
            "prefer-standby": self.standby,
        }
        return fits.get(session, True)


async def first_fit(
    login: Login,
    begin: Callable[[Endpoint], Awaitable[C]],
    role: Callable[[C], Awaitable[Role]],
    end: Callable[[C], None],
) -> C:
    """Return a connection to the first server that answers and is what the login asks for.

    Raises what the last one that failed did, or NotThis where all answered; UnresolvedSecret as `begin` does.
    """
    endpoints = login.endpoints()
    session = endpoints[0].session
    if len(endpoints) == 1 and session in ("any", "prefer-standby"):
        return await begin(await endpoints[0].found(login.names))
    rounds = [(endpoint, session) for endpoint in endpoints]
    if session == "prefer-standby":
        rounds += [(endpoint, "any") for endpoint in endpoints]
    failed: OSError = NotThis(f"no server is {session}")
    for endpoint_tried, wanted in rounds:
        try:
            async with asyncio.timeout(endpoint_tried.within or (_EACH if len(endpoints) > 1 else None)):
                connection = await begin(await endpoint_tried.found(login.names))
                try:
                    if wanted == "any" or (await role(connection)).fits(wanted):
                        return connection
                except BaseException:  # also when cancelled: no connection is left to nobody
                    end(connection)
                    raise
        except OSError as error:
            failed = error
            continue
        end(connection)
    raise failed
