"""Starting a prober: a process in a session of its own, with an allow-listed environment."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

from faildrill.errors import FaildrillError
from faildrill.model.drill import ProbePlan
from faildrill.probing import prober_plan as files
from faildrill.probing.prober_plan import ProberPlan
from faildrill.system import python

READY: Final = b"ready"
"""What a prober says on its stdout once it looks."""
READY_WITHIN: Final = 20.0
"""Seconds from its start until a prober must say that it is ready."""
GONE_WITHIN: Final = 0.5
"""Seconds that a prober that said no `ready` has to go by itself."""
RUN: Final = "FAILDRILL_RUN"
"""The variable that holds the id of the run a process belongs to."""
PASSED_ON: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "VIRTUAL_ENV"),
    "PYTHONPATH",  # where the one who starts it has found its kinds, and so must it
)
"""What a prober gets of the environment, besides the secrets that its plan refers to."""


_CROWDED: Final = 4
"""As many processes that want a processor make a machine a crowded one."""


class ProberNotStarted(FaildrillError):
    """A prober did not get ready; its last words are in the text. It is gone."""


async def start(folder: Path, name: str, plans: tuple[ProbePlan, ...], run: str, lifeline: int) -> Process:
    """Write the plan of a prober and start it; return when it looks.

    `lifeline` is the reading end of a pipe: the prober ends when nobody holds its writing end any more. Raises
    ProberNotStarted, the process being gone then. Its stderr is appended to `NAME.log`.
    """
    plan = ProberPlan(run=run, probes=plans)
    files.write(folder, name, plan)
    (folder / f"{name}.log").touch(0o600)
    with (folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *python.module("faildrill.probing", str(folder), name),
            stdin=lifeline,
            stdout=PIPE,
            stderr=log,
            env=_environment(plan),
            # Ctrl-C on the terminal goes to the whole group (`man 7 signal`): looks must go on while everything is
            # put back.
            start_new_session=True,
        )
    try:
        await asyncio.wait_for(_ready(process), READY_WITHIN)
    except (TimeoutError, EOFError) as error:
        raise ProberNotStarted(f"{await _ended(process)}; {_last_words(folder, name)}") from error
    # The lifeline is not enough: it ends with the run, and this prober would look into files that another one writes.
    except BaseException:  # also when cancelled: a prober that nobody waits for any more is ended first
        await _ended(process)
        raise
    return process


async def _ready(process: Process) -> None:
    line = await process.stdout.readline() if process.stdout else b""
    if line.strip() != READY:
        raise EOFError


async def _ended(process: Process) -> str:
    """Make sure that the process is gone, after a moment to go by itself, and tell how it went."""
    try:
        status = await asyncio.wait_for(process.wait(), GONE_WITHIN)
    except TimeoutError:
        # Not process.kill(): it may reap the process before asyncio does, which then never learns how it ended.
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        return f"the prober was not ready in {READY_WITHIN:g} s{_crowd()}"
    return f"the prober ended with {status}"


def _crowd() -> str:
    """Tell where more wants to run on this machine than can."""
    load, processors = os.getloadavg()[0], len(os.sched_getaffinity(0))
    if load < processors * _CROWDED:
        return ""
    return (
        f" (on average {load:.0f} processes want the {processors} processors of this machine: try when it is less busy)"
    )


def _last_words(folder: Path, name: str) -> str:
    log = folder / f"{name}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{log} ends with: {lines[-1]}" if lines else f"{log} is empty"


def _environment(plan: ProberPlan) -> dict[str, str]:
    names = {*PASSED_ON, *files.references(plan)}
    return {name: os.environ[name] for name in names if name in os.environ} | {RUN: plan.run}
