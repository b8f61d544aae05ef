"""Who answered a look, as the record of it names him: of bounded length, and never alike where two are not."""

import hashlib
from typing import Final

_DIGITS: Final = 8
"""Of a digest: 32 bits, so that of a thousand names that were cut two are taken for one in one of 8,000 runs."""


def digest(text: str) -> str:
    """Return a few digits that stand for all of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def told(name: str, longest: int) -> str:
    """Return a name; what is longer than `longest` characters is cut, with a digest of all of it behind.

    Without it, two that differ only in what was cut off would be one, and a change from one to the other unseen.
    """
    if len(name) <= longest:
        return name
    return f"{name[: longest - _DIGITS - 2]}… {digest(name)}"
