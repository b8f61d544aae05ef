"""`http.spread`: how requests are spread, as whoever sends them sees it."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from faildrill.adapters.haproxy.due_shares import dues
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.http.request import Request
from faildrill.ports import Given, Seen, TellEdge
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import Kept
from faildrill.toolkit.spread_probe import Spreads, now


class Spread(Spreads, Request):
    """Sends one HTTP request a look and measures which servers answer, by `who_header` or a field of a JSON answer.

    Good while each server gets its due share within `tolerance`; otherwise `wrong`, with the overloaded servers as
    `who`. A look whose answer names no server proves nothing.

    It needs nothing from the load balancer, so it works with any make. But it knows only its own requests: choose
    `every` so that `at_least` of them come soon. And it doesn't know which servers are drained or down: a server that
    drains looks starved, unless `load_balancer` and `backend` name an HAProxy that is asked for that. It sends no
    cookies, so none binds it to a server. If clients are bound by their address, one client sees no spread at all.

        probes:
          spread:
            http.spread: {url: "${services.payments}/payments/count", weights: {pay1: 1, pay2: 1, pay3: 1}}
            every: 50ms
    """

    heard_as: ClassVar[View] = "load balancer"

    load_balancer: LoadBalancer | None = Field(
        default=None, description="an HAProxy that is asked which servers are drained or down"
    )
    backend: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._:-]+$", description="which of its backends")

    @model_validator(mode="after")
    def _knows_the_dues(self) -> Self:
        if not self.weights and self.load_balancer is None:
            raise ValueError("what is due to whom? give `weights`, or a `load_balancer` with its `backend`")
        if (self.load_balancer is None) != (self.backend is None):
            raise ValueError("a `load_balancer` needs its `backend`, and a `backend` its `load_balancer`")
        return self

    def on_edge(self, given: Given, tell: TellEdge) -> None:
        """Tell nothing between looks: an answer that comes late is for `http.request`."""

    async def close(self) -> None:
        """Hang up everything."""
        self.hang_up()
        await super().close()

    async def look(self, given: Given) -> Seen:
        """Send the request, and weigh who answered."""
        due = await dues(self.load_balancer, self.backend, self.weights)
        look = await super().look(given)
        if not look.outcome.is_look:
            return look
        if isinstance(due, str):
            return Seen(Outcome.BROKEN, detail=due)
        if not look.who:
            return Seen(Outcome.BROKEN, detail="no answer that tells who gave it")
        took = ((look.answered or 0) - (look.sent or 0)) / 1e9
        failed = {} if look.outcome is Outcome.OK else {look.who: 1.0}
        kept = Kept(now(), {look.who: 1.0}, due, errors=failed, seconds={look.who: took})
        weighed = self.tell(kept, given)
        return weighed._replace(sent=look.sent, answered=look.answered)
