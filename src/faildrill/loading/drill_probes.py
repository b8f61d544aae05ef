"""The probes of a drill or of an environment."""

from typing import Final, Literal

from faildrill.durations import show
from faildrill.loading.kind_key import the_kind
from faildrill.loading.kind_use import read_use
from faildrill.loading.names import NAME_RULE, is_name
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import MappingReader, place_in
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry
from faildrill.model.drill import ProbePlan

SETTINGS: Final = ("every", "timeout", "slow", "in_flight")
TIMEOUT: Final = 1.0
"""Seconds that a look may take, where the file says nothing."""
FASTEST: Final = 100e-6
"""Seconds between looks, at least: more than one process can do proves nothing."""
_RESERVED: Final = "all"


def read_probes(
    entries: dict[str, Entry], by: Literal["drill", "environment"], scope: Scope, mistakes: Mistakes
) -> tuple[ProbePlan, ...]:
    """Read probes by name; those with mistakes are left out."""
    plans = [_probe(name, entry, scope, mistakes) for name, entry in entries.items()]
    return tuple(plan.model_copy(update={"by": by}) for plan in plans if plan)


def _probe(name: str, entry: Entry, scope: Scope, mistakes: Mistakes) -> ProbePlan | None:
    if not is_name(name):
        mistakes.add(entry.place, NAME_RULE)
    elif name == _RESERVED:
        mistakes.add(entry.place, "no probe can be called 'all': `all are ok` means every probe")
    reading = MappingReader(entry, SETTINGS, mistakes)
    if not reading.usable:
        return None
    every = reading.duration("every", 1.0)
    reading.required("every", "how often does it look? e.g. `every: 100ms`")
    if every < FASTEST:
        mistakes.add(place_in(reading.entry("every"), reading.place), f"looks can't be closer than {show(FASTEST)}")
        every = FASTEST
    timeout = reading.duration("timeout", TIMEOUT)
    slow = reading.duration("slow", 0) or None
    if slow is not None and slow >= timeout:
        message = f"must be less than the timeout of {show(timeout)}: a slower answer is never seen"
        mistakes.add(place_in(reading.entry("slow"), reading.place), message)
        slow = None
    in_flight = reading.count("in_flight", 0)
    chosen = the_kind(reading.others, entry.place, "probe", SETTINGS, mistakes)
    use = read_use(*chosen, "probe", scope, mistakes) if chosen else None
    if use is None:
        return None
    return ProbePlan(name=name, use=use.use, every=every, timeout=timeout, slow=slow, in_flight=in_flight)
