"""Clean up after a run whose runner is gone: put back what is open, see it steady, and finish its timeline."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Literal

from faildrill.acting.undoing import open_intents, undo_all
from faildrill.clock import SystemClock, boot_id
from faildrill.drill import Drill
from faildrill.environment import Environment
from faildrill.errors import WrongUsage
from faildrill.guarding.holding import clear
from faildrill.probing.processes import ProberProcesses
from faildrill.probing.watching import Watching
from faildrill.recovering.fencing import carries, fence
from faildrill.recovering.steadying import Patience, steady
from faildrill.samples import Files
from faildrill.timeline import (
    FILE,
    Entry,
    Fenced,
    Intended,
    PhaseStarted,
    ProberEnded,
    ProberStarted,
    RunEnded,
    RunnerDied,
    RunStarted,
    Timeline,
    entries,
)

By = Literal["sentinel", "recover"]
_PATIENCE = 15.0


def started(folder: Path) -> RunStarted:
    """Return the first event of a run; WrongUsage when the folder holds none."""
    found = entries(folder / FILE)
    if not found or not isinstance(found[0].what, RunStarted):
        raise WrongUsage(f"{folder} holds no run: there is no timeline that begins with a start")
    return found[0].what


async def recover(folder: Path, by: By) -> bool:
    """Put a run back whose runner is gone, and tell whether all of it was seen put back and steady.

    The caller holds the environment's lock. Can be killed at any point and called again: what was seen put back
    is not touched twice.
    """
    first = started(folder)
    clock = SystemClock()
    if by == "recover":
        ended = fence(first.run, None, ())
    timeline = Timeline.resume(folder, clock)
    if by == "recover":
        timeline.note(RunnerDied(how="was found gone by `faildrill recover`", boot=boot_id()))
        timeline.note(Fenced(processes=ended))
    known = entries(folder / FILE)
    timeline.note(PhaseStarted(phase="undoing"))
    dirty = await undo_all(open_intents(known), timeline, first.run, by)
    is_steady = not _touched(known) or await _steady(folder, first, timeline, known)
    timeline.note(RunEnded(by=by))
    timeline.close()
    if not dirty and is_steady:
        clear(first.identity, first.run)
    return not dirty and is_steady


def _touched(known: list[Entry]) -> bool:
    return any(isinstance(entry.what, Intended) for entry in known)


async def _steady(folder: Path, first: RunStarted, timeline: Timeline, known: list[Entry]) -> bool:
    """Watch until every probe is good again: with the probers of the run that still look, or with new ones."""
    drill = Drill.model_validate(first.drill)
    place = Environment.model_validate(first.place)
    named = {plan.name for plan in drill.probes}
    plans = (*drill.probes, *(plan for plan in place.probes if plan.name not in named))
    watching = Watching(plans)
    timeline.note(PhaseStarted(phase="steadying"))
    looking = _looking(known, first.run)
    read, write = os.pipe()
    probers = ProberProcesses(folder, first.run, read, generation=len(_generations(known)))
    if {name for one in looking for name in one.probes} == set(watching.views):
        for one in looking:
            watching.follow(Files(folder, one.samples))
    else:
        await probers.start(plans, watching, timeline)
    try:
        return await steady(watching, SystemClock(), timeline, drill, Patience())
    finally:
        await probers.stop(timeline)
        for one in looking:
            await _end(one, timeline)
        os.close(read)
        os.close(write)


def _generations(known: list[Entry]) -> set[str]:
    return {entry.what.samples for entry in known if isinstance(entry.what, ProberStarted)}


def _looking(known: list[Entry], run: str) -> list[ProberStarted]:
    """List the probers of the run that still look."""
    return [entry.what for entry in known if isinstance(entry.what, ProberStarted) and carries(entry.what.pid, run)]


async def _end(prober: ProberStarted, timeline: Timeline) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(prober.pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while _is_there(prober.pid):  # noqa: ASYNC110 - it is no child of ours: there is no event to await
                await asyncio.sleep(0.02)
    timeline.note(ProberEnded(pid=prober.pid, asked=True))


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()
