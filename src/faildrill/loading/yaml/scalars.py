"""What a plain YAML scalar means: the core schema of YAML 1.2, in which `no`, `on` and `yes` are text."""

import math
import re
from typing import Final

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# The forms of YAML 1.2.2, 10.3.2: 0o17 is octal and 017 is seventeen there; to YAML 1.1 the latter is fifteen.
_DECIMAL: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DIGITS: Final = 18
"""No number in a file has more; what has more is no number."""


def resolve(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted scalar; ValueError, with what to do, for a number that is none."""
    if text in _WORDS:
        return _WORDS[text]
    for pattern, base in ((_DECIMAL, 10), (_OCTAL, 8), (_HEXADECIMAL, 16)):
        if pattern.fullmatch(text):
            return _integer(text, base)
    if _FLOAT.fullmatch(text):
        return _finite(float(text))
    if _NO_NUMBER.fullmatch(text):
        return _finite(math.inf)
    return text


def _integer(text: str, base: int) -> int:
    if len(text) > _DIGITS:
        raise ValueError("a number this long is no number; quote it, if it is text")
    return int(text, base)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("not a number that can be used; quote it, if it is text")
    return number
