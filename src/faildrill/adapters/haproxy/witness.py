"""`haproxy.testimony`: whether the load balancer in front explains what users feel."""

import asyncio
from typing import Final

from pydantic import Field

from faildrill import durations
from faildrill.adapters.haproxy.client import statistics, tell
from faildrill.adapters.haproxy.drift import Drift
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import CannotSee, reason
from faildrill.ports import Duration, Given, Kind
from faildrill.ports.witness import Says, Testimony
from faildrill.record.samples import Outcome
from faildrill.spread import weigh
from faildrill.standards import Standard
from faildrill.toolkit.deadlines import SHARE

_COMMAND: Final = "show stat -1 4 -1"
_TIMES: Final = 5.0
"""A server that answers this many times slower than the fastest one is told."""
_LONG: Final = 0.2
"""Seconds that such an answer must take at least."""
Rows = dict[str, dict[str, str]]


class Front(Kind):
    """Looks whether the load balancer in front of the application explains what users feel.

    It does if it has drifted from its standard, if requests are proven to be spread unevenly (counted for `over`), if
    requests queue at some servers, or if some servers answer many times slower than others although all use one
    database. Then the cause is in front of the database, and a failover would not remove it.

        warrants:
          payments-db:
            - haproxy.testimony: {load_balancer: payments, backend: payments, standard: payments}
    """

    load_balancer: LoadBalancer = Field(description="the load balancer that is asked")
    backend: str = Field(description="the backend that users' requests go to")
    standard: Standard | None = Field(default=None, description="what was approved for it")
    over: Duration = Field(default=1.0, gt=0, description="for how long requests are counted")

    async def testify(self, given: Given) -> list[Testimony]:
        """Compare, count, and look at the queues."""
        over = min(self.over, given.timeout * SHARE / 2)
        try:
            before = await self._rows()
            await asyncio.sleep(over)
            after = await self._rows()
        except (OSError, ValueError) as error:
            raise CannotSee(f"{self.load_balancer.name} does not answer ({reason(error)})") from error
        causes = [*await self._drift(given), *_skew(before, after, self._due(after)), *_queues(after)]
        causes += _uneven(before, after)
        requests = sum(_difference(before, after, name, "stot") for name in after)
        figures = {"requests": requests, "over": over}
        if causes:
            return [Testimony("load balancer", Says.ELSEWHERE, "; ".join(causes), figures)]
        if requests == 0:
            return [Testimony("load balancer", Says.NOTHING, f"no request in {durations.show(over)}", figures)]
        because = f"as approved, nothing queues, {requests} requests in {durations.show(over)} are not proven uneven"
        return [Testimony("load balancer", Says.CLEAR, because, figures)]

    async def _rows(self) -> Rows:
        rows = statistics(await tell(self.load_balancer.haproxy_socket, _COMMAND))
        by_server = {row["svname"]: row for row in rows or () if row["pxname"] == self.backend}
        if not by_server:
            raise ValueError(f"it tells of no backend {self.backend}")
        return by_server

    async def _drift(self, given: Given) -> list[str]:
        if self.standard is None or self.backend not in (self.standard.backends or {}):
            return []
        drift = Drift(load_balancer=self.load_balancer, standard=self.standard, backend=self.backend)
        look = await drift.look(given)
        return [look.detail] if look.outcome is Outcome.WRONG else []

    def _due(self, rows: Rows) -> dict[str, float]:
        """Return what is due to each server that is up: by the standard, or by its weight now."""
        approved = ((self.standard.settings.backends or {}) if self.standard else {}).get(self.backend)
        servers = (approved.servers or {}) if approved else {}
        due: dict[str, float] = {}
        for name, row in rows.items():
            if row.get("status", "").startswith("UP") or row.get("status") == "no check":
                weight = servers[name].weight if name in servers else None
                due[name] = float(weight if weight is not None else _number(row, "weight"))
        return due


def _skew(before: Rows, after: Rows, due: dict[str, float]) -> list[str]:
    counts = {name: float(_difference(before, after, name, "lbtot")) for name in after}
    spread = weigh(counts, due)
    return [
        f"{name} got {spread.shares[name].part:.0%} of {spread.total} requests, {spread.shares[name].due:.0%} is due"
        for name in spread.off
    ]


def _queues(rows: Rows) -> list[str]:
    """Tell who has requests waiting, or no place left; where all have, it is no matter of spreading."""
    waiting = [name for name, row in rows.items() if _number(row, "qcur") > 0]
    full = [name for name, row in rows.items() if 0 < _number(row, "slim") <= _number(row, "scur")]
    if not waiting and not full:
        return []
    if len({*waiting, *full}) == len(rows) > 1:
        return []
    return [
        f"{name}: {_number(rows[name], 'qcur')} queue, {_number(rows[name], 'scur')} sessions"
        for name in dict.fromkeys((*waiting, *full))
    ]


def _uneven(before: Rows, after: Rows) -> list[str]:
    """Tell who answers many times slower than others do: by HAProxy's average of the last 1,024 answers."""
    served = [name for name in after if _difference(before, after, name, "stot") > 0]
    times = {name: _number(after[name], "rtime") / 1e3 for name in served}
    if len(times) < 2:  # noqa: PLR2004 - one can't be slower than another
        return []
    fastest = max(min(times.values()), 1e-3)
    return [
        f"{name} answers in {durations.show(taken)}, another one in {durations.show(fastest)}"
        for name, taken in times.items()
        if taken > _LONG and taken > _TIMES * fastest
    ]


def _difference(before: Rows, after: Rows, name: str, key: str) -> int:
    """Count what came between; all that there is where the counters began anew."""
    now, then = _number(after[name], key), _number(before.get(name, {}), key)
    return now - then if now >= then else now


def _number(row: dict[str, str], key: str) -> int:
    text = row.get(key, "")
    return int(text) if text.isdecimal() else 0
