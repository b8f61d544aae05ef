"""Where is kept what can be made again at a price: programs that were built here."""

import os
from pathlib import Path

from faildrill.errors import FaildrillError


def where() -> Path:
    """Return where the cache is or would be: faildrill under $XDG_CACHE_HOME, or under ~/.cache.

    FaildrillError where there is neither.
    """
    standard = os.environ.get("XDG_CACHE_HOME", "")  # relative ones are to be ignored, says its specification
    try:
        base = Path(standard) if standard.startswith("/") else Path.home() / ".cache"
    except RuntimeError as error:
        lacks = f"HOME is not set, and user {os.getuid()} has none"
        raise FaildrillError(f"nowhere to keep what is built: {lacks}; set XDG_CACHE_HOME to a folder") from error
    return (base / "faildrill").resolve()
