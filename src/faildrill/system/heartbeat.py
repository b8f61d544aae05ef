"""Signs of life: a process that puts back shows that it is not stuck, and ends even where a part of it never does."""

import asyncio
import contextlib
import os
import sys
from typing import Final, NoReturn

EVERY: Final = 1.0
"""Seconds between two beats."""


async def beat(descriptor: int) -> None:
    """Write a byte a second to a pipe: whoever reads it sees that this loop still turns."""
    # A reader that has stopped must not stop the writer: a full pipe is no reason to end.
    os.set_blocking(descriptor, False)
    while True:
        with contextlib.suppress(OSError):
            os.write(descriptor, b".")
        await asyncio.sleep(EVERY)


def leave(code: int) -> NoReturn:
    """End this process now: what hangs in a thread, or won't be cancelled, must not hold it."""
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: it waits for the threads of executors, one of which may hang in a read that never ends.
    os._exit(code)
