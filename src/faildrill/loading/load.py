"""The load of a drill: what is sent at a stated rate, as users send it, beside the probes."""

import math
import re
from typing import Final

from faildrill.durations import show
from faildrill.loading.kind_key import the_kind
from faildrill.loading.kind_use import read_use
from faildrill.loading.names import NAME_RULE, is_name
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import MappingReader, place_in
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Node, Scalar
from faildrill.model.drill import ProbePlan

SETTINGS: Final = ("rate", "timeout", "at_most")
TIMEOUT: Final = 2.0
"""Seconds that an answer may take, where the file says nothing."""
AT_MOST: Final = 900.0
"""Seconds after which the load ends, whatever becomes of the run, where the file says nothing."""
FASTEST: Final = 2000.0
"""Requests a second of one load, at the most: more than one process can send on time proves nothing."""
MOST_UNDER_WAY: Final = 4096
"""Requests that may await their answers at once: a load is no flood."""
_RATE: Final = re.compile(r" *([0-9]{1,9}(?:\.[0-9]{1,6})?) */ *(s|m|h) *")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
RATE_PATTERN: Final = r"^ *[0-9]+(\.[0-9]+)? */ *(s|m|h) *$"


def read_loads(entries: dict[str, Entry], taken: tuple[str, ...], scope: Scope, mistakes: Mistakes) -> list[ProbePlan]:
    """Read loads by name; those with mistakes are left out. `taken` are the names that probes have."""
    plans = []
    for name, entry in entries.items():
        if not is_name(name):
            mistakes.add(entry.place, NAME_RULE)
        elif name in (*taken, "all"):
            mistakes.add(entry.place, f"no load can be called {name!r}: that is the name of what is probed")
        else:
            plans.append(_load(name, entry, scope, mistakes))
    return [plan for plan in plans if plan]


def _load(name: str, entry: Entry, scope: Scope, mistakes: Mistakes) -> ProbePlan | None:
    reading = MappingReader(entry, SETTINGS, mistakes)
    if not reading.usable:
        return None
    given = reading.required("rate", "how much is sent? e.g. `rate: 100/s`")
    rate = _rate(given.node, mistakes) if given else 1.0
    timeout = reading.duration("timeout", TIMEOUT)
    under_way = math.ceil(rate * timeout)
    if under_way > MOST_UNDER_WAY:
        message = f"{under_way} requests could be under way at once, {MOST_UNDER_WAY} may: shorten the timeout"
        mistakes.add(place_in(reading.entry("timeout"), reading.place), message)
    lasts = reading.duration("at_most", AT_MOST)
    chosen = the_kind(reading.others, entry.place, "probe", SETTINGS, mistakes)
    use = read_use(*chosen, "probe", scope, mistakes) if chosen else None
    if use is None:
        return None
    return ProbePlan(
        name=name,
        use=use.use,
        every=1 / rate,
        timeout=timeout,
        in_flight=under_way + 2,
        by="load",
        most=max(math.ceil(rate * lasts), 1),
    )


def _rate(node: Node, mistakes: Mistakes) -> float:
    """Read requests a second; 1 where it is none, with the mistake noted."""
    parts = _RATE.fullmatch(node.value) if isinstance(node, Scalar) and isinstance(node.value, str) else None
    rate = float(parts[1]) / _SECONDS[parts[2]] if parts else 0.0
    if rate <= 0:
        mistakes.add(node.place, "must be a number of requests and a time, e.g. 100/s or 30/m")
        return 1.0
    if rate > FASTEST:
        mistakes.add(node.place, f"can't be more than {FASTEST:g}/s: one process sends no more of it on time")
        return 1.0
    return rate


def told(plan: ProbePlan) -> str:
    """Say in words what a load sends: `120/s of http.request for 15m at the most`."""
    rate = f"{1 / plan.every:g}/s" if plan.every <= 1 else f"one every {show(plan.every)}"
    return f"{rate} of {plan.use.kind} for {show(plan.most * plan.every)} at the most, each with {show(plan.timeout)}"
