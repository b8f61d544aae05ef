"""A kind named in a file, with its parameters: resolved, checked against its class, and kept as data."""

import json
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, ValidationError

from faildrill.kinds import Shape, UnknownKind, did_you_mean, find, names
from faildrill.kinds.parameter_roles import absolute, parameter_names, probe_parameters, target_parameters
from faildrill.kinds.table import TABLES
from faildrill.loading.names import is_name
from faildrill.loading.parameter_mistakes import Fault, faults
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import refuse_nothing
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, Node, Place, Scalar, place_of
from faildrill.model.references import Unresolvable, escape, fill, holds_reference, mentions_steps
from faildrill.ports import Kind
from faildrill.ports.target import KindUse, Target

PathTo = tuple[str | int, ...]


@dataclass(frozen=True)
class Use:
    """A kind as used in a file; `built` is None as long as something in it is only known later."""

    use: KindUse
    place: Place
    built: Kind | None = None
    late: bool = False


@dataclass
class _Params:
    """Parameters while they are being resolved."""

    entry: Entry
    scope: Scope
    mistakes: Mistakes
    template: bool
    open_at: list[PathTo] = field(default_factory=list)
    """Where something stands that can't be checked yet, or was found wrong already."""
    late: bool = False

    def wrong(self, path: PathTo, message: str) -> None:
        """Note a mistake at a value; nothing more is said about it."""
        self.mistakes.add(place_of(self.entry, path), message)
        self.open_at.append(path)


def read_use(name: str, entry: Entry, shape: Shape, scope: Scope, mistakes: Mistakes) -> Use | None:
    """Read one kind with its parameters; None, with the mistake noted, where there is no such kind."""
    try:
        kind = find(name, shape)
    except UnknownKind as error:
        mistakes.add(entry.place, _no_such_kind(name, shape, error))
        return None
    node = entry.node
    if isinstance(node, Scalar) and node.value is None:
        node = Mapping(node.place, {})
    if not isinstance(node, Mapping):
        fields = ", ".join(parameter_names(kind)) or "none"
        mistakes.add(node.place, f"the parameters of {name} must be a mapping; it has {fields}")
        return None
    params = _Params(Entry(entry.place, node), scope, mistakes, template=_holds_steps(node))
    refuse_nothing(node, mistakes)
    resolved = {key: _resolved(inner.node, (key,), params) for key, inner in node.entries.items()}
    _put_targets(kind, resolved, params)
    absolute(kind, resolved, scope.folder)
    _check_probe_names(kind, resolved, params)
    built = _check(kind, resolved, params)
    return Use(KindUse(kind=name, params=resolved), entry.place, built, late=params.late)


def read_only_use(node: Node, shape: Shape, scope: Scope, mistakes: Mistakes) -> Use | None:
    """Read a mapping of exactly one kind to its parameters, as items of `expect` and `guards` are."""
    if not isinstance(node, Mapping) or len(node.entries) != 1:
        mistakes.add(node.place, f"must be one {shape} with its parameters: `KIND: {{…}}`")
        return None
    [(name, entry)] = node.entries.items()
    return read_use(name, entry, shape, scope, mistakes)


def _no_such_kind(name: str, shape: Shape, error: UnknownKind) -> str:
    known = names(shape)
    if name in known:
        return str(error)
    others = [other for other in TABLES if other != shape and name in TABLES[other]]
    if others:
        return f"{name!r} is a kind of {others[0]}; a kind of {shape} is needed here"
    return f"no kind of {shape} is called {name!r}{did_you_mean(name, known)}"


def _holds_steps(node: Node) -> bool:
    if isinstance(node, Scalar):
        return isinstance(node.value, str) and mentions_steps(node.value)
    inner = node.items if isinstance(node, Listing) else [entry.node for entry in node.entries.values()]
    return any(_holds_steps(child) for child in inner)


