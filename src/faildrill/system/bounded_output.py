"""The one way to take what a program prints: so many bytes at the most, and only for so long; none is left running."""

import asyncio
import errno
import os
import signal
from contextlib import suppress
from typing import Final

LARGEST: Final = 16 << 20
"""Bytes of stdout, and as many of stderr: more than the configuration of any server or the inventory of any site."""
_PART: Final = 1 << 16
"""Bytes that are read at once: what a pipe of Linux holds (`man 7 pipe`)."""
_REAPED_WITHIN: Final = 5.0
"""Seconds for which the end of a killed program is waited for."""


async def communicate(
    process: asyncio.subprocess.Process, within: float, *, group: bool = False, most: int = LARGEST
) -> tuple[bytes, bytes]:
    """Return what a program prints to stdout and stderr until it ends.

    TimeoutError where it does not end `within` float seconds, OSError where it prints more than `most` bytes. However
    this ends, also cancelled, the program has ended: killed, with its process `group` where it leads one.
    """
    reading = [asyncio.ensure_future(_all_of(stream, most)) for stream in (process.stdout, process.stderr)]
    try:
        async with asyncio.timeout(within):
            out, errors = await asyncio.gather(*reading)
            await process.wait()
    finally:
        for pipe in reading:
            pipe.cancel()
        await asyncio.gather(*reading, return_exceptions=True)  # no stream is read by two at once
        if process.returncode is None:
            with suppress(ProcessLookupError):
                # Its group, not its descendants: a service that it started for good has a session of its own, and
                # lives on.
                os.killpg(process.pid, signal.SIGKILL) if group else process.kill()
            await _reap(process)
    return out, errors


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Wait for the end of a program that was killed: asyncio tells it when the pipes are read to their ends, too.

    What the program left running may hold them open; nobody waits for that.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(_REAPED_WITHIN):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(_PART):
                    pass
            await process.wait()


async def _all_of(stream: asyncio.StreamReader | None, most: int) -> bytes:
    content = bytearray()
    while stream is not None and (part := await stream.read(_PART)):
        content += part
        if len(content) > most:
            raise OSError(errno.EFBIG, f"it prints more than {most >> 20} MiB")
    return bytes(content)
