"""A reason to end a run early, weighed on the samples as they come."""

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from faildrill.record.samples import Sample


class Rate(NamedTuple):
    """How a probe looks: the seconds between its looks, and those after which silence is dark."""

    every: float
    slow: float | None = None
    timeout: float = 0.0
    """Seconds that a look may take."""
    first: int | None = None
    """When one of its looks was due (ns), so that those of its schedule can be told from others."""


class Watcher(Protocol):
    """Weighs one abort condition on the samples as they come."""

    @property
    def probes(self) -> Collection[str]:
        """Those whose samples it is fed."""
        ...

    def feed(self, sample: Sample) -> str | None:
        """Take the next sample in; return why to abort, or None."""
        ...

    def tick(self, now_ns: int) -> str | None:
        """Take in that time has passed, perhaps without samples; return why to abort, or None."""
        ...


@runtime_checkable
class Aborts(Protocol):
    """A reason to end the run early."""

    def watch(self, rates: Mapping[str, Rate]) -> Watcher:
        """Begin to weigh it, from now on; `rates` says by probe how it looks."""
        ...
