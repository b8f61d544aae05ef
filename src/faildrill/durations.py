"""Durations as people write them: a number and its unit, always both."""

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from faildrill.clock import NANOSECONDS, seconds

_UNITS: Final = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?) *(us|µs|ms|s|m|h|d)")
_WHOLE: Final = re.compile(rf"(?:{_PART.pattern} *)+")
LONGEST: Final = 366 * 86400.0
"""No duration in a file is longer than this many seconds."""
_LONG: Final = 120.0
"""Seconds from which on bounds are written in minutes."""
_HOUR: Final = 3600.0
"""Seconds from which on they are written without seconds."""


def parse(text: str) -> float:
    """Read `20ms`, `1.5s`, `2m` or `1m30s` as float seconds.

    Raises ValueError, with what to write instead, for anything else: a bare number, no unit, a sign.
    """
    cleaned = text.strip(" ")
    if not _WHOLE.fullmatch(cleaned):
        hint = f", e.g. {cleaned}s or {cleaned}ms" if re.fullmatch(r"[0-9]+(\.[0-9]+)?", cleaned) else ""
        raise ValueError(f"a time needs a number and a unit (us, ms, s, m, h, d){hint or ', e.g. 500ms or 1m30s'}")
    parts = [(float(number), _UNITS[unit]) for number, unit in _PART.findall(cleaned)]
    units = [unit for _, unit in parts]
    if any(later >= earlier for earlier, later in pairwise(units)):
        raise ValueError("a time has each unit once, the largest first, e.g. 1m30s")
    total = sum(number * unit for number, unit in parts)
    if total > LONGEST:
        raise ValueError("a time of more than a year is surely a mistake")
    return total


def of_data(value: object) -> float | None:
    """Read a time as data hold it: text with a unit, or seconds; None for what is no time."""
    if isinstance(value, int | float):
        return float(value)
    try:
        return parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def show(duration: float) -> str:
    """Write float seconds for people, to three digits that matter: `20 ms`, `1.53 s`, `2 min 5 s`."""
    if duration < 0:
        return "-" + show(-duration)
    if duration == 0:
        return "0 s"
    for limit, scale, unit in ((999.5e-6, 1e6, "µs"), (0.9995, 1e3, "ms"), (59.95, 1.0, "s")):
        if duration < limit:
            return f"{float(f'{duration * scale:.3g}'):g} {unit}"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def bounded(at_least: int, at_most: int | None) -> str:
    """Write the bounds of a length of time (ns) for people: rounded outwards, fine enough to tell them apart."""
    if at_most is None:
        return f"at least {_rounded(at_least, at_least / 10, math.floor)}"
    width = at_most - at_least
    return f"at least {_rounded(at_least, width, math.floor)}, at most {_rounded(at_most, width, math.ceil)}"


def _rounded(time: int, width: float, direction: Callable[[float], int]) -> str:
    """Write a time with as many digits as tell it from one that is `width` away."""
    duration = seconds(time)
    if duration >= _LONG:
        step = 60.0 if duration >= _HOUR else 1.0
        return show(direction(duration / step) * step)
    scale, unit = (1.0, "s") if duration >= 1 else (1e3, "ms")
    digits = min(max(math.ceil(-math.log10(max(width / NANOSECONDS, 1e-6) * scale)) + 1, 0), 3)
    return f"{direction(round(duration * scale * 10**digits, 6)) / 10**digits:.{digits}f} {unit}"
