"""Where state that outlives a run is kept, once per machine: locks, marks of runs that are not put back."""

import os
from pathlib import Path


def folder() -> Path:
    """Return the state folder, made if it is missing: $FAILDRILL_STATE, or faildrill under $XDG_STATE_HOME."""
    named = os.environ.get("FAILDRILL_STATE")
    base = os.environ.get("XDG_STATE_HOME")
    home = Path(base) if base else Path.home() / ".local" / "state"
    found = Path(named) if named else home / "faildrill"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found.resolve()
