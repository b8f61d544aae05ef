"""A drill file into a `Drill`: every name resolved, every default filled in, or every mistake in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from faildrill.errors import Mistake
from faildrill.kinds import Shape
from faildrill.loading import runbook_text
from faildrill.loading.cautions import refuse_unknown_steps, warn
from faildrill.loading.drill_probes import read_probes
from faildrill.loading.kind_use import Use, read_only_use
from faildrill.loading.load import read_loads
from faildrill.loading.opened_file import opened
from faildrill.loading.scope import Scope
from faildrill.loading.steps import Steps
from faildrill.loading.ways_and_twins import SET_KEYS, read_failover, read_twin, read_ways
from faildrill.loading.yaml.mapping import MappingReader, as_name, as_requirement, place_in
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Node
from faildrill.model.drill import WARM_UP, Drill, ProbePlan
from faildrill.model.environment import Environment

KEYS: Final = (
    *("drill", "about", "environment", "owner", "runbook", "tags", "satisfies"),
    *("warm_up", "probes", "load", "steps", "expect", "abort_when"),
    *SET_KEYS,
)


class Loaded(NamedTuple):
    """A valid drill, and what its author should still know."""

    drill: Drill
    warnings: tuple[Mistake, ...]


def load_drill(path: Path, environment: Environment | None) -> Loaded:
    """Read a drill file for an environment; its own probes and the environment's are in the drill, told apart by `by`.

    Raises InvalidFile with every mistake at its place, WrongUsage when the file can't be read. Without an
    environment its targets are taken on trust: good for checking a file by itself, never for a run.
    """
    _, reading = opened(path, KEYS)
    mistakes = reading.mistakes
    named = reading.name("environment", "which place is drilled?")
    probes = _probes(reading, environment, path.parent, mistakes)
    names = _probe_names(reading, environment)
    load = tuple(read_loads(reading.mapping("load"), names, Scope(environment, folder=path.parent), mistakes))
    scope = Scope(environment, (*names, *reading.mapping("load")), folder=path.parent)
    expected = _uses(reading, "expect", "expectation", scope)
    steps = Steps(scope, mistakes)
    done = steps.read(reading.some("steps", "a drill that does nothing proves nothing"))
    ways, besides = read_ways(reading, steps, scope)
    drill = Drill(
        name=reading.name("drill", "what is this drill called?"),
        about=reading.text("about"),
        environment=environment.name if environment else named,
        owner=reading.text("owner"),
        runbook=(cited := reading.text("runbook")),
        runbook_digest=runbook_text.digest(cited, path),
        tags=_labels(reading, "tags", as_name),
        satisfies=_labels(reading, "satisfies", as_requirement),
        warm_up=reading.duration("warm_up", WARM_UP),
        probes=probes,
        load=load,
        steps=done,
        expect=tuple(use.use for use in expected),
        abort_when=tuple(use.use for use in _uses(reading, "abort_when", "abort", scope)),
        failover=read_failover(reading),
        twin=read_twin(reading, path),
        ways=ways,
    )
    reading.some("expect", "a drill that expects nothing proves nothing")
    refuse_unknown_steps(
        [*expected, *besides], (*drill.steps, *(step for way in drill.ways for step in way.steps)), mistakes
    )
    mistakes.refuse()
    warn(drill, [*expected, *besides], place_in(reading.entry("steps"), reading.place), mistakes)
    return Loaded(drill, tuple(sorted(mistakes.warnings)))


def _labels(reading: MappingReader, key: str, read_one: Callable[[Node], str]) -> tuple[str, ...]:
    """Read labels of the drill, each of which is there once."""
    labels: list[str] = []
    for node in reading.items(key):
        try:
            label = read_one(node)
        except ValueError as error:
            reading.mistakes.add(node.place, str(error))
            continue
        if label in labels:
            reading.mistakes.add(node.place, f"{label!r} is among the {key} already")
        labels.append(label)
    return tuple(labels)


def _probes(
    reading: MappingReader, environment: Environment | None, folder: Path, mistakes: Mistakes
) -> tuple[ProbePlan, ...]:
    entries = reading.mapping("probes")
    if not entries:
        reading.demand("probes", "a drill that watches nothing proves nothing")
    theirs = environment.probes if environment else ()
    for probe in theirs:
        if probe.name in entries:
            message = f"the environment has a probe {probe.name!r} already, which is watched in every drill there"
            mistakes.add(entries[probe.name].place, message)
    return (*read_probes(entries, "drill", Scope(environment, folder=folder), mistakes), *theirs)


def _probe_names(reading: MappingReader, environment: Environment | None) -> tuple[str, ...]:
    """Return every name that a probe has, those with mistakes too: one mistake is said once."""
    theirs = environment.probes if environment else ()
    return (*reading.mapping("probes"), *(probe.name for probe in theirs))


def _uses(reading: MappingReader, key: str, shape: Shape, scope: Scope) -> list[Use]:
    uses = [read_only_use(node, shape, scope, reading.mistakes) for node in reading.items(key)]
    return [use for use in uses if use]
