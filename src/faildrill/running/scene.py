"""What a run is made of: its drill, its place, its files, its clock."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from faildrill.clock import Clock
from faildrill.drill import Drill, ProbePlan
from faildrill.environment import Environment
from faildrill.probing.watching import Watching
from faildrill.timeline import Timeline


class Probers(Protocol):
    """Starts and ends the processes that look; a simulation starts a task instead."""

    async def start(self, plans: tuple[ProbePlan, ...], watching: Watching, timeline: Timeline) -> None:
        """Start to look, let `watching` follow, and record it; returns when the looking has begun."""
        ...

    def trouble(self) -> str | None:
        """Say what ended the looking though nobody asked for it, or None."""
        ...

    async def stop(self, timeline: Timeline) -> None:
        """End the looking, when the looks in flight are over, and record it."""
        ...


@dataclass
class Scene:
    """Everything that the run's own code works on."""

    folder: Path
    run: str
    drill: Drill
    environment: Environment
    timeline: Timeline
    clock: Clock
    watching: Watching
    probers: Probers
    leave_applied: bool = False

    @property
    def plans(self) -> tuple[ProbePlan, ...]:
        """All probes to watch: the drill's, and those of the environment that it does not name itself."""
        named = {plan.name for plan in self.drill.probes}
        return (*self.drill.probes, *(plan for plan in self.environment.probes if plan.name not in named))
