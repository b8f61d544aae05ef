"""A real prober over real probes, for as long as a block runs, and what it recorded."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from faildrill import probing
from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.record.samples import SEEN_LATE, Files, Outcome, Sample, all_samples

MILLISECOND = 1_000_000


def plan(
    name: str = "pay", every: float = 0.005, timeout: float = 0.5, kind: str = "http.request", **params: JsonValue
) -> ProbePlan:
    """Declare a probe."""
    return ProbePlan(name=name, use=KindUse(kind=kind, params=params), every=every, timeout=timeout)


@dataclass
class Watched:
    """A prober's process and its samples; complete once the block is over."""

    folder: Path
    process: asyncio.subprocess.Process
    samples: list[Sample] = field(default_factory=list)
    status: int | None = None

    @property
    def log(self) -> str:
        """What the prober complained of."""
        return (self.folder / "probes.log").read_text(encoding="utf-8")

    def environment(self) -> str:
        """Return what the prober was given of the environment."""
        return Path(f"/proc/{self.process.pid}/environ").read_text(encoding="utf-8")

    def read(self) -> list[Sample]:
        """Return what it has recorded so far."""
        return all_samples(Files(self.folder))

    def of(self, probe: str = "pay") -> list[Sample]:
        """Return the samples of a probe."""
        return [sample for sample in self.samples if sample.probe == probe]

    def kinds(self, probe: str = "pay") -> set[tuple[Outcome, str]]:
        """Return how the looks of a probe ended, with the details; not whether the prober was held up."""
        looks = [one for one in self.of(probe) if one.outcome.is_look]
        return {(one.outcome, one.detail.removesuffix(SEEN_LATE).rstrip()) for one in looks}

    def counts(self, probe: str = "pay") -> Counter[Outcome]:
        """Count the samples of a probe by how they ended."""
        return Counter(sample.outcome for sample in self.of(probe))


@asynccontextmanager
async def watching(folder: Path, plans: Sequence[ProbePlan], *, settle: float = 0.1) -> AsyncIterator[Watched]:
    """Look with a real prober while the block runs, and for a moment before and after."""
    reading, writing = os.pipe()
    process = await probing.start(folder, "probes", tuple(plans), "run-1", reading)
    os.close(reading)
    watched = Watched(folder, process)
    try:
        await asyncio.sleep(settle)
        yield watched
        await asyncio.sleep(settle)
    finally:
        os.close(writing)
        watched.status = await asyncio.wait_for(process.wait(), 60)
        watched.samples = watched.read()


def now() -> int:
    """Return the moment, in monotonic ns."""
    return time.monotonic_ns()
