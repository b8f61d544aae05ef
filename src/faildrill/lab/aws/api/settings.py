"""What the API is told when it starts."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Settings:
    """One API, of one account."""

    address: str
    port: int
    account: str
    region: str
    access_key_id: str
    secret_file: str
    """Of the secret access key."""
    service: str
    """The socket of the service."""
    truth: str
    records: str
    cluster: str
    identifier: str
    """What the names of the cluster have in them."""
    database_port: int
    zones: dict[str, str]
    """The zone of each instance."""
    tags: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `text` told."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def text(self) -> str:
        """Return what `read` reads."""
        return json.dumps(asdict(self), indent=2)
