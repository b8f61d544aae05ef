"""Time limits that a process of its own holds on this host, so that a stopped process goes on without us."""

import asyncio
import signal
from typing import Final

from faildrill.adapters.process.limit_holder import PROGRAM
from faildrill.errors import ActionRefused
from faildrill.system import processes, python
from faildrill.system.processes import Process

_READY_WITHIN: Final = 10.0
"""Seconds, as a Python is started for it."""


async def hold(process: Process, seconds: float) -> None:
    """Have a process go on after float seconds, whoever lives then; ActionRefused when nobody could be had for it."""
    argv = python.module(PROGRAM, str(process.pid), str(process.start), str(seconds))
    holder = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=python.surroundings(),
        cwd="/",
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_READY_WITHIN):
            answer = await holder.stdout.readline() if holder.stdout else b""
    except TimeoutError:
        answer = b""
    if answer != b"ready\n":
        lift(process)
        raise ActionRefused(f"nobody could be started who holds the limit of process {process.pid}: nothing was done")


def lift(process: Process) -> None:
    """End whoever holds a limit of this process: it was put back, or is put back now."""
    words = f" -m {PROGRAM} {process.pid} {process.start} "
    for one in map(processes.look, processes.pids()):
        if one is not None and words in f"{processes.title(one.pid)} ":
            processes.send(one, signal.SIGKILL)
