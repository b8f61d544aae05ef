"""What names and references in a file can mean where they stand."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import JsonValue

from faildrill.kinds import did_you_mean
from faildrill.kinds.target_table import sections
from faildrill.model.environment import Environment
from faildrill.model.references import STEPS, Later, Unresolvable, walk
from faildrill.ports.target import Target


@dataclass(frozen=True)
class Scope:
    """The targets, probes and steps that can be named here.

    Without an environment (a drill checked by itself) targets are taken on trust. `earlier` are the ids of the
    actions done before, None where steps can't be referred to at all; `later` are those of all others;
    `spoilt` are targets, by section and name, in which a mistake was found already.
    """

    environment: Environment | None
    probes: tuple[str, ...] | None = None
    earlier: frozenset[str] | None = None
    later: frozenset[str] = frozenset()
    spoilt: frozenset[tuple[str, str]] = frozenset()
    folder: Path = Path()
    """The folder of the file that is read: where its paths begin."""

    def after(self, done: frozenset[str]) -> Self:
        """Return the scope of what is done after more steps."""
        return replace(self, earlier=(self.earlier or frozenset()) | done)

    def target(self, sort: type[Target], name: str) -> Target | None:
        """Return a target by name, or None where it can't be known what it is; else Unresolvable."""
        if self.environment is None or (sort.section, name) in self.spoilt:
            return None
        known = self.environment.section(sort.section)
        if name not in known:
            what = sort.section.replace("_", " ")
            there = did_you_mean(name, sorted(known)) if known else "; it has none"
            raise Unresolvable(f"no {name!r} among the {what} of environment {self.environment.name!r}{there}")
        return known[name]

    def look_up(self, parts: list[str]) -> JsonValue | Later:
        """Return what a reference means here; Unresolvable when it means nothing."""
        first, *rest = parts
        if first == STEPS:
            return self._step(rest)
        if first not in (known := sections([first])):
            raise Unresolvable(f"there is no {first!r}{did_you_mean(first, [STEPS, *known])}")
        if self.environment is None or (first, rest[0]) in self.spoilt:
            return Later()
        targets = self.environment.section(first)
        tree: dict[str, JsonValue] = {name: _data(target) for name, target in targets.items()}
        value = walk(tree, rest, first)
        whole = next((target for name, target in targets.items() if value is tree[name]), None)
        return value[whole.stands_for] if whole and whole.stands_for and isinstance(value, dict) else value

    def _step(self, rest: list[str]) -> Later:
        if self.earlier is None:
            raise Unresolvable("only a later step can use what a step gives")
        step = rest[0]
        if step in self.earlier:
            if len(rest) == 1:
                raise Unresolvable("says which step, but not which of its values: ${steps.ID.KEY}")
            return Later()
        if step in self.later:
            raise Unresolvable(f"step {step!r} has no result here: it comes later, runs at the same time, or is a wait")
        raise Unresolvable(f"no step has the id {step!r}{did_you_mean(step, sorted(self.earlier))}")


def _data(target: Target) -> JsonValue:
    data: JsonValue = target.model_dump(mode="json")
    return data
