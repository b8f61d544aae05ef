"""A share of looks, or a number of them, as people write it: `0.1%` or `5`."""

from fractions import Fraction
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from faildrill.ports import percentages

_WHOLE = 100.0
"""Of a share in percent."""


def _share(value: object) -> object:
    """Read `0.1%` as that, and a whole number as a count."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("give a share, e.g. 0.1%, or a whole number of looks")
    if isinstance(value, int):
        if value < 0:
            raise ValueError("a number of looks is not negative")
        return value
    given = percentages.parse(value)
    if given is None or given > _WHOLE:
        raise ValueError("give a share between 0% and 100%, e.g. 0.1%, or a whole number of looks")
    return value.replace(" ", "")


Share = Annotated[
    str | int,
    BeforeValidator(_share),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": percentages.PATTERN}, {"type": "integer", "minimum": 0}]}),
]
"""A field that is a share (`0.1%`) or a whole number of looks."""


def _percent(value: object) -> object:
    read = _share(value)
    if not isinstance(read, str):
        raise ValueError("give a share, e.g. 99.9%")
    return read


Percent = Annotated[str, BeforeValidator(_percent), WithJsonSchema({"type": "string", "pattern": percentages.PATTERN})]
"""A field that is a share: `99.9%`."""


def percent(share: str) -> float:
    """Return a share as a fraction."""
    return float(share.removesuffix("%")) / _WHOLE


def fraction(share: str | int) -> float | None:
    """Return a share as a fraction, or None when it is a count."""
    return float(share.removesuffix("%")) / _WHOLE if isinstance(share, str) else None


def is_more(number: int, share: str | int, total: int) -> bool:
    """Tell whether so many of `total` looks are more than a share or a count allows; exact."""
    return number > exact(share) * (total if isinstance(share, str) else 1)


def exact(share: str | int) -> Fraction:
    """Return a share as an exact fraction, a count as itself."""
    # From the text: 0.1 as a float is no tenth, and a verdict at the limit must not hang on that.
    return Fraction(share.removesuffix("%").strip()) / 100 if isinstance(share, str) else Fraction(share)


def allowed(share: str | int, total: int) -> float:
    """Return how many of `total` looks a share or a count allows."""
    part = fraction(share)
    return float(share) if part is None else part * total
