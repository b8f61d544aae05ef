"""Who answered a request over HTTP, as the answer tells it."""

import json
from typing import Final

from faildrill.toolkit.answering_name import told

LONGEST_WHO: Final = 100
"""Characters of a name, at the most."""


def told_by(body: bytes, field: str) -> str:
    """Return the field of a JSON answer, empty where it holds no such text."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    who = found.get(field) if isinstance(found, dict) else None
    return told(who, LONGEST_WHO) if isinstance(who, str) else ""
