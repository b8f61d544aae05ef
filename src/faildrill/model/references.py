"""`${…}`: a value from the environment or from an earlier step, put in place with its type; no logic.

A string that is nothing but one reference becomes the value itself; inside a longer string the value is written out.
`$${` writes a literal `${`. Parameters that hold `${steps.…}` stay a template until the step is due: everything else
in them is already in place, and what was put there is escaped, so that it is never read as a reference.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue

from faildrill.errors import ActionRefused
from faildrill.ports.target import KindUse

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^{}]*)\}?")
_PATH: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\Z")
STEPS: Final = "steps"
"""The first word of a reference to what an earlier step gave."""

MOST: Final = 100
"""References in one text."""

Outputs = Mapping[str, Mapping[str, JsonValue]]
"""By the id of a step, what its action gave."""


class Unresolvable(ValueError):
    """A reference that leads nowhere; says what there is."""


@dataclass(frozen=True)
class Later:
    """What a lookup returns for a value that is known only when the step is due."""


@dataclass
class Filled:
    """A text with its references replaced, as far as they can be."""

    value: JsonValue
    mistakes: list[str] = field(default_factory=list)
    late: bool = False


Lookup = Callable[[list[str]], "JsonValue | Later"]


def holds_reference(text: str) -> bool:
    """Tell whether a text holds a reference or an escape of one."""
    return "${" in text


def mentions_steps(text: str) -> bool:
    """Tell whether a text refers to what a step gives."""
    return any((reference.group(1) or "").startswith(f"{STEPS}.") for reference in _REFERENCE.finditer(text))


def fill(text: str, lookup: Lookup, *, template: bool = False) -> Filled:
    """Put the looked-up values into a text.

    With `template`, what stays for later is kept, escapes stay escapes, and what is put in is escaped.
    The lookup raises Unresolvable; all that it says is gathered.
    """
    filled = Filled(text)
    if text.count("${") > MOST:
        filled.mistakes.append(f"more than {MOST} references in one text")
        return filled
    whole = _REFERENCE.fullmatch(text)

    def value_of(match: re.Match[str]) -> JsonValue:
        if match.group(1) is None:
            return "$${" if template else "${"
        try:
            value = lookup(_parts(match))
        except Unresolvable as error:
            filled.mistakes.append(f"{_shown(match)}: {error}")
            return ""
        if isinstance(value, Later):
            filled.late = True
            return match.group()
        return escape(value) if template else value

    if whole:
        filled.value = value_of(whole)
        return filled
    filled.value = _REFERENCE.sub(lambda match: _written(match, value_of(match), filled), text)
    return filled


def escape(value: JsonValue) -> JsonValue:
    """Make every `${` in a value a literal one."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [escape(inner) for inner in value]
    if isinstance(value, dict):
        return {key: escape(inner) for key, inner in value.items()}
    return value


def walk(tree: JsonValue, parts: list[str], come_from: str) -> JsonValue:
    """Follow the parts into nested mappings; a key may itself hold dots. Raises Unresolvable with what there is."""
    if not parts:
        return tree
    if not isinstance(tree, dict):
        raise Unresolvable(f"{come_from} has nothing below it")
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key in tree:
            return walk(tree[key], parts[length:], f"{come_from}.{key}")
    there = ", ".join(sorted(tree)[:12]) or "nothing"
    raise Unresolvable(f"{come_from} has no {parts[0]!r}; there is {there}")


def complete(step_use: KindUse, outputs: Outputs) -> KindUse:
    """Put what earlier steps gave into the parameters of a late step (`Step.late`), or of its undo.

    Pure: needs neither the file nor the environment. Raises ActionRefused (nothing was done) when a reference
    leads nowhere. Only for uses of late steps: others are complete, and a `${` in them is meant literally.
    """
    filled = _complete(step_use.params, outputs)
    return step_use.model_copy(update={"params": filled})


def fill_in(who: str, outputs: Outputs) -> JsonValue:
    """Put what earlier steps gave into the `who` of a condition, with its type; right for every condition.

    Raises ActionRefused when a reference leads nowhere.
    """
    return _complete(who, outputs)


def _complete(value: JsonValue, outputs: Outputs) -> JsonValue:
    if isinstance(value, list):
        return [_complete(inner, outputs) for inner in value]
    if isinstance(value, dict):
        return {key: _complete(inner, outputs) for key, inner in value.items()}
    if not isinstance(value, str) or not holds_reference(value):
        return value
    known: JsonValue = {step: dict(given) for step, given in outputs.items()}
    filled = fill(value, lambda parts: walk(known, parts[1:], STEPS))
    if filled.mistakes:
        raise ActionRefused("; ".join(filled.mistakes))
    return filled.value


def _parts(match: re.Match[str]) -> list[str]:
    inner = match.group(1)
    if not match.group().endswith("}") or not _PATH.match(inner):
        raise Unresolvable("a reference looks like ${services.NAME} or ${steps.ID.KEY}; a literal ${ is written $${")
    return inner.split(".")


def _shown(match: re.Match[str]) -> str:
    return match.group() if _PATH.match(match.group(1)) else "${…}"


def _written(match: re.Match[str], value: JsonValue, filled: Filled) -> str:
    if isinstance(value, list | dict):
        filled.mistakes.append(f"{_shown(match)}: holds several values; inside a text only one can be written")
        return ""
    if value is None or value == "":
        filled.mistakes.append(f"{_shown(match)}: is empty; inside a text something must be written")
        return ""
    return value if isinstance(value, str) else json.dumps(value)
