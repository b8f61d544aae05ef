"""Where a name leads for one sort of client: which server it asks, and for how long it keeps an answer.

Programs differ in that more than in anything else that matters in a failover: one asks for each connection, one keeps
an answer for its TTL, a JVM for thirty seconds or for ever. A target that says `resolver` and `resolve` is reached as
such a client reaches it. Each process of a run keeps its own answers, as each client does.
"""

import math
import socket
import time
from typing import Annotated, Final, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from faildrill import durations
from faildrill.ports.addresses import Address, host_and_port
from faildrill.system.resolver import is_address

_TYPES: Final = ("A", "AAAA")
_FIXED: Final = ("each", "ttl", "once")


def _kept(text: str) -> str:
    """Accept `each`, `ttl`, `once` or a time, as it is."""
    if text not in _FIXED:
        durations.parse(text)
    return text


class ClientNames(NamedTuple):
    """A server of names, and how long its answers are kept: `each`, `ttl`, `once`, or a time."""

    server: str
    keep: str

    async def address(self, host: str) -> str:
        """Return where a name leads for such a client; gaierror where the server says nothing of use."""
        if is_address(host):
            return host
        key, now = (self.server, self.keep, host), time.monotonic()
        known = _answers.get(key)
        if known is not None and now < known.until:
            return known.address
        address, ttl = await self._asked(host)
        _answers[key] = _Answer(address, time.monotonic() + self._lasts(ttl))
        return address

    def _lasts(self, ttl: float) -> float:
        lasts = {"each": 0.0, "ttl": ttl, "once": math.inf}.get(self.keep)
        return durations.parse(self.keep) if lasts is None else lasts

    async def _asked(self, host: str) -> tuple[str, float]:
        from faildrill.toolkit import dns_question  # noqa: PLC0415 - needs an extra, which few targets do

        for kind in _TYPES:
            if (found := await dns_question.ask(host_and_port(self.server), host, kind)) is not None:
                return found
        raise socket.gaierror(socket.EAI_NONAME, f"{self.server} knows no address of {host}")


class _Answer(NamedTuple):
    address: str
    until: float
    """By the monotonic clock."""


_answers: Final[dict[tuple[str, str, str], _Answer]] = {}


class AsksForItself(BaseModel):
    """What a target says of how its users find it by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    resolver: Address | None = Field(
        default=None, description="HOST:PORT of the DNS server that its users ask; by default as this host is set up"
    )
    resolve: Annotated[str, AfterValidator(_kept)] | None = Field(
        default=None,
        description="how long they keep its answer: `ttl` as it says, `each` not at all, `once` for ever, or a time",
    )

    @model_validator(mode="after")
    def _asks_somebody(self) -> Self:
        if self.resolve is not None and self.resolver is None:
            raise ValueError("`resolve` says how long an answer of `resolver` is kept: name that server, too")
        return self

    @property
    def names(self) -> ClientNames | None:
        """How its users find it; None where that is left to this host."""
        return None if self.resolver is None else ClientNames(self.resolver, self.resolve or "ttl")
