"""Processes of this Python: started so that nothing that lies in the folder one stands in is ever imported."""

import sys


def module(name: str, *words: str) -> list[str]:
    """Return the command line that runs a module of ours.

    `-P` keeps the working folder out of the search for modules: a `json.py` that lies there is data, not code.
    """
    return [sys.executable, "-P", "-m", name, *words]
