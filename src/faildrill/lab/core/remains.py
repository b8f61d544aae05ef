"""What a lab has on this machine, processes, memory and folders, and how all of it is removed."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from faildrill.lab.core import process_tree, shared_memory
from faildrill.lab.core.folders import Place
from faildrill.system.processes import Process


def find(place: Place) -> list[Process]:
    """Return every living process that provably belongs to the lab, this one left out."""
    return [process for folder in (place.folder, place.run) for process in process_tree.belonging(str(folder))]


def remove(place: Place, *, keep_logs: bool = False) -> None:
    """End every process of the lab and remove its folders; only its holder may call it.

    The link to the folder of the sockets goes last of what is in the lab's folder, so that a removal that is
    itself killed can be done again.
    """
    process_tree.end(lambda: find(place), process_tree.TIME_TO_END)
    for folder in (place.folder, place.run, place.short_run):
        shared_memory.let_go(folder)
    kept = {place.logs} if keep_logs else set()
    link = place.folder / "run"
    for run in {place.short_run, place.run} - {link}:
        if run.is_dir() and run.lstat().st_uid == os.geteuid():
            shutil.rmtree(run, ignore_errors=True)
    if place.folder.is_dir():
        entries = [path for path in place.folder.iterdir() if path not in kept]
        for path in sorted(entries, key=lambda path: path == link):
            _remove(path)
    if not kept or not place.logs.is_dir():
        shutil.rmtree(place.folder, ignore_errors=True)


def forget(place: Place) -> None:
    """Remove the lock's file and the folders above it that are empty now; the very last thing to do."""
    place.lock.unlink(missing_ok=True)
    for folder in (place.folder.parent, place.folder.parent.parent):
        with suppress(OSError):
            folder.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
