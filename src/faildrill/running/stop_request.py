"""A run that is asked to end: once to stop and put back, twice to wait for nothing but that."""

import asyncio
from collections.abc import Callable
from typing import Literal

By = Literal["person", "condition", "signal", "sentinel"]


class Stop:
    """Asked for from anywhere, awaited by the run."""

    def __init__(self) -> None:
        self.on_asked: Callable[[By, str], object] | None = None
        """Called at the first asking."""
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        """Set by the second asking: waits are skipped, undos are not."""

    def ask(self, by: By, because: str) -> None:
        """Ask the run to stop; the first asking gives the reason, another by a person or a signal hurries it."""
        if not self.asked.is_set():
            self.asked.set()
            if self.on_asked is not None:
                self.on_asked(by, because)
        elif by in ("person", "signal"):
            self.hurried.set()
