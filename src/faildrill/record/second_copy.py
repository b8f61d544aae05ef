"""The second copy of a run's timeline, in the machine's state folder: what puts back must outlive the workspace.

A CI job cleans its workspace, and somebody deletes reports; what a run has left on is put back all the same.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from faildrill.errors import NoStateFolder
from faildrill.system import state_folder
from faildrill.system.atomic_file import sync

_RUNS: Final = "runs"
"""The folder within the state folder."""


def folder_of(run: str) -> Path | None:
    """Return where the second copy of a run is, or would be; None where there is nowhere to keep state."""
    try:
        # The id of a run comes from a file: it must not lead out of the folder.
        return state_folder.where() / _RUNS / run if run and "/" not in run and run not in (".", "..") else None
    except NoStateFolder:
        return None


def make(run: str) -> Path:
    """Make the folder for a second copy, durable on return; OSError or NoStateFolder where that can't be."""
    runs = state_folder.folder() / _RUNS
    runs.mkdir(mode=0o700, exist_ok=True)
    (runs / run).mkdir(mode=0o700)
    sync(runs)
    sync(runs.parent)
    return runs / run


def forget(run: str) -> None:
    """Remove the second copy of a run that has nothing left to put back."""
    copy = folder_of(run)
    for folder, folders, files in os.walk(copy, topdown=False) if copy is not None else ():
        for name in files:
            with contextlib.suppress(OSError):
                (Path(folder) / name).unlink()
        for name in (*folders, ""):  # the empty name: the folder itself, which comes after all that is in it
            with contextlib.suppress(OSError):
                (Path(folder) / name).rmdir()


def runs() -> list[Path]:
    """List the second copies that there are."""
    try:
        return sorted((state_folder.where() / _RUNS).glob("*/"))
    except (NoStateFolder, OSError):
        return []
