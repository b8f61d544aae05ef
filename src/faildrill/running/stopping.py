"""A run that is asked to end: once to stop and put back, twice to wait for nothing but that."""

import asyncio
from typing import Literal

By = Literal["person", "condition", "signal", "sentinel"]


class Stop:
    """Asked for from anywhere, awaited by the run."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        """Set by the second asking: waits are skipped, undos are not."""
        self.by: By = "person"
        self.because = ""

    def ask(self, by: By, because: str) -> None:
        """Ask the run to stop; the first asking gives the reason, another by a person or a signal hurries it."""
        if not self.asked.is_set():
            self.by, self.because = by, because
            self.asked.set()
        elif by in ("person", "signal"):
            self.hurried.set()
