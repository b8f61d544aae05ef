"""From seconds to pixels: the shared axis of time, and the axis of answer times."""

import math
from dataclasses import dataclass
from typing import Final

from faildrill import durations

_MINUTES_FROM: Final = 20
"""Seconds between ticks from which minutes read better: half of one is the first step beyond."""
_NICE: Final = (1.0, 2.0, 5.0, 10.0)
_CLOSEST: Final = 62.0
"""Pixels between two ticks, at the least."""
_FASTEST: Final = 1e-6


@dataclass(frozen=True)
class Time:
    """The axis of time: `zero` is the second of the run that is written as 0."""

    start: float
    end: float
    left: float
    right: float
    zero: float = 0.0

    def x(self, seconds: float) -> float:
        """Place a second of the run, within the axis."""
        share = (seconds - self.start) / max(self.end - self.start, 1e-9)
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def ticks(self) -> list[tuple[float, str]]:
        """Give round moments with their labels, as seconds or milliseconds from zero."""
        span = max(self.end - self.start, 1e-9)
        step = _nice(span * _CLOSEST / (self.right - self.left))
        first = math.ceil((self.start - self.zero) / step - 1e-9)
        last = math.floor((self.end - self.zero) / step + 1e-9)
        return [(self.zero + number * step, _tick(number * step, step)) for number in range(first, last + 1)]


def _nice(least: float) -> float:
    """Return the next round step: 1, 2 or 5 times a power of ten; whole minutes for long runs."""
    if least > _MINUTES_FROM:
        return next((step for step in (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0) if step >= least), _hours(least))
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * factor for factor in _NICE if power * factor >= least * 0.999)


def _hours(least: float) -> float:
    return 3600.0 * math.ceil(least / 3600.0)


def _tick(seconds: float, step: float) -> str:
    sign = "−" if seconds < -step / 2 else ""
    size = abs(seconds)
    if step < 1:
        return f"{sign}{size * 1000:.0f} ms" if size < 1 else f"{sign}{size:.{_decimals(step)}f} s"
    if step > _MINUTES_FROM:
        return f"{sign}{size / 60:g} min"
    return f"{sign}{size:.0f} s"


def _decimals(step: float) -> int:
    return max(0, math.ceil(-math.log10(step) - 1e-9))


@dataclass(frozen=True)
class AnswerTimes:
    """The logarithmic axis of answer times: whole decades, from the bottom up."""

    low: int
    """The lowest decade: 10 to this power seconds."""
    high: int
    top: float
    bottom: float

    @classmethod
    def over(cls, shortest: float, longest: float, top: float, bottom: float) -> "AnswerTimes":
        """Span the decades that hold all the given answer times."""
        low = math.floor(math.log10(max(shortest, _FASTEST)) + 1e-9)
        high = math.ceil(math.log10(max(longest, shortest, _FASTEST)) - 1e-9)
        return cls(low, max(high, low + 1), top, bottom)

    def y(self, seconds: float) -> float:
        """Place an answer time, within the axis."""
        share = (math.log10(max(seconds, _FASTEST)) - self.low) / (self.high - self.low)
        return self.bottom - min(1.0, max(0.0, share)) * (self.bottom - self.top)

    def ticks(self) -> list[tuple[float, str]]:
        """Give every decade, or every second or third where there are many, with its label."""
        step = math.ceil((self.high - self.low) / 3)
        powers = range(self.low, self.high + 1, step)
        return [(10.0**power, durations.show(10.0**power)) for power in powers]
