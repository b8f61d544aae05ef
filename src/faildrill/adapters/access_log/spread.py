"""`access_log.spread`: how requests were spread, from the log that the load balancer writes of them."""

from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from faildrill.adapters.access_log.log_lines import COMBINED, NOBODY, Reader, Served, haproxy, nginx
from faildrill.adapters.access_log.log_tail import Tail
from faildrill.adapters.haproxy.due_shares import dues
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import reason
from faildrill.ports import Given, Kind, Seen
from faildrill.ports.target import FilePath
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import Kept
from faildrill.system import threads
from faildrill.toolkit.spread_probe import Spreads, now


class Spread(Spreads, Kind):
    """Measures how requests are spread over servers, from an access log of HAProxy or NGINX on this machine.

    Good while each server gets its due share within `tolerance`; otherwise `wrong`, with the overloaded servers as
    `who`. With too few lines it proves nothing. Each attempt counts for the server that it was sent to, except those of
    clients that a cookie binds to their server; a request that no server was alive for counts for none, and the look
    says that there were some. `weights` go by the server's name in the log; for NGINX that is the
    address in `$upstream_addr`.

    A log doesn't tell which servers are drained or down. With `load_balancer`, HAProxy is asked for that, so that a
    server that drains doesn't count as starved. The log is followed as it grows and through rotation; only whole lines
    are read.

        probes:
          spread:
            access_log.spread:
              path: /var/log/nginx/access.log
              format: nginx
              log_format: '$remote_addr "$request" $status $upstream_addr $upstream_response_time'
              weights: {"10.0.0.1:8080": 1, "10.0.0.2:8080": 1}
            every: 1s
    """

    heard_as: ClassVar[View] = "load balancer"

    blocking: ClassVar[bool] = True

    path: FilePath = Field(min_length=1, description="the log file")
    format: Literal["haproxy", "nginx"] = Field(description="whose log it is")
    log_format: str = Field(default=COMBINED, description="for NGINX: its log_format, with $upstream_addr in it")
    load_balancer: LoadBalancer | None = Field(
        default=None, description="an HAProxy that is asked which servers are drained or down"
    )
    backend: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9._:-]+$", description="for HAProxy: one of its backends; by default all"
    )

    @model_validator(mode="after")
    def _knows_the_dues(self) -> Self:
        if not self.weights and self.load_balancer is None:
            raise ValueError("what is due to whom? give `weights`, or a `load_balancer` with its `backend`")
        if self.load_balancer is not None and self.backend is None:
            raise ValueError("a `load_balancer` needs its `backend`")
        if self.format == "nginx":
            nginx(self.log_format)
        return self

    @cached_property
    def _reader(self) -> Reader:
        return haproxy(self.backend) if self.format == "haproxy" else nginx(self.log_format)

    @cached_property
    def _tail(self) -> Tail:
        return Tail(Path(self.path))

    async def open(self, given: Given) -> None:
        """Take what the log holds already as read."""
        del given
        try:
            await threads.of_file(self.path, self._tail.begin)
        except OSError:
            self._tail.close()

    async def close(self) -> None:
        """Close the log."""
        self._tail.close()
        self.hang_up()

    async def look(self, given: Given) -> Seen:
        """Read what was added, and weigh it."""
        due = await dues(self.load_balancer, self.backend, self.weights)
        try:
            lines = await threads.of_file(self.path, self._tail.lines)
        except OSError as error:
            return Seen(Outcome.BROKEN, detail=f"the log can't be read: {reason(error)}")
        if isinstance(due, str):
            return Seen(Outcome.BROKEN, detail=due)
        served = [request for line in lines for request in self._reader(line)]
        return self.tell(_kept([request for request in served if not request.bound], due), given)


def _kept(served: list[Served], due: dict[str, float]) -> Kept:
    counts = Counter(request.server for request in served)
    unserved = counts.pop(NOBODY, 0)
    failed = Counter(request.server for request in served if request.failed and request.server != NOBODY)
    times: dict[str, list[float]] = {}
    for request in served:
        if request.seconds is not None:
            times.setdefault(request.server, []).append(request.seconds)
    return Kept(
        at=now(),
        counts={name: float(number) for name, number in counts.items() if name not in due or due[name]},
        due=due,
        unserved=float(unserved),
        errors={name: float(number) for name, number in failed.items()},
        seconds={name: sum(some) / len(some) for name, some in times.items()},
    )
