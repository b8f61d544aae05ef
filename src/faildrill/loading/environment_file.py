"""An environment file into an `Environment`, or every mistake in it."""

from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, JsonValue

from faildrill.errors import Mistake
from faildrill.kinds import UnknownKind, did_you_mean, find
from faildrill.kinds.parameter_roles import absolute
from faildrill.kinds.target_table import sections, sort_of
from faildrill.loading.drill_probes import read_probes
from faildrill.loading.environment_rules import (
    RULES,
    read_approvals,
    read_blast_radius,
    read_damage_budget,
    read_lock,
    read_unproven,
)
from faildrill.loading.kind_use import check_model, read_only_use
from faildrill.loading.names import MEMBER_RULE, NAME_RULE, is_member, is_name
from faildrill.loading.opened_file import refuse_passwords
from faildrill.loading.scope import Scope
from faildrill.loading.standard_file import read_settings, read_standards, read_warrants
from faildrill.loading.yaml.composer import read
from faildrill.loading.yaml.mapping import MappingReader, refuse_nothing
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, Node, Place, Scalar, plain
from faildrill.model.environment import Environment
from faildrill.model.references import holds_reference
from faildrill.ports import Proves
from faildrill.ports.target import KindUse, Target

FIRST: Final = ("environment", "about", "drillable", "reaches")
LAST: Final = ("standards", "settings", "warrants", "watched", "identity", "probes", "guards", *RULES)
"""The keys of an environment file before and after its sections of targets."""


class LoadedEnvironment(NamedTuple):
    """A valid environment, and what its author should still know."""

    environment: Environment
    warnings: tuple[Mistake, ...]


def read_environment(path: Path) -> LoadedEnvironment:
    """Read an environment file; InvalidFile has every mistake at its place, WrongUsage when it can't be read."""
    mistakes = Mistakes(str(path))
    root = Entry(Place(1, 1), read(path, mistakes))
    refuse_passwords(root.node, mistakes)
    given = root.node.entries if isinstance(root.node, Mapping) else {}
    listed = sections(key for key in given if key not in (*FIRST, *LAST))
    reading = MappingReader(root, (*FIRST, *listed, *LAST), mistakes)
    reading.refuse_others()
    name = reading.name("environment", "what is this place called?")
    reaches = _reaches(reading)
    targets = {name: _targets(name, reading, reaches, path.parent) for name in listed if name in given}
    standards = read_standards(reading, path)
    place = Environment.model_validate({"name": name or "unnamed", "targets": targets, "standards": standards})
    spoilt = [(section, key) for section in targets for key in reading.mapping(section) if key not in targets[section]]
    spoilt += [("standards", key) for key in reading.mapping("standards") if key not in standards]
    scope = Scope(place, spoilt=frozenset(spoilt), folder=path.parent)
    place = place.model_copy(
        update={
            "about": reading.text("about"),
            "drillable": reading.truth("drillable", default=False),
            "identity": _identity(reading, scope),
            "settings": read_settings(reading, scope),
            "warrants": read_warrants(reading, scope),
            "probes": read_probes(reading.mapping("probes"), "environment", scope, mistakes),
            "watched": read_probes(reading.mapping("watched"), "environment", scope, mistakes),
            "guards": _guards(reading, scope),
            "lock": read_lock(reading, scope),
            "blast_radius": read_blast_radius(reading, place),
            "approvals": read_approvals(reading),
            "damage_budget": read_damage_budget(reading),
            "unproven": read_unproven(reading),
        }
    )
    mistakes.refuse()
    if not place.identity:
        mistakes.warn(reading.place, "no `identity`: nothing is read from the targets that proves what they are")
    return LoadedEnvironment(place, tuple(mistakes.warnings))


def load_environment(path: Path) -> Environment:
    """Read an environment file as `read_environment` does, without its warnings."""
    return read_environment(path).environment


def _reaches(reading: MappingReader) -> dict[str, KindUse]:
    reaches = {}
    for name, entry in reading.mapping("reaches").items():
        if not is_name(name):
            reading.mistakes.add(entry.place, NAME_RULE)
        use = read_only_use(entry.node, "reach", Scope(None), reading.mistakes)
        reaches[name] = use.use if use else KindUse(kind="")
    return reaches


def _guards(reading: MappingReader, scope: Scope) -> tuple[KindUse, ...]:
    uses = [read_only_use(node, "guard", scope, reading.mistakes) for node in reading.items("guards")]
    return tuple(use.use for use in uses if use)


