"""What every spread probe shares: its parameters, what is due to each server, and how a look is told."""

import math
import time
from functools import cached_property
from typing import Annotated, Final

import msgspec
from pydantic import BeforeValidator, Field, WithJsonSchema

from faildrill.ports import Duration, Given, Kind, Seen, percentages
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import CountsKeeper, Kept, path_of
from faildrill.spread import AT_LEAST, TOLERANCE, Spread
from faildrill.spread.current import OVER, SETTLE, CurrentSpread

_MOST_NAMED: Final = 4
"""Servers that a detail names; the others are counted."""
_ROUND: Final = 20
"""Shares in words are rounded to a twentieth, as words are interned: the exact ones are kept beside the samples."""
_LARGEST: Final = 1_000_000
"""Far above any weight in use: HAProxy's go up to 256, NGINX's have no limit."""


def _share(value: object) -> object:
    given = percentages.parse(value) if isinstance(value, str) else None
    if given is not None:
        return given / 100
    if isinstance(value, float):
        return value
    raise ValueError("give a share, e.g. 25%")


Tolerance = Annotated[
    float,
    BeforeValidator(_share),
    Field(gt=0, le=10),
    WithJsonSchema({"type": "string", "pattern": percentages.PATTERN, "examples": ["25%"]}),
]
Weights = dict[str, Annotated[int, Field(ge=0, le=_LARGEST)]]


class Spreads(Kind):
    """Parameters of a probe that weighs how requests are spread."""

    weights: Weights = Field(default={}, description="the approved weight of each server")
    tolerance: Tolerance = Field(
        default=TOLERANCE, description="by how much a server's share may differ from its due share"
    )
    at_least: int = Field(default=AT_LEAST, ge=1, description="with fewer requests than these nothing is proven")
    over: Duration = Field(default=OVER, gt=0, description="the longest stretch that is judged")
    settle: Duration = Field(default=SETTLE, description="how long nothing is counted after the servers changed")

    @cached_property
    def now(self) -> CurrentSpread:
        """The spread as it is now."""
        return CurrentSpread(self.tolerance, self.at_least, self.over, self.settle)

    @cached_property
    def _kept(self) -> list[CountsKeeper]:
        return []

    def tell(self, kept: Kept, given: Given) -> Seen:
        """Take in what came since the last look, keep it, and say how it is."""
        spread = self.now.take(kept.at, kept.counts, kept.due)
        if given.folder is not None:
            if not self._kept:
                self._kept.append(CountsKeeper(path_of(given.folder, given.name)))
            self._kept[0].keep(msgspec.structs.replace(kept, skewed=spread.verdict == "skewed"))
        if spread.verdict == "open":
            few = f"too few requests to tell: {self.at_least} are the fewest"
            return Seen(Outcome.BROKEN, detail=few + _unserved(kept))
        if spread.verdict == "even":
            return Seen(Outcome.OK)
        return Seen(Outcome.WRONG, ",".join(sorted(spread.overloaded)), in_words(spread, kept) + _unserved(kept))

    def hang_up(self) -> None:
        """Close what the counts are kept in."""
        while self._kept:
            self._kept.pop().close()


def in_words(spread: Spread, kept: Kept) -> str:
    """Say which servers are off, the farthest first, with answer times and errors: `pay1 80% (due 33%) in 1 s`."""
    first = list(spread.off)
    rest = sorted(set(spread.shares) - set(first), key=lambda name: -spread.shares[name].part)
    shares = [_one(name, spread, kept, long=name in first) for name in (first + rest)[:_MOST_NAMED]]
    more = len(spread.shares) - len(shares)
    return "; ".join(shares) + (f"; {more} more" if more > 0 else "")


def _unserved(kept: Kept) -> str:
    """Say for about how many requests no server was alive, empty where there were none."""
    return f"; no live server for some {_nice(kept.unserved):g} requests" if kept.unserved else ""


def _one(name: str, spread: Spread, kept: Kept, *, long: bool) -> str:
    share = spread.shares[name]
    text = (
        f"{name} {_percent(share.part)} (due {share.due:.0%})"  # what is due stays the same, so it need not be coarse
    )
    if not long:
        return text
    if name in kept.seconds:
        text += f" in {_coarse(kept.seconds[name])}"
    failed = kept.errors.get(name, 0) / max(kept.counts.get(name, 0), 1)
    return text + (f", {_percent(min(failed, 1.0))} failed" if failed >= 1 / _ROUND else "")


def _percent(part: float) -> str:
    return f"{round(part * _ROUND) * 100 // _ROUND}%"


def _coarse(seconds: float) -> str:
    """Write a time as 1, 2 or 5 of its decade."""
    if seconds <= 0:
        return "0 ms"
    nice = _nice(seconds)
    return f"{nice:g} s" if nice >= 1 else f"{nice * 1000:g} ms"


def _nice(figure: float) -> float:
    decade = 10.0 ** math.floor(math.log10(figure))
    # One in a hundred more than it: a figure that floats put just above 5 is 5, not 10.
    return decade * next(step for step in (1, 2, 5, 10) if figure <= decade * step * 1.01)


def now() -> int:
    """Return the moment, in monotonic ns."""
    return time.monotonic_ns()