def _resolved(node: Node, path: PathTo, params: _Params) -> JsonValue:
    if isinstance(node, Listing):
        return [_resolved(child, (*path, index), params) for index, child in enumerate(node.items)]
    if isinstance(node, Mapping):
        return {key: _resolved(entry.node, (*path, key), params) for key, entry in node.entries.items()}
    if not isinstance(node.value, str) or not holds_reference(node.value):
        return node.value
    filled = fill(node.value, params.scope.look_up, template=params.template)
    for message in filled.mistakes:
        params.wrong(path, message)
    if filled.late:
        params.late = params.late or mentions_steps(node.value)
        params.open_at.append(path)
    return filled.value


def _put_targets(kind: type[Kind], resolved: dict[str, JsonValue], params: _Params) -> None:
    for name, sort in target_parameters(kind).items():
        if resolved.get(name) is None:
            continue
        given = resolved[name]
        if isinstance(given, list):
            resolved[name] = [_target(sort, value, (name, index), params) for index, value in enumerate(given)]
        else:
            resolved[name] = _target(sort, given, (name,), params)


def _target(sort: type[Target], given: JsonValue, path: PathTo, params: _Params) -> JsonValue:
    if path in params.open_at:
        if mentions_steps(str(given)):
            params.wrong(path, "a target is named outright; what a step gives can't be one")
        return given
    if not isinstance(given, str) or not is_name(given):
        params.wrong(path, f"must be the name of one of the environment's {sort.section.replace('_', ' ')}")
        return given
    try:
        target = params.scope.target(sort, given)
    except Unresolvable as error:
        params.wrong(path, str(error))
        return given
    if target is None:
        params.open_at.append(path)
        return given
    data: JsonValue = target.model_dump(mode="json")
    return escape(data) if params.template else data


def _check_probe_names(kind: type[Kind], resolved: dict[str, JsonValue], params: _Params) -> None:
    for name in probe_parameters(kind):
        given = resolved.get(name)
        named: list[tuple[PathTo, JsonValue]] = [((name,), given)]
        if isinstance(given, list):
            named = [((name, index), value) for index, value in enumerate(given)]
        for path, value in named:
            if isinstance(value, str) and path not in params.open_at:
                check_probe(value, place_of(params.entry, path), params.scope, params.mistakes)


def check_probe(name: str, place: Place, scope: Scope, mistakes: Mistakes) -> None:
    """Note a name that is no probe's; without an environment it may be one of its probes, so that it is a doubt."""
    known = scope.probes
    if known is None or name in known:
        return
    shown = repr(name) if is_name(name) else "that"
    close = did_you_mean(name, sorted(known))
    if scope.environment is not None:
        mistakes.add(place, f"no probe is called {shown}{close}")
    else:
        mistakes.warn(
            place, f"no probe of this drill is called {shown}, nor is an environment known that has one{close}"
        )


def _check(kind: type[Kind], resolved: dict[str, JsonValue], params: _Params) -> Kind | None:
    """Validate strictly (text is no number, `yes` is no truth), saying nothing about what is still open."""
    try:
        built = kind.model_validate_json(json.dumps(resolved), strict=True)
    except ValidationError as error:
        for fault in _worth_saying(faults(error, kind, resolved), params):
            params.mistakes.add(place_of(params.entry, fault.path, at_key=fault.at_key), fault.message)
        return None
    return None if params.open_at else built


def _worth_saying(found: list[Fault], params: _Params) -> list[Fault]:
    opened = params.open_at
    return [
        fault
        for fault in found
        if not any(fault.path[: len(path)] == path for path in opened)
        and (fault.path or fault.at_key or not opened)  # a check of the whole makes no sense while a part is open
    ]


def check_model(model: type[BaseModel], data: JsonValue, entry: Entry, mistakes: Mistakes) -> BaseModel | None:
    """Validate data against a model, with mistakes at their places in the entry; None when there are some."""
    try:
        return model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        for fault in faults(error, model, data):
            mistakes.add(place_of(entry, fault.path, at_key=fault.at_key), fault.message)
        return None
