"""The values in a JSON answer, found by their paths: keys and places in lists, joined by dots (`checks.0.state`)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import JsonValue

from faildrill.toolkit.answering_name import told

LONGEST_WHO: Final = 100
"""Characters of the name of who answered, at the most."""


class NoValue(ValueError):
    """An answer has no such value, or isn't JSON that says one thing."""


def parsed(body: bytes | str) -> JsonValue:
    """Read an answer; NoValue when it is no JSON, or says two things: a key twice in one object."""
    try:
        answer: JsonValue = json.loads(body, object_pairs_hook=_once)
    except NoValue:
        raise
    except (ValueError, RecursionError):
        raise NoValue("no JSON") from None
    return answer


def value_at(answer: JsonValue, path: str) -> JsonValue:
    """Return the value at a path, the whole answer at the empty one; NoValue where there is none."""
    value = answer
    for key in filter(None, path.removeprefix("$").split(".")):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and key.isascii() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise NoValue(f"no {path}")
    return value


def differing(body: bytes | str, wanted: Mapping[str, JsonValue]) -> str | None:
    """Return the first path at which an answer doesn't hold the value that is wanted; None when it holds all.

    Raises NoValue where the answer doesn't tell. A truth is no number, and a text is neither.
    """
    answer = parsed(body)
    return next((path for path, value in wanted.items() if not _same(value_at(answer, path), value)), None)


def responder(body: bytes, field: str) -> str:
    """Return who answered, by a field of a JSON answer; empty where it holds no such text."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    who = answer.get(field) if isinstance(answer, dict) else None
    return told(who, LONGEST_WHO) if isinstance(who, str) else ""


def _same(one: JsonValue, other: JsonValue) -> bool:
    # In Python True equals 1; in JSON they are two things, also within lists and objects.
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    by_key = dict(pairs)
    if len(by_key) != len(pairs):
        raise NoValue("JSON with a key twice")
    return by_key