def _identity(reading: MappingReader, scope: Scope) -> tuple[KindUse, ...]:
    """Read what proves the place; a guard that reads from no target what it is proves nothing, and is refused."""
    uses = [read_only_use(node, "guard", scope, reading.mistakes) for node in reading.items("identity")]
    for use in uses:
        if use and not issubclass(find(use.use.kind, "guard"), Proves):
            reading.mistakes.add(use.place, f"{use.use.kind} doesn't prove what a target is: put it under `guards`")
    return tuple(use.use for use in uses if use)


class _Section(NamedTuple):
    """What all targets of a section have in common."""

    sort: type[Target]
    folder: Path
    """Of the environment's file: where a path in it begins."""
    reaches: dict[str, KindUse]


def _targets(section: str, reading: MappingReader, reaches: dict[str, KindUse], folder: Path) -> dict[str, BaseModel]:
    targets: dict[str, BaseModel] = {}
    try:
        sort = sort_of(section)
    except UnknownKind as error:
        reading.mistakes.add(entry.place if (entry := reading.entry(section)) else reading.place, str(error))
        return targets
    for name, entry in reading.mapping(section).items():
        if not is_name(name):
            reading.mistakes.add(entry.place, NAME_RULE)
            continue
        target = _target(_Section(sort, folder, reaches), name, entry, reading.mistakes)
        if target is not None:
            targets[name] = target
    return targets


def _target(section: _Section, name: str, entry: Entry, mistakes: Mistakes) -> BaseModel | None:
    """Read one target; what is a single text stands for its only required parameter, e.g. the URL of a service."""
    sort = section.sort
    _refuse_references(entry.node, mistakes)
    node = entry.node
    if isinstance(node, Scalar) and node.value is not None:
        required = [key for key, field in sort.model_fields.items() if field.is_required() and key != "name"]
        if len(required) == 1:
            node = Mapping(node.place, {required[0]: Entry(node.place, node)})
    data = plain(node)
    if not isinstance(node, Mapping) or not isinstance(data, dict):
        keys = ", ".join(key for key in sort.model_fields if key not in Target.model_fields)
        mistakes.add(node.place, f"must be a mapping with {keys}")
        return None
    refuse_nothing(node, mistakes)
    if "name" in data:
        mistakes.add(node.entries["name"].place, "unknown key 'name': a target is named by its key")
    data["name"] = name
    absolute(sort, data, section.folder)
    members = node.entries.get("members")
    if members is not None and isinstance(members.node, Mapping):
        data["members"] = _members(members.node, section.reaches, mistakes)
    return check_model(sort, data, Entry(entry.place, node), mistakes)


def _members(node: Mapping, reaches: dict[str, KindUse], mistakes: Mistakes) -> dict[str, JsonValue]:
    members: dict[str, JsonValue] = {}
    for name, entry in node.entries.items():
        if not is_member(name):
            mistakes.add(entry.place, MEMBER_RULE)
        members[name] = _member(name, entry, reaches, mistakes)
    return members


def _member(name: str, entry: Entry, reaches: dict[str, KindUse], mistakes: Mistakes) -> JsonValue:
    data = plain(entry.node) or {}
    if not isinstance(data, dict) or (not isinstance(entry.node, Mapping) and data):
        return data
    refuse_nothing(entry.node, mistakes)
    given = entry.node.entries.get("reach") if isinstance(entry.node, Mapping) else None
    if given is not None:
        data["reach"] = _reach(given.node, reaches, mistakes)
    return {**data, "name": name}


def _reach(node: Node, reaches: dict[str, KindUse], mistakes: Mistakes) -> JsonValue:
    name = node.value if isinstance(node, Scalar) else None
    if not isinstance(name, str) or name not in reaches:
        there = did_you_mean(str(name), sorted(reaches)) if isinstance(name, str) and is_name(name) else ""
        mistakes.add(node.place, f"must be a name from `reaches`{there}")
        return None
    use: JsonValue = reaches[name].model_dump(mode="json")
    return use


def _refuse_references(node: Node, mistakes: Mistakes) -> None:
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and holds_reference(node.value):
            mistakes.spoil(node.place, "a target can't hold a reference: write the value out")
        return
    for child in node.items if isinstance(node, Listing) else [entry.node for entry in node.entries.values()]:
        _refuse_references(child, mistakes)
