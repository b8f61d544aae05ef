"""What the service knows of its cluster, version by version: it writes, and the API reads, also as of some time ago."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from faildrill.system import atomic_file

AVAILABLE: Final = "available"
FAILING_OVER: Final = "failing-over"
_KEPT: Final = 500
"""Versions and events."""


@dataclass(frozen=True)
class Version:
    """The cluster as it was from a moment on."""

    at: float
    """Seconds since the epoch."""
    writer: str
    status: str = AVAILABLE
    instances: dict[str, str] = field(default_factory=dict)
    """The status of each."""


@dataclass(frozen=True)
class Event:
    """What DescribeEvents tells."""

    at: float
    """Seconds since the epoch."""
    source: str
    kind: str
    """`db-cluster` or `db-instance`."""
    categories: list[str]
    message: str


@dataclass
class Records:
    """All versions and all events, the latest last."""

    versions: list[Version]
    events: list[Event] = field(default_factory=list)

    @property
    def now(self) -> Version:
        """The latest version."""
        return self.versions[-1]

    def as_of(self, moment: float) -> "Records":
        """Return what was known at a moment, in seconds since the epoch; at least the first version."""
        versions = [version for version in self.versions if version.at <= moment]
        return Records(versions or self.versions[:1], [event for event in self.events if event.at <= moment])

    def change(self, path: Path, **facts: Any) -> None:
        """Add a version in which some facts are new, and write all."""
        self.versions.append(Version(**{**asdict(self.now), **facts, "at": time.time()}))
        self.write(path)

    def tell(self, path: Path, event: Event) -> None:
        """Add an event, and write all."""
        self.events.append(event)
        self.write(path)

    def write(self, path: Path) -> None:
        """Write them, whole or not at all."""
        del self.versions[:-_KEPT], self.events[:-_KEPT]
        atomic_file.write(path, json.dumps(asdict(self)).encode())


def read(path: Path) -> Records:
    """Read what `write` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Records([Version(**one) for one in content["versions"]], [Event(**one) for one in content["events"]])
