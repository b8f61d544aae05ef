"""What a run is made of: its drill, its place, its files, its clock."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faildrill.acting.effects import Effects
from faildrill.clock import Clock
from faildrill.locking.lock_keeper import LockKeeper
from faildrill.model.drill import Drill, ProbePlan
from faildrill.model.environment import Environment
from faildrill.probing.health import SampleWatch
from faildrill.record.timeline import Timeline
from faildrill.restoring.fence import Swept
from faildrill.restoring.ground import PACE, Probers


def _nothing() -> Swept:
    return Swept([], [])


@dataclass
class Scene:
    """Everything that the run's own code works on."""

    folder: Path
    run: str
    drill: Drill
    environment: Environment
    timeline: Timeline
    clock: Clock
    watching: SampleWatch
    probers: Probers
    leave_applied: bool = False
    fence: Callable[[], Swept] = _nothing
    """Ends what the steps have left running; nothing where they run in no processes."""
    give_up: Callable[[], object] = _nothing
    """Leaves a run that can't end its own doings to the sentinel; returns where there is none."""
    keeper: LockKeeper | None = None
    """Holds the lock between hosts, where there is one; without it the runner holds it itself."""
    pace: float = PACE
    """Seconds between two looks at what the probers have written."""

    def __post_init__(self) -> None:
        """Nothing is in effect yet."""
        self.effects = Effects(self.timeline, self.run)

    @property
    def plans(self) -> tuple[ProbePlan, ...]:
        """All that is watched: the drill's probes, its load, and those of the environment that it does not name."""
        named = {plan.name for plan in self.drill.probes}
        return (
            *self.drill.probes,
            *self.drill.load,
            *(plan for plan in self.environment.probes if plan.name not in named),
        )
