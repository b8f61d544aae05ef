"""An exclusive lock on a file that is open, waited for so long and no longer."""

import fcntl
import time
from typing import Final

_POLL: Final = 0.01
"""Seconds between two tries: what such a lock is held for takes milliseconds."""


def lock(descriptor: int, within: float) -> None:
    """Hold a file alone until it is closed; BlockingIOError where somebody else still does after so many seconds."""
    until = time.monotonic() + within
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(_POLL)
        else:
            return
