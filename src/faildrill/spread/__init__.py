"""Whether requests go to each server in its due share: pure statistics, the same for a probe, a watch and a judgement.

A server is *overloaded* when its share of the requests is more than its due share times 1 + tolerance, and *starved*
when it is less than its due share times 1 - tolerance: an effect of a size that matters. Either counts only when chance
can be ruled out. By Chernoff's bound (H. Chernoff 1952; W. Hoeffding 1963, theorem 1) a server whose true share is at
most t gets the share p > t of n independent requests with a probability of at most exp(-n KL(p, t)), where
KL(p, t) = p ln(p/t) + (1-p) ln((1-p)/(1-t)). This holds for any n, small ones too; round robin spreads more evenly than
chance does, so that it errs on the safe side there. Where several things are looked at at once, the probability is
divided among them (Bonferroni). A tiny skew in a huge sample is therefore no alarm, as it is within the tolerance, and
neither is a large one in a handful of requests.

Jain's index (R. Jain, D. Chiu, W. Hawe 1984) sums it up in one number: (Σx)² / (k Σx²) of the shares over their dues;
1 where all have their due, 1/k where one of k has everything.
"""

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

TOLERANCE: Final = 0.25
"""By how much of its due share a server's share may be off, where nobody says."""
AT_LEAST: Final = 50
"""Requests below which nothing is said, where nobody says."""
ALARM: Final = 1e-6
"""With which probability one look may call skewed what is at the very edge of the tolerance."""
CLEAR: Final = 1e-2
"""With which probability it may call even what is at the edge."""
Verdict = Literal["skewed", "even", "open"]


class Share(NamedTuple):
    """What one server got of the requests."""

    requests: int
    part: float
    """Its share, from 0 to 1."""
    due: float
    """Its due share."""

    @property
    def times(self) -> float:
        """How many times its due it got; infinite where none was due."""
        return self.part / self.due if self.due else math.inf if self.part else 1.0


class Spread(NamedTuple):
    """How requests were spread, and what that proves."""

    verdict: Verdict
    """Skewed beyond the tolerance, even within it, or (open) nobody can tell yet."""
    total: int
    shares: dict[str, Share]
    jain: float
    off: tuple[str, ...] = ()
    """The servers that are proven overloaded or starved, the farthest off first."""

    @property
    def overloaded(self) -> tuple[str, ...]:
        """Those proven to get more than their due."""
        return tuple(name for name in self.off if self.shares[name].times > 1)


def weigh(
    counts: Mapping[str, float], due: Mapping[str, float], tolerance: float = TOLERANCE, looks: int = 1
) -> Spread:
    """Weigh requests by server against what is due to each (any numbers: they are taken in proportion).

    `looks`: over how many such questions the probability of a false alarm is divided. A server to which nothing is due
    and which gets requests all the same is off when they are more than the tolerance allows the average server.
    """
    names = sorted({*counts, *due})
    total, whole = sum(counts.values()), sum(due.values())
    if not total or not whole:
        return Spread("open", int(total), {}, 1.0)
    shares = {
        name: Share(round(counts.get(name, 0)), counts.get(name, 0) / total, due.get(name, 0.0) / whole)
        for name in names
    }
    sides = 2 * len(names) * looks
    off = [
        name for name, share in shares.items() if _is_off(share, total, tolerance * _scale(share, len(names)), sides)
    ]
    even = all(_is_even(share, total, tolerance * _scale(share, len(names)), sides) for share in shares.values())
    off.sort(key=lambda name: -abs(shares[name].part - shares[name].due))
    verdict: Verdict = "skewed" if off else "even" if even else "open"
    fair = jain([share.times for share in shares.values() if share.due])
    return Spread(verdict, round(total), shares, fair, tuple(off))


def jain(values: list[float]) -> float:
    """Return Jain's index of fairness of some values; 1 where there are none, or only zeros."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def divergence(part: float, true: float) -> float:
    """Return KL(part, true) of two shares, in nats; infinite where such a part is impossible."""
    total = 0.0
    for seen_part, other in ((part, true), (1 - part, 1 - true)):
        if seen_part > 0:
            total += seen_part * math.log(seen_part / other) if other > 0 else math.inf
    return max(total, 0.0)


def bounds(hits: float, total: float, wrong: float) -> tuple[float, float]:
    """Return between which shares the true one is, wrong on either side with a probability of at most `wrong`."""
    if total <= 0:
        return 0.0, 1.0
    part, room = hits / total, math.log(1 / wrong) / total
    return _edge(part, room, 0.0), _edge(part, room, 1.0)


def _edge(part: float, room: float, end: float) -> float:
    """Return the share farthest towards `end` from which the part is no farther than `room`."""
    inside, outside = part, end
    if divergence(part, end) <= room:
        return end
    for _ in range(60):  # a double has 53 bits: halved so often, it has no more to give
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if divergence(part, middle) <= room else (inside, middle)
    return inside


def _scale(share: Share, servers: int) -> float:
    """Return what the tolerance is a part of: the due share, or an average one where nothing is due."""
    return share.due or 1 / servers


def _is_off(share: Share, total: float, allowed: float, sides: int) -> bool:
    limit = min(share.due + allowed, 1.0) if share.part > share.due else max(share.due - allowed, 0.0)
    beyond = share.part > limit if share.part > share.due else share.part < limit
    # exp(-n KL) < ALARM / sides, with the logarithm taken of both sides.
    return beyond and total * divergence(share.part, limit) > math.log(sides / ALARM)


def _is_even(share: Share, total: float, allowed: float, sides: int) -> bool:
    low, high = share.due - allowed, share.due + allowed
    room = math.log(sides / CLEAR)
    above = low <= 0 or (share.part > low and total * divergence(share.part, low) > room)
    below = high >= 1 or (share.part < high and total * divergence(share.part, high) > room)
    return above and below
