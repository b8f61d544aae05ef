"""Processes of this Python: started so that nothing that lies in the folder one stands in is ever imported."""

import os
import sys
from typing import Final

_INHERITED: Final = ("PATH", "LANG", "PYTHONPATH")
"""What Python needs to find its modules and to write texts, and nothing else."""


def module(name: str, *words: str) -> list[str]:
    """Return the command line that runs a module of ours.

    `-P` keeps the working folder out of the search for modules: a `json.py` that lies there is data, not code.
    """
    return [sys.executable, "-P", "-m", name, *words]


def surroundings() -> dict[str, str]:
    """Return what a process that outlives the run is given of our environment: no mark of the run, and no secret."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}
