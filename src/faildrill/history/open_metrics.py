"""Text in the format of OpenMetrics 1.0 that the older text format of Prometheus reads as well.

node_exporter reads text files by the older format only: it refuses a whole file for one type that it doesn't know, such
as `stateset` or `info`, and for one timestamp. So there are gauges and counters here, and no timestamps.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

PURPOSE: Final = ("purpose", "drill")
"""A label of everything that is told: whoever gets an alert sees that somebody did this on purpose."""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})


class Sample(NamedTuple):
    """One value, and what it is of."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Family:
    """All values of one name."""

    name: str
    about: str
    samples: Iterable[Sample]
    unit: str = ""
    """Of the values; the name ends with it."""
    sort: Literal["gauge", "counter"] = "gauge"


def encode(families: Iterable[Family]) -> bytes:
    """Write families as text; one of which there is no value is left out."""
    lines = [line for family in families for line in _lines(family)]
    return ("\n".join([*lines, "# EOF"]) + "\n").encode("utf-8", "backslashreplace")


def _lines(family: Family) -> Iterator[str]:
    samples = list(family.samples)
    if not samples:
        return
    yield f"# HELP {family.name} {family.about.translate(_ESCAPED)}"
    yield f"# TYPE {family.name} {family.sort}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    suffix = "_total" if family.sort == "counter" else ""
    for sample in samples:
        labels = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in [*sample.labels.items(), PURPOSE])
        yield f"{family.name}{suffix}{{{labels}}} {_number(sample.value)}"


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "+Inf"
