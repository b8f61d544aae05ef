"""The drill as declared: probes, steps, expectations. Frozen, and plain data: it is written into the timeline."""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from faildrill.ports.target import KindUse

WARM_UP = 3.0
"""Seconds for which every probe must be good before the first step, where the drill says nothing."""
WITHIN = 30.0
"""Seconds that what a step does may take, where the drill says nothing; seeing its effect comes on top."""
UNDO_WITHIN = 60.0
"""Seconds that putting a step back may take, where the drill says nothing; seeing it put back comes on top."""


class Plan(BaseModel):
    """Something declared; times are float seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ProbePlan(Plan):
    """A probe, how often it looks and how long a look may take."""

    name: str
    use: KindUse
    every: float = Field(gt=0)
    timeout: float = Field(gt=0)
    slow: float | None = Field(default=None, gt=0, description="silence longer than this is dark time")
    in_flight: int = Field(default=0, ge=0, description="looks under way at once; 0 leaves it to the prober")
    by: Literal["drill", "environment", "load"] = "drill"
    most: int = Field(default=0, ge=0, description="how many looks at the most; 0: until it is told to end")


class Undo(Plan):
    """How a step is put back: its action's own undo, another action, or not at all."""

    how: Literal["own", "named", "none"] = "own"
    use: KindUse | None = None


class Step(Plan):
    """One thing done on purpose."""

    id: str = Field(description="unique in the drill; what events and later steps name it by")
    name: str
    use: KindUse
    within: float = WITHIN
    undo: Undo = Field(default_factory=Undo)
    undo_within: float = Field(default=UNDO_WITHIN, gt=0, description="for the undo; seeing it put back comes on top")
    late: bool = Field(default=False, description="holds ${steps.…}: its parameters are complete only when it is due")


class Condition(Plan):
    """What a wait waits for: a probe, or all of them, seen in a state."""

    probe: str | None = Field(description="None: all probes")
    state: Literal["ok", "not ok", "saw", "saw not"] = "ok"
    who: str | None = Field(default=None, description="with `saw`: who answered; may be ${steps.…}")


class Wait(Plan):
    """A step that changes nothing: it waits for something to be seen, or for time to pass."""

    id: str
    name: str
    until: Condition | None = None
    hold: float = Field(default=0.0, ge=0, description="for how long it must be seen without a break")
    within: float = Field(gt=0)


class Parallel(Plan):
    """Steps that are done at once; the next one waits for all of them."""

    id: str
    name: str
    steps: tuple[Step | Wait, ...]


AnyStep = Step | Wait | Parallel


def singly(steps: Iterable[AnyStep]) -> Iterator[Step | Wait]:
    """Yield steps and waits in their order, those that are done at once one after the other."""
    for step in steps:
        yield from step.steps if isinstance(step, Parallel) else (step,)


def actions(steps: Iterable[AnyStep]) -> Iterator[Step]:
    """Yield the steps that change something, in their order, those of groups too."""
    return (step for step in singly(steps) if isinstance(step, Step))


class Way(Plan):
    """One of several answers to what the drill does: what is done after its steps, and expected besides."""

    name: str
    steps: tuple[AnyStep, ...] = ()
    expect: tuple[KindUse, ...] = ()


class Drill(Plan):
    """A drill as loaded: every name resolved, every default filled in."""

    name: str
    about: str = ""
    environment: str
    owner: str = ""
    runbook: str = ""
    runbook_digest: str = Field(default="", description="of its text when the drill was loaded; empty: nobody read it")
    tags: tuple[str, ...] = Field(default=(), description="labels by which `run --tag` chooses among many drills")
    satisfies: tuple[str, ...] = Field(default=(), description="labels of what it is evidence for, e.g. DORA-24")
    warm_up: float = WARM_UP
    probes: tuple[ProbePlan, ...]
    load: tuple[ProbePlan, ...] = Field(default=(), description="background traffic, sent by a prober of its own")
    steps: tuple[AnyStep, ...]
    expect: tuple[KindUse, ...]
    abort_when: tuple[KindUse, ...] = ()
    failover: Literal["warranted", "needless"] | None = Field(
        default=None, description="whether what happens here is a reason to fail the database over"
    )
    twin: str = Field(default="", description="the file of the drill with the same symptom and another cause")
    ways: tuple[Way, ...] = ()
    way: Way | None = Field(default=None, description="the one that this run takes; its steps are among `steps`")

    @property
    def every_step(self) -> tuple[AnyStep, ...]:
        """Its own steps, then those of each of its ways."""
        return (*self.steps, *(step for way in self.ways for step in way.steps))

    def taking(self, way: Way) -> "Drill":
        """Return the drill that does its own steps, then those of a way, and expects what both expect."""
        done = {"steps": (*self.steps, *way.steps), "expect": (*self.expect, *way.expect)}
        return self.model_copy(update={**done, "way": way})

    def declared(self) -> "Drill":
        """Return the drill as its file declares it: without the steps and expectations of the way that is taken."""
        if self.way is None:
            return self
        own = {"steps": self.steps[: len(self.steps) - len(self.way.steps)]}
        promised = {"expect": self.expect[: len(self.expect) - len(self.way.expect)]}
        return self.model_copy(update={**own, **promised, "way": None})
