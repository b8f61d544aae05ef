"""The probing processes of a run: started, followed, and ended."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from faildrill import probing
from faildrill.model.drill import ProbePlan
from faildrill.probing.health import SampleWatch
from faildrill.record.samples import Files
from faildrill.record.timeline import ProberEnded, ProberStarted, Timeline

STOPPING = 15.0
"""Seconds that a prober has to end its looks in flight; then it is killed."""


@dataclass
class _Running:
    name: str
    process: asyncio.subprocess.Process
    asked: bool = False
    recorded: bool = False


class ProberProcesses:
    """Starts one prober for the fast probes, another one for those that block, and ends them."""

    def __init__(self, folder: Path, run: str, lifeline: int, generation: int = 0) -> None:
        self._folder = folder
        self._run = run
        self._lifeline = lifeline
        self._generation = generation
        self._running: list[_Running] = []

    async def start(self, plans: tuple[ProbePlan, ...], watching: SampleWatch, timeline: Timeline) -> None:
        """Start to look; what looked before is ended, and its samples stay."""
        await self.stop(timeline)
        self._generation += 1
        for name, some in probing.split(plans).items():
            unique = name if self._generation == 1 else f"{name}-{self._generation}"
            process = await probing.start(self._folder, unique, some, self._run, self._lifeline)
            self._running.append(_Running(unique, process))
            names = [plan.name for plan in some]
            timeline.record(ProberStarted(pid=process.pid, samples=unique, probes=names))
            watching.follow(Files(self._folder, unique))

    def trouble(self) -> str | None:
        """Say which prober ended though nobody asked it to, or None."""
        for process in self._running:
            if not process.asked and process.process.returncode is not None:
                return f"the prober {process.name} ended with {process.process.returncode}; see {process.name}.log"
        return None

    async def stop(self, timeline: Timeline) -> None:
        """End every prober when its looks in flight are over, and record how it ended."""
        for process in self._running:
            if process.recorded:
                continue
            died = self.trouble()
            await self._end(process)
            process.recorded = True
            timeline.note(
                ProberEnded(pid=process.process.pid, asked=process.asked, because=None if process.asked else died)
            )

    async def _end(self, one: _Running) -> None:
        if one.process.returncode is not None:
            return
        one.asked = True
        _signal(one.process, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOPPING):
                await one.process.wait()
        except TimeoutError:
            _signal(one.process, signal.SIGKILL)
            await one.process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal it by its number: asyncio's own way may reap it first, and then its exit code is lost."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)
