"""What a prober is to look at, as a file that the runner writes and the prober reads: `NAME.plan.json`."""

import os
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from faildrill import ports
from faildrill.errors import WrongUsage
from faildrill.kinds import find
from faildrill.model.drill import ProbePlan
from faildrill.record.samples import LOAD
from faildrill.system import atomic_file

FAST: Final = "probes"
"""The prober of all probes that don't block."""
BLOCKING: Final = "blocking"
"""The prober of those that look through a blocking SDK."""


class ProberPlan(BaseModel):
    """The run and its probes."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    run: str
    probes: tuple[ProbePlan, ...]


def path(folder: Path, name: str) -> Path:
    """Tell where the plan of a prober is."""
    return folder / f"{name}.plan.json"


def write(folder: Path, name: str, plan: ProberPlan) -> None:
    """Write the plan of a prober, whole or not at all."""
    atomic_file.write(path(folder, name), plan.model_dump_json().encode())


def read(folder: Path, name: str) -> ProberPlan:
    """Read the plan of a prober; OSError or pydantic.ValidationError when there is none that holds."""
    return ProberPlan.model_validate_json(path(folder, name).read_bytes())


def split(plans: tuple[ProbePlan, ...]) -> dict[str, tuple[ProbePlan, ...]]:
    """Tell which prober gets which probes: load, and those that block, never share a process with the others."""
    by_name: dict[str, list[ProbePlan]] = {}
    for plan in plans:
        by_name.setdefault(_prober_of(plan), []).append(plan)
    return {name: tuple(some) for name, some in by_name.items()}


def _prober_of(plan: ProbePlan) -> str:
    if plan.by == "load":
        return LOAD
    return BLOCKING if _blocks(plan) else FAST


def _blocks(plan: ProbePlan) -> bool:
    """Tell whether a probe blocks; one whose kind can't be found breaks the same in any prober."""
    try:
        return is_blocking(find(plan.use.kind, "probe"))
    except WrongUsage:
        return False


def references(plan: ProberPlan) -> set[str]:
    """Return the names of the environment variables that the plan's parameters refer to as secrets."""
    names: set[str] = set()
    left: list[object] = [probe.use.params for probe in plan.probes]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and value.startswith("env:"):
            names.add(value.removeprefix("env:"))
    # What is no variable here is a value that only looks like a reference: nothing is passed on for it.
    return names & set(os.environ)


def is_blocking(probe: type[Any]) -> bool:
    """Tell whether a probe's looks block, so that it must not share a process with the fast ones."""
    return bool(getattr(probe, ports.BLOCKING, False))
