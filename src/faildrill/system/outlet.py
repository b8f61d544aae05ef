"""Goes on taking what was started for others writes: `python -m faildrill.system.outlet DESCRIPTOR…`.

A service that was started by a program of ours has inherited our pipes. Were nobody left to read them, it would die of
its next line (SIGPIPE), or hang as soon as they are full. What it writes is thrown away, for as long as anybody writes.
Nobody's child, in a session of its own: it outlives whoever started it, and ends with the last one that writes.
"""

import asyncio
import contextlib
import os
import select
import sys
from collections.abc import Collection
from typing import Final

from faildrill.system import python

_PROGRAM: Final = "faildrill.system.outlet"
"""This module, as `python -m` calls it."""
_CHUNK: Final = 1 << 16
"""Bytes that are read at once: what a pipe of Linux holds (`man 7 pipe`)."""


async def keep(pipes: Collection[int]) -> None:
    """Have pipes read to their ends, whoever lives then; this process may close its own ends afterwards.

    Where nobody can be started for it, they are kept open here for as long as this process lives: copies that nobody
    closes.
    """
    if not pipes:
        return
    try:
        process = await asyncio.create_subprocess_exec(
            *python.module(_PROGRAM, *map(str, pipes)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=python.surroundings(),
            # From the root: it may outlive the folder of the run, and must not keep its file system from being
            # unmounted.
            cwd="/",
            pass_fds=tuple(pipes),
            start_new_session=True,
        )
    except OSError:
        for pipe in pipes:
            # An end for reading that stays open: without any, the service's next line would end it (SIGPIPE).
            os.dup(pipe)
        return
    await process.wait()


def main() -> int:
    """Leave the one that started it, and read until nobody writes any more."""
    if os.fork():
        return 0
    waiting = select.poll()
    left = {int(word) for word in sys.argv[1:]}
    for descriptor in left:
        os.set_blocking(descriptor, False)
        waiting.register(descriptor, select.POLLIN)
    while left:
        for descriptor, _ in waiting.poll():
            # Another process that holds the same end (whoever started us) may have emptied it since
            # poll(2) told of it.
            with contextlib.suppress(BlockingIOError):
                if not os.read(descriptor, _CHUNK):
                    waiting.unregister(descriptor)
                    left.discard(descriptor)
    return 0


if __name__ == "__main__":
    sys.exit(main())
