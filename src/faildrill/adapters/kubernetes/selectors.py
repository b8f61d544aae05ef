"""Label selectors: as kubectl takes them, in words, and as a budget or a workload carries them, as data.

The server filters by them; what it sends back is filtered once more, so that a list of too much hits nobody else.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator

from faildrill.adapters.kubernetes.objects import Expression, LabelSelector

_KEY: Final = r"(?:[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE: Final = r"(?:[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_IS: Final = re.compile(rf"\s*(?P<key>{_KEY})\s*(?P<how>==|=|!=)\s*(?P<value>{_VALUE})\s*")
_AMONG: Final = re.compile(rf"\s*(?P<key>{_KEY})\s+(?P<how>in|notin)\s*\((?P<values>[^()]+)\)\s*")
_THERE: Final = re.compile(rf"\s*(?P<how>!?)\s*(?P<key>{_KEY})\s*")
_COMMA: Final = re.compile(r",(?![^(]*\))")
_OPERATORS: Final = {
    "=": "In",
    "==": "In",
    "!=": "NotIn",
    "in": "In",
    "notin": "NotIn",
    "": "Exists",
    "!": "DoesNotExist",
}


class Selector(NamedTuple):
    """What labels must be like, every part of it."""

    parts: tuple[Expression, ...]

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Tell whether an object with such labels is meant."""
        return all(_holds(part, labels or {}) for part in self.parts)


def parsed(text: str) -> Selector:
    """Read a selector such as `app=payments,tier in (web, api),!canary`; ValueError says what is wrong with it."""
    if not text.strip():
        raise ValueError("an empty selector matches everything: name a label")
    return Selector(tuple(_part(one) for one in _COMMA.split(text)))


def _checked(text: str) -> str:
    parsed(text)
    return text


SelectorText = Annotated[str, AfterValidator(_checked)]
"""A field with a label selector."""


def means(selector: LabelSelector | None, labels: Mapping[str, str] | None) -> bool:
    """Tell whether a selector of an object matches: none at all matches nothing, an empty one everything."""
    if selector is None:
        return False
    exact = tuple(Expression(key, "In", [value]) for key, value in (selector.match_labels or {}).items())
    return Selector((*exact, *(selector.match_expressions or ()))).matches(labels)


def _part(text: str) -> Expression:
    found = _IS.fullmatch(text) or _AMONG.fullmatch(text) or _THERE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text.strip()!r} is no part of a selector: KEY=VALUE, KEY!=VALUE, KEY in (A, B), KEY, !KEY")
    how, groups = found["how"], found.groupdict()
    values = [one.strip() for one in (groups.get("values") or groups.get("value") or "").split(",")]
    if any(not re.fullmatch(_VALUE, value) for value in values):
        raise ValueError(f"{text.strip()!r}: a value of a label has letters, digits, `-`, `_` and `.`, 63 at the most")
    return Expression(found["key"], _OPERATORS[how], values if how not in ("", "!") else None)


def _holds(part: Expression, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(part.key), part.values or []
    match part.operator:
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False
