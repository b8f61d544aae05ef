"""Recorded runs and sets, found by what people call them: a path, an id, the name of a folder, `last`."""

import os
from pathlib import Path
from typing import Final

from faildrill.cli.latest_run import folders_in, is_recorded, is_set, latest
from faildrill.errors import WrongUsage
from faildrill.record import run_set, timeline

FOLDER: Final = Path("reports")
LAST: Final = "last"
_LISTED: Final = 5


def find(run: str, among: Path) -> Path:
    """Return the folder of a run or a set: named by its path, by `last`, or by its id or folder's name among them.

    A name is only ever compared with those that are there, never joined to a path. Raises WrongUsage with what can
    be named instead.
    """
    given = Path(run)
    if is_recorded(given):
        return given
    last = latest(among) if run == LAST else None
    matching = [last] if last else _named(run, among)
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise WrongUsage(f"{run!r} could be any of these: {_names(matching)}")
    runs = runs_in(among)
    known = f"the latest there: {_names(runs)}" if runs else "there are none"
    raise WrongUsage(f"no run {run!r}: no folder with a {timeline.FILE}, and none of the runs in {among}; {known}")


def _named(run: str, among: Path) -> list[Path]:
    """Return those of this name, or whose id begins so; of a hundred thousand only those are looked into, and sets."""
    folders = folders_in(among) if run else []
    if run in folders and is_recorded(among / run):
        return [among / run]  # no other one has the time, the drill and the id
    outer = [among / folder for folder in folders if _is_called(folder, run)]
    sets = (folder for folder in folders if os.access(f"{among}/{folder}/{run_set.FILE}", os.F_OK))
    inner = [among / folder / name for folder in sets for name in folders_in(among / folder) if _is_called(name, run)]
    return [folder for folder in (*outer, *inner) if is_recorded(folder)]


def _is_called(name: str, run: str) -> bool:
    return name == run or name.rpartition("-")[2].startswith(run)


def find_one(run: str, among: Path) -> Path:
    """Return the folder of one run, as `find` does; WrongUsage for a set, with the runs in it that can be named."""
    folder = find(run, among)
    if is_set(folder):
        raise WrongUsage(f"{folder} is a set of runs: name one of them, e.g. {_names(runs_in(folder))}")
    return folder


def runs_in(among: Path) -> list[Path]:
    """Return the folders of runs and sets in a folder, by name; none where it can't be read."""
    return [among / name for name in folders_in(among) if is_recorded(among / name)]


def _names(folders: list[Path]) -> str:
    return ", ".join(folder.name for folder in folders[-_LISTED:])
