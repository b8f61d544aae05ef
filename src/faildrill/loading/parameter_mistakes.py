"""What pydantic finds wrong with parameters, in the words of somebody who never heard of it.

No message repeats a value: what stands at the wrong place may be a secret.
"""

from typing import Any, Final, NamedTuple

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from faildrill.kinds import did_you_mean
from faildrill.kinds.parameter_roles import field_at, parameter_names


class Fault(NamedTuple):
    """One thing wrong with parameters: where, what, and whether its key is to blame rather than its value."""

    path: tuple[str | int, ...]
    message: str
    at_key: bool = False


_TEXTS: Final = {
    "string_type": "must be text (quote it)",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false",
    "none_required": "must be empty",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "frozen_set_type": "must be a list",
    "dict_type": "must be a mapping (key: value)",
    "model_type": "must be a mapping (key: value)",
    "model_attributes_type": "must be a mapping (key: value)",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "string_pattern_mismatch": "must look like {pattern}",
    "finite_number": "must be a finite number",
}


def faults(error: ValidationError, model: type[BaseModel], params: JsonValue) -> list[Fault]:
    """Return what is wrong, one fault a place: alternatives of a union are joined by `or`."""
    by_place: dict[tuple[tuple[str | int, ...], bool], list[str]] = {}
    for problem in error.errors(include_url=False, include_input=False):
        fault = _fault(problem, model, params)
        texts = by_place.setdefault((fault.path, fault.at_key), [])
        if fault.message not in texts:
            texts.append(fault.message)
    return [Fault(path, _alternatives(texts), at_key) for (path, at_key), texts in by_place.items()]


def _alternatives(texts: list[str]) -> str:
    together = [text.removeprefix("must be ") for text in texts]
    if len(texts) > 1 and all(text.startswith("must be ") for text in texts):
        return "must be " + ", or ".join(together)
    return "; ".join(texts)


def _fault(one: ErrorDetails, model: type[BaseModel], params: JsonValue) -> Fault:
    path = _existing(params, one["loc"])
    name = str(one["loc"][-1]) if one["loc"] else ""
    if one["type"] == "missing":
        return Fault(path, f"`{name}` is missing", at_key=True)
    if one["type"] == "extra_forbidden":
        inside = field_at(model, path[:-1])
        known = sorted(parameter_names(inside)) if inside else []
        return Fault(path, f"unknown key {name!r}{did_you_mean(name, known)}", at_key=True)
    return Fault(path, _text(one))


def _text(one: ErrorDetails) -> str:
    context: dict[str, Any] = one.get("ctx", {})

    if one["type"] in ("value_error", "assertion_error"):
        return str(context["error"])
    if one["type"] == "too_short" and context.get("min_length") == 1:
        return "must not be empty"
    template = _TEXTS.get(one["type"])
    return template.format(**context) if template else one["msg"].replace("Input should be", "must be")


def _existing(params: JsonValue, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return the part of pydantic's path that exists in the file: it also names members of unions and the like."""
    existing: list[str | int] = []
    value = params
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        existing.append(step)
    return tuple(existing)
