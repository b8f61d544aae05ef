"""The spread as it is now: counts as they come, weighed over the last looks, few and many.

A large skew is proven by few requests, so the last look is weighed by itself, then the last two, three, four, six,
eight … up to the whole window. The shortest stretch that can tell decides: so a skew is seen soon, and so is its end.
A change of the servers that are due anything (one drains, dies, joins) begins anew after a moment: what was, was due
then.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from faildrill.clock import nanoseconds
from faildrill.spread import AT_LEAST, TOLERANCE, Spread, weigh

OVER: Final = 30.0
"""Seconds of the longest stretch that is weighed."""
SETTLE: Final = 2.0
"""Seconds after a change of the servers for which nothing is weighed: a new one may be rushed to."""
_MOST_STEPS: Final = 4096


class Step(NamedTuple):
    """What came between two looks."""

    at: int
    """Monotonic ns of the later one."""
    counts: dict[str, float]
    due: dict[str, float]
    """Their due shares then; they sum to 1."""


class Following:
    """Takes in counts, look by look, and says how requests are spread now."""

    def __init__(
        self, tolerance: float = TOLERANCE, at_least: int = AT_LEAST, over: float = OVER, settle: float = SETTLE
    ) -> None:
        self._tolerance = tolerance
        self._at_least = at_least
        self._over = nanoseconds(over)
        self._settle = nanoseconds(settle)
        self._steps: deque[Step] = deque(maxlen=_MOST_STEPS)
        self._servers: frozenset[str] = frozenset()
        self._quiet_until = 0
        self._skewed = False

    def take(self, at: int, counts: Mapping[str, float], due: Mapping[str, float]) -> Spread:
        """Take in the requests since the last look, by server, and what is due to each now; say how it is.

        `counts` are those that the load balancer was free to send anywhere. The verdict is `open` while fewer requests
        than the least came in the whole window; with enough of them it is `skewed` from proof to counter-proof.
        """
        servers = frozenset(name for name, one in due.items() if one > 0)
        if servers != self._servers:
            if self._servers:
                self._quiet_until = at + self._settle
            self._servers = servers
            self._steps.clear()
            self._skewed = False
        whole = sum(due.values())
        if at >= self._quiet_until and whole > 0:
            shares = {name: one / whole for name, one in due.items()}
            self._steps.append(Step(at, {name: one for name, one in counts.items() if one}, shares))
        while self._steps and self._steps[0].at <= at - self._over:
            self._steps.popleft()
        return self._weighed()

    def forget(self) -> None:
        """Begin anew: the counters did."""
        self._steps.clear()

    def _weighed(self) -> Spread:
        stretches = list(_stretches(self._steps))
        last = Spread("open", 0, {}, 1.0)
        for counts, expected in stretches:
            if sum(counts.values()) < self._at_least:
                continue
            last = weigh(counts, expected, self._tolerance, len(stretches))
            if last.verdict != "open":
                self._skewed = last.verdict == "skewed"
                return last
        if not last.shares:
            return last._replace(total=round(sum(stretches[-1][0].values())) if stretches else 0)
        within = all(abs(one.part - one.due) <= self._tolerance * one.due for one in last.shares.values())
        self._skewed = self._skewed and not within
        if not self._skewed:
            return last._replace(verdict="even")
        return last._replace(verdict="skewed", off=(_farthest(last),))


def _stretches(steps: deque[Step]) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """Give the counts, and what was due of them, of the last 1, 2, 3, 4, 6, 8 … steps and of all."""
    counts: dict[str, float] = {}
    expected: dict[str, float] = {}
    for number, step in enumerate(reversed(steps), 1):
        total = sum(step.counts.values())
        for name, one in step.counts.items():
            counts[name] = counts.get(name, 0) + one
        for name, share in step.due.items():
            expected[name] = expected.get(name, 0) + share * total
        if _is_weighed(number) or number == len(steps):
            yield dict(counts), dict(expected)


def _is_weighed(number: int) -> bool:
    """Tell whether a stretch of that many steps is weighed: 1, 2, 3, 4, 6, 8, 12, 16 and so on."""
    part = number // 3 if number % 3 == 0 else number
    return part & (part - 1) == 0


def _farthest(spread: Spread) -> str:
    return max(spread.shares, key=lambda name: abs(spread.shares[name].part - spread.shares[name].due))
