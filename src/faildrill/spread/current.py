"""The spread as it is now: counts as they come, weighed over the last looks, few and many.

A large skew is proven by few requests, so the last look is weighed by itself, then the last two, three, four, six,
eight … up to the whole window. The shortest stretch that can tell decides: so a skew is seen soon, and so is its end.
A change of the servers that are due anything (one drains, dies, joins) begins anew after a moment: what was, was due
then.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from faildrill.clock import nanoseconds
from faildrill.spread import AT_LEAST, TOLERANCE, Spread, weigh

OVER: Final = 30.0
"""Seconds of the longest stretch that is weighed."""
SETTLE: Final = 2.0
"""Seconds after a change of the servers for which nothing is weighed: a new one may be rushed to."""
_NOTHING: Final = Spread("open", 0, {}, 1.0)


class _Sum(NamedTuple):
    """All that came up to a look, and what was due of it, by server."""

    at: int
    counts: dict[str, float]
    expected: dict[str, float]

    def minus(self, other: "_Sum") -> tuple[dict[str, float], dict[str, float]]:
        """Return what came since another look, and what was due of it."""
        counts = {name: count - other.counts.get(name, 0) for name, count in self.counts.items()}
        return counts, {name: count - other.expected.get(name, 0) for name, count in self.expected.items()}


class CurrentSpread:
    """Takes in counts, look by look, and says how requests are spread now."""

    def __init__(
        self, tolerance: float = TOLERANCE, at_least: int = AT_LEAST, over: float = OVER, settle: float = SETTLE
    ) -> None:
        self._tolerance = tolerance
        self._at_least = at_least
        self._over = nanoseconds(over)
        self._settle = nanoseconds(settle)
        self._sums: deque[_Sum] = deque([_Sum(0, {}, {})])
        self._servers: frozenset[str] = frozenset()
        self._quiet_until = 0
        self._skewed = False

    def take(self, at: int, counts: Mapping[str, float], due: Mapping[str, float]) -> Spread:
        """Take in the requests since the last look, by server, and what is due to each now; say how it is.

        `counts` are those that the load balancer was free to send anywhere. The verdict is `open` while fewer requests
        than the least came in the whole window; with enough of them it is `skewed` from proof to counter-proof.
        """
        servers = frozenset(name for name, part in due.items() if part > 0)
        if servers != self._servers:
            self._quiet_until = at + self._settle if self._servers else 0
            self._servers = servers
            self._skewed = False
            self.forget()
        if at >= self._quiet_until and servers:
            self._add(at, counts, due)
        while len(self._sums) > 1 and self._sums[1].at <= at - self._over:
            self._sums.popleft()
        return self._weighed()

    def forget(self) -> None:
        """Begin anew: the counters did."""
        self._sums = deque([_Sum(0, {}, {})])

    def _add(self, at: int, counts: Mapping[str, float], due: Mapping[str, float]) -> None:
        last = self._sums[-1]
        total, whole = sum(counts.values()), sum(due.values())
        came = {name: last.counts.get(name, 0) + counts.get(name, 0) for name in {**last.counts, **counts}}
        expected = {
            name: last.expected.get(name, 0) + total * due.get(name, 0) / whole for name in {**last.expected, **due}
        }
        self._sums.append(_Sum(at, came, expected))

    def _weighed(self) -> Spread:
        stretches = self._stretches()
        last = _NOTHING
        for looks in stretches:
            counts, expected = self._sums[-1].minus(self._sums[-1 - looks])
            if sum(counts.values()) < self._at_least:
                continue
            last = weigh(counts, expected, self._tolerance, len(stretches))
            if last.verdict != "open":
                self._skewed = last.verdict == "skewed"
                return last
        if not last.shares:
            return last
        within = all(abs(share.part - share.due) <= self._tolerance * share.due for share in last.shares.values())
        self._skewed = self._skewed and not within
        if not self._skewed:
            return last._replace(verdict="even")
        return last._replace(verdict="skewed", off=(_farthest(last),))

    def _stretches(self) -> list[int]:
        """List how many looks back are weighed: 1, 2, 3, 4, 6, 8 … and all."""
        whole = len(self._sums) - 1
        lengths, power = [], 1
        while power < whole:
            lengths += [power, power * 3 // 2] if power > 1 else [power]
            power *= 2
        return [*(stretch for stretch in lengths if stretch < whole), *([whole] if whole else [])]


def _farthest(spread: Spread) -> str:
    return max(spread.shares, key=lambda name: abs(spread.shares[name].part - spread.shares[name].due))
