"""What the name server answers: the service writes it, and the name server reads it at each question."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from faildrill.system import atomic_file

MODES: Final = ("answers", "servfail", "silent")


@dataclass(frozen=True)
class Zone:
    """The names of one cluster."""

    names: dict[str, str]
    """Each with its address."""
    ttl: int
    mode: str = "answers"
    """One of MODES."""

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        atomic_file.write(path, json.dumps(asdict(self)).encode())


def read(path: Path) -> Zone:
    """Read what `write` wrote."""
    return Zone(**json.loads(path.read_text(encoding="utf-8")))
