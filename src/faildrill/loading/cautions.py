"""What is valid in a drill and will disappoint its author: warnings, never mistakes."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from faildrill.kinds import did_you_mean, find
from faildrill.kinds.parameter_roles import step_parameters
from faildrill.loading.kind_use import Use
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Place
from faildrill.model.drill import AnyStep, Drill, ProbePlan, Step, singly


@runtime_checkable
class Doubts(Protocol):
    """An expectation that can tell before the run that it will not be decided."""

    def doubts(self, probes: Mapping[str, ProbePlan]) -> list[str]:
        """Return why not, e.g. that a probe looks too seldom for a limit, with what to write instead."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """An expectation that can say before the run what it takes to hold."""

    def foresees(self, probes: Mapping[str, ProbePlan]) -> str:
        """Return it in one line, for `plan`."""
        ...


def refuse_unknown_steps(expected: list[Use], steps: Sequence[AnyStep], mistakes: Mistakes) -> None:
    """Note every expectation that names a step by an id that none has."""
    ids = [step.id for step in singly(steps)]
    for use in expected:
        for name, words in step_parameters(find(use.use.kind, "expectation")).items():
            given = use.use.params.get(name)
            if isinstance(given, str) and given not in ids and given not in words:
                other = f", and it is none of {', '.join(sorted(words))}" if words else ""
                close = did_you_mean(given, [*words, *ids])
                mistakes.add(use.place, f"{name}: no step has the id {given!r}{other}{close}")


def warn(drill: Drill, expected: list[Use], place: Place, mistakes: Mistakes) -> None:
    """Note the doubts about a valid drill."""
    probes = {probe.name: probe for probe in (*drill.probes, *drill.load)}
    for use in expected:
        built: object = use.built
        if isinstance(built, Doubts):
            for doubt in built.doubts(probes):
                mistakes.warn(use.place, doubt)
    if not _actions(drill):
        mistakes.warn(place, "no step is an action: this drill only watches")


def _actions(drill: Drill) -> list[Step]:
    flat = [*singly(drill.steps)]
    return [step for step in flat if isinstance(step, Step)]
