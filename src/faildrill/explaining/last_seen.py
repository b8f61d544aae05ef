"""Where a kind of action was last seen to act and to be undone, from the project's own runs: `make seen` writes it."""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = Path(__file__).with_name("last_seen.json")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A run that PASSED, in which a kind took effect and was seen undone."""

    day: str
    """UTC."""
    drill: str
    environment: str
    version: str
    """Of faildrill."""
    run: str


@cache
def last_seen() -> dict[str, Seen]:
    """Return it by kind; a kind that no recorded run has shown is not in it."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Seen])
