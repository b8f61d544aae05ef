"""What others need to know of a lab that is ready: `lab.json` in its folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from faildrill.system import atomic_file

_PATHS = ("folder", "environment", "control", "logs")


@dataclass(frozen=True)
class Facts:
    """One lab that is ready."""

    name: str
    folder: Path
    environment: Path
    """The environment file."""
    control: Path
    """The control socket."""
    logs: Path
    supervisor: int
    """The process that owns it."""
    uid: str
    """Its random identity, which its database's marker row carries."""
    ready_at: float
    """Seconds since the epoch."""
    timings: dict[str, float]
    """Seconds after the start at which each part was ready."""
    payments: str
    """The URL of the payments service, through HAProxy."""
    statistics: str
    """The URL of HAProxy's statistics; its metrics are below it."""
    database_port: int
    """The database's port as the service uses it, through HAProxy."""

    def write(self, path: Path) -> None:
        """Write them, whole or not at all."""
        atomic_file.write(path, json.dumps(asdict(self), indent=2, default=str).encode())


def read(path: Path) -> Facts:
    """Read what `write` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return Facts(**{**content, **{key: Path(content[key]) for key in _PATHS}})
