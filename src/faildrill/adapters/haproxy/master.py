"""HAProxy's master process: it reloads, and tells of its workers (HAProxy's management guide, 9.4)."""

import asyncio
import math
import re
import time
from contextlib import suppress
from typing import Final, NamedTuple, Self

from faildrill.adapters.haproxy.client import tell

_TRIES: Final = 20
"""How often a master is asked that resets whoever asks."""
_AGAIN: Final = 0.05
"""Seconds between two of them."""
_MASTER: Final = re.compile(
    r"^(\d+)\s+master\s+(\d+)(?:\s+\[failed:\s*(\d+)\])?(?:\s+(\d+)d(\d+)h(\d+)m(\d+)s)?", re.MULTILINE
)
"""The master's line of `show proc`: pid, type, reloads, since 2.5 how many of the last ones failed, and its age."""
_WORKERS: Final = re.compile(r"^# workers\n(?P<rows>(?:\d+\s+worker\s.*\n?)*)", re.MULTILINE)
"""The workers that run now; those of before a reload stand under a heading of their own."""


class Standing(NamedTuple):
    """What the master tells of itself and of the worker that takes connections."""

    pid: int
    reloads: int
    """How often it was told to load its files, since it was started."""
    failed: int
    """How many of the last ones failed, one after the other; 0: what runs is what it was told last."""
    worker: int
    """The process that takes connections; 0 where there is none."""
    started: float = math.inf
    """When the master was, in seconds since the epoch by this host's clock; infinite where it doesn't say."""

    @classmethod
    def read(cls, answer: str) -> Self:
        """Read the answer to `show proc`; ValueError when it is another one, or one that counts no failures."""
        master, workers = _MASTER.search(answer), _WORKERS.search(answer)
        if master is None or workers is None or master[3] is None:
            raise ValueError(f"no answer of a HAProxy 2.5 or newer to `show proc`: {' '.join(answer.split())[:100]!r}")
        first = workers["rows"].split(maxsplit=1)
        days, hours, minutes, seconds = (int(group or 0) for group in master.groups()[3:])
        age = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
        started = time.time() - age if master[4] is not None else math.inf
        return cls(int(master[1]), int(master[2]), int(master[3]), int(first[0]) if first else 0, started)


async def standing(socket: str) -> Standing:
    """Ask a master how it stands; OSError when nobody answers, ValueError when it is no master.

    One that has just loaded its files begins its program anew and resets who asks meanwhile: it is asked again.
    """
    for _ in range(_TRIES):
        with suppress(ConnectionResetError):
            return Standing.read(await tell(socket, "show proc", then_end=True))
        await asyncio.sleep(_AGAIN)
    raise ConnectionResetError("it resets whoever asks")


async def reload(socket: str) -> str:
    """Have a master load its files, once; return what it says, which is nothing before HAProxy 2.7."""
    return await tell(socket, "reload", then_end=True)
