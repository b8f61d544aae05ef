"""What really happened on the nodes and in the proxy, and when: the measure that drills are held against.

One JSON object a line, `{"at": ns of CLOCK_MONOTONIC, "by": "node-a", "what": "ended", …}`; several processes append.
"""

import json
import os
import time
from pathlib import Path


class TruthLog:
    """The log, as one part of the lab writes it."""

    def __init__(self, path: Path, by: str) -> None:
        self._by = by
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(self, what: str, **facts: object) -> None:
        """Write a line, whole, with the time of now."""
        line = {"at": time.monotonic_ns(), "by": self._by, "what": what, **facts}
        os.write(self._file, json.dumps(line).encode() + b"\n")
