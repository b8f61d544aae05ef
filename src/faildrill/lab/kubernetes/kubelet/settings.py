"""What a kubelet of the lab is told when it starts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Settings:
    """The content of its file."""

    name: str
    """The node's name."""
    number: int
    """The node's number, from 1, by which it and its pods have their addresses."""
    zone: str
    server: str
    """Where it reaches the API server: its own link, which can be cut."""
    kubeconfig: str
    folder: str
    """Each pod has a folder in it."""
    logs: str
    """Each pod has a log in it."""
    truth: str
    """The truth log."""
    health_port: int
    """Where it says on the node's address that it lives."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
