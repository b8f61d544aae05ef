"""What really happened in a lab, and when: the measure that drills are held against.

One JSON object a line, `{"at": ns of CLOCK_MONOTONIC, "by": "node-a", "what": "ended", …}`, with the same moment as ns
of the wall clock (`wall`) and since the boot, sleep included (`boot`); several processes append.
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
        now = {"at": time.monotonic_ns(), "wall": time.time_ns(), "boot": time.clock_gettime_ns(time.CLOCK_BOOTTIME)}
        line = {**now, "by": self._by, "what": what, **facts}
        os.write(self._file, json.dumps(line).encode() + b"\n")
