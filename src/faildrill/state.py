"""Where state that outlives a run is kept, once per machine: locks, marks of runs that are not put back."""

import os
from pathlib import Path


def where() -> Path:
    """Return where the state folder is or would be: $FAILDRILL_STATE, or faildrill under $XDG_STATE_HOME."""
    named = os.environ.get("FAILDRILL_STATE")
    if named:
        return Path(named).resolve()
    standard = os.environ.get("XDG_STATE_HOME", "")  # relative ones are to be ignored, says its specification
    base = Path(standard) if standard.startswith("/") else Path.home() / ".local" / "state"
    return (base / "faildrill").resolve()


def folder() -> Path:
    """Return the state folder, made if it is missing, for its owner alone."""
    found = where()
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found
