"""The parameters of a kind as its class declares them: names, and which of them name a target or a probe."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from faildrill.ports import ProbeMark, StepMark
from faildrill.ports.target import FolderMark, MaybePathMark, MaybeSecretMark, PathMark, Target, is_default_folder
from faildrill.secrets import Reference

_FOLDER: Final = "cwd"
"""The parameter of all kinds that run programs: where these begin."""
_FILE: Final = "file:"
"""How a reference to a secret in a file begins."""
_FOUND_ANYWHERE: Final = ("", "/", "~", "$")
"""How the path of such a file begins that is the same from any folder; of what a step gives nobody knows yet."""
_ENDS: Final = "/./"


def parameter_names(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a model by the name that a file uses for them."""
    return {_written(name, field): field for name, field in model.model_fields.items()}


def target_type(field: FieldInfo) -> type[Target] | None:
    """Return which sort of target a field takes by name, or None when it takes none."""
    for part in _parts(field.annotation):
        if isinstance(part, type) and issubclass(part, Target):
            return part
    return None


def names_probe(field: FieldInfo) -> bool:
    """Tell whether a field (or each item of it) is the name of a probe."""
    return any(isinstance(part, ProbeMark) for part in (*field.metadata, *_parts(field.annotation)))


@cache
def step_parameters(kind: type[BaseModel]) -> dict[str, frozenset[str]]:
    """Return the parameters of a kind that name a step, each with the words that may stand there instead."""
    fields = parameter_names(kind).items()
    marked = ((name, part) for name, field in fields for part in (*field.metadata, *_parts(field.annotation)))
    return {name: part.words for name, part in marked if isinstance(part, StepMark)}


@cache
def target_parameters(kind: type[BaseModel]) -> dict[str, type[Target]]:
    """Return the parameters of a kind that take a target by name, with its sort."""
    sorts = {name: target_type(field) for name, field in parameter_names(kind).items()}
    return {name: sort for name, sort in sorts.items() if sort}


@cache
def probe_parameters(kind: type[BaseModel]) -> tuple[str, ...]:
    """Return the parameters of a kind that name probes."""
    return tuple(name for name, field in parameter_names(kind).items() if names_probe(field))


@cache
def path_parameters(kind: type[BaseModel]) -> tuple[str, ...]:
    """Return the parameters of a model that hold a path."""
    return _marked(kind, PathMark)


@cache
def _marked(kind: type[BaseModel], mark: type) -> tuple[str, ...]:
    return tuple(
        name
        for name, field in parameter_names(kind).items()
        if any(isinstance(part, mark) for part in (*field.metadata, *_parts(field.annotation)))
    )


def absolute(kind: type[BaseModel], given: dict[str, JsonValue], folder: Path) -> None:
    """Have every path among the parameters of a model begin at the root, from the folder of the file that names it.

    Programs and sockets with a slash are such paths, too, and files that hold secrets; and programs begin in that
    folder where no other one is given. So whoever puts a run back runs what was written down, wherever they stand.
    """
    for name in path_parameters(kind):
        named = given.get(name)
        if named is not None:
            given[name] = [_from(folder, path) for path in named] if isinstance(named, list) else _from(folder, named)
    for name in _marked(kind, FolderMark):
        given.setdefault(name, f"{_from(folder, '.')}/")
    for name in _marked(kind, MaybePathMark):
        named = given.get(name)
        if isinstance(named, list) and named:
            given[name] = [_maybe_from(folder, named[0]), *named[1:]]
        elif named is not None:
            given[name] = _maybe_from(folder, named)
    given |= {name: _secrets_from(folder, given[name]) for name in _secret_parameters(kind) if name in given}


@cache
def _secret_parameters(kind: type[BaseModel]) -> tuple[str, ...]:
    """Return the parameters of a model that refer to secrets, each of them or its items."""
    parts = {name: [*_parts(field.annotation)] for name, field in parameter_names(kind).items()}
    return (*_marked(kind, MaybeSecretMark), *(name for name, some in parts.items() if Reference in some))


def _secrets_from(folder: Path, value: JsonValue) -> JsonValue:
    """Have references to files begin at the root; a part `.` says where the folder of the file that names them ends."""
    if isinstance(value, list):
        return [_secrets_from(folder, inner) for inner in value]
    if isinstance(value, dict):
        return {name: _secrets_from(folder, inner) for name, inner in value.items()}
    if not isinstance(value, str) or not value.startswith(_FILE) or value[len(_FILE) :][:1] in _FOUND_ANYWHERE:
        return value
    return f"{_FILE}{_from(folder, '.')}{_ENDS}{value[len(_FILE) :]}"


def portable(value: JsonValue) -> JsonValue:
    """Return parameters as they are in every checkout: what begins in the folder of the file is told from there."""
    if isinstance(value, list):
        return [portable(inner) for inner in value]
    if isinstance(value, str) and value.startswith(_FILE) and _ENDS in value:
        return _FILE + value.partition(_ENDS)[2]
    if not isinstance(value, dict):
        return value
    defaults = [name for name, inner in value.items() if name == _FOLDER and is_default_folder(inner)]
    folder = str(value[_FOLDER]) if defaults else ""
    return {name: _within(folder, portable(inner)) for name, inner in value.items() if name not in defaults}


def _within(folder: str, value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_within(folder, inner) for inner in value]
    return f"./{value[len(folder) :]}" if folder and isinstance(value, str) and value.startswith(folder) else value


def _maybe_from(folder: Path, named: JsonValue) -> JsonValue:
    """Return a program or a socket as it is found from anywhere; what a step gives is known only later."""
    is_path = isinstance(named, str) and "/" in named and not named.startswith("${")
    return _from(folder, named) if is_path else named


def _from(folder: Path, path: JsonValue) -> JsonValue:
    if not isinstance(path, str) or not path or "\0" in path:
        return path
    return os.path.normpath(folder.absolute() / Path(path).expanduser())  # links stay, as Ansible looks beside them


def field_at(model: type[BaseModel], path: tuple[str | int, ...]) -> type[BaseModel] | None:
    """Return the model that a value at a path is read with, or None when it isn't one."""
    current: list[Any] = [model]
    for step in path:
        current = [part for annotation in current for part in _step(annotation, step)]
    models = [annotation for annotation in current if _is_model(annotation)]
    return models[0] if models else None


def _step(model: object, step: str | int) -> Iterator[Any]:
    if get_origin(model) is dict:
        yield from _parts(get_args(model)[1])
    if not _is_model(model):
        return
    field = parameter_names(model).get(str(step))  # type: ignore[arg-type] # _is_model tells
    if field is not None:
        yield from _parts(field.annotation)


def _is_model(part: object) -> bool:
    return isinstance(part, type) and issubclass(part, BaseModel)


def _written(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias or field.alias
    return alias if isinstance(alias, str) else name


def _parts(annotation: object) -> Iterator[Any]:
    """Yield what an annotation is made of: members of unions, items of lists, and what is annotated on them."""
    yield annotation
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        yield from marks
        yield from _parts(inner)
        return
    for part in get_args(annotation):
        yield from _parts(part)
