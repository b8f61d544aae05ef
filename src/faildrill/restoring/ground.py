"""What a run and its recovery stand on: a clock, a disk, and a way to look. A simulation gives its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from faildrill.clock import Clock, SystemClock
from faildrill.model.drill import ProbePlan
from faildrill.probing.health import SampleWatch
from faildrill.probing.prober_processes import ProberProcesses
from faildrill.record.journal import Disk
from faildrill.record.timeline import Timeline

PACE: Final = 0.01
"""Seconds between two looks at what the probers have written."""


class Probers(Protocol):
    """Starts and ends the processes that look; a simulation starts a task instead."""

    async def start(self, plans: tuple[ProbePlan, ...], watching: SampleWatch, timeline: Timeline) -> None:
        """Start to look, let `watching` follow, and record it; returns when the looking has begun."""
        ...

    def trouble(self) -> str | None:
        """Say what ended the looking though nobody asked for it, or None."""
        ...

    async def stop(self, timeline: Timeline) -> None:
        """End the looking, when the looks in flight are over, and record it."""
        ...


ProbersOf = Callable[[Path, str, int, int], Probers]
"""Makes what looks: from the run's folder, its id, the lifeline, and how many probers there were before."""


@dataclass(frozen=True)
class Ground:
    """The clock, the disk and the looking; by default those of this machine."""

    clock: Clock = field(default_factory=SystemClock)
    disk: Disk = field(default_factory=Disk)
    probers: ProbersOf = ProberProcesses
    pace: float = PACE
