"""What the service is told when it starts, and how long each of its steps takes."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from faildrill.errors import FaildrillError


@dataclass(frozen=True)
class Delays:
    """Seconds before each step of a failover, from the end of the one before; short unless they are set."""

    notices: float = 1.0
    """From the end of a writer that nobody asked to end, to a failover without being asked."""
    begins: float = 0.2
    """From the answer to the status `failing-over` and the event that it started."""
    drops: float = 0.8
    """To the end of the writer's connections."""
    promotes: float = 0.0
    """To the promotion of the reader."""
    api: float = 0.1
    """To the new writer in DescribeDBClusters."""
    event: float = 0.1
    """To the event that it is completed."""
    dns: float = 1.5
    """To the new address in DNS."""
    reader: float = 0.5
    """From the promotion to the start of the old writer as a reader, meanwhile."""
    available: float = 0.2
    """From the last of it to the status `available`."""
    flaps: int = 0
    """How often DNS goes back to the old address for a while."""
    flap: float = 0.5
    """How long each such while is, and what is between two."""

    def with_changes(self, changes: dict[str, Any]) -> "Delays":
        """Return them with some set anew; FaildrillError for a name that there isn't or a value below 0."""
        for name, value in changes.items():
            if name not in asdict(self) or not isinstance(value, int | float) or value < 0:
                raise FaildrillError(f"{name}: {value!r} is no delay; there are {', '.join(asdict(self))}, 0 or more")
        return replace(self, **changes)


@dataclass(frozen=True)
class Instance:
    """One instance."""

    address: str
    writer_file: str
    """In its folder; says at its start whom it follows."""
    zone: str
    name: str
    """By which users can reach it alone."""


@dataclass(frozen=True)
class Settings:
    """One service and its cluster."""

    socket: str
    """Where it is asked."""
    supervisor: str
    """The control socket of the lab."""
    truth: str
    records: str
    zone: str
    cluster: str
    endpoint: str
    reader_endpoint: str
    ttl: int
    port: int
    password_file: str
    """Of the superuser of the instances."""
    first: str
    """The first writer."""
    instances: dict[str, Instance]
    delays: Delays = field(default_factory=Delays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        content["instances"] = {name: Instance(**one) for name, one in content["instances"].items()}
        return cls(**{**content, "delays": Delays(**content["delays"])})

    def text(self) -> str:
        """Return what `read` reads."""
        return json.dumps(asdict(self), indent=2)
