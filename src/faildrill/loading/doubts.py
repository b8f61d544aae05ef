"""What is valid in a drill and will disappoint its author: warnings, never mistakes."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from faildrill.drill import Drill, ProbePlan, Step
from faildrill.loading.mistakes import Mistakes
from faildrill.loading.nodes import Place
from faildrill.loading.uses import Use


@runtime_checkable
class Doubts(Protocol):
    """An expectation that can tell before the run that it will not be decided."""

    def doubts(self, probes: Mapping[str, ProbePlan]) -> list[str]:
        """Return why not, e.g. that a probe looks too seldom for a limit, with what to write instead."""
        ...


def warn(drill: Drill, expected: list[Use], place: Place, mistakes: Mistakes) -> None:
    """Note the doubts about a valid drill."""
    probes = {probe.name: probe for probe in (*drill.probes, *drill.load)}
    for use in expected:
        built: object = use.built
        if isinstance(built, Doubts):
            for doubt in built.doubts(probes):
                mistakes.warn(use.place, doubt)
    if not _actions(drill):
        mistakes.warn(place, "no step acts: this drill only watches")


def _actions(drill: Drill) -> list[Step]:
    flat = [one for step in drill.steps for one in getattr(step, "steps", (step,))]
    return [one for one in flat if isinstance(one, Step)]
