"""Shares as people write them: a number and a percent sign, always both. Used on both sides of the ports."""

import re
from typing import Final

PATTERN: Final = r"^ *[0-9]+(\.[0-9]+)? *% *$"
"""What a share looks like, for a JSON Schema."""
_SHARE: Final = re.compile(r" *([0-9]+(?:\.[0-9]+)?) *% *")


def parse(text: str) -> float | None:
    """Read `0.1%` as 0.1 of a hundred; None for all else: a minus, an exponent, digits of other scripts."""
    share = _SHARE.fullmatch(text)
    return float(share[1]) if share else None
