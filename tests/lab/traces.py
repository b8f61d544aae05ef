"""What a lab may leave on this machine: looked for without the lab's own means."""

import re
import time
from pathlib import Path

from faildrill.lab.core.folders import place


def processes(folder: Path) -> list[str]:
    """Return the command lines of living processes that stand in the folder, name it, or were started with it."""
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and _touches(entry, str(folder))]
    return [f"{entry.name}: {_said(entry)}" for entry in entries]


def _said(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_text(errors="replace")[:200]
    except OSError:
        return "ended meanwhile"


def _touches(entry: Path, folder: str) -> bool:
    try:
        if (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] in "ZX":
            return False
        texts = [(entry / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ")]
        texts.append(str((entry / "cwd").readlink()))
    except OSError:
        return False
    command, environment, where = texts
    marked = [line for line in environment.split("\0") if line.startswith("FAILDRILL_LAB=")]
    named = re.compile(re.escape(folder) + r"(?![\w-])")  # the folder of `lab` begins as that of `lab-hosts` does
    return any(named.search(text) for text in (command, where, *marked))


def of(root: Path, name: str = "lab") -> list[str]:
    """Return everything that is left of a lab: processes, its folder, its lock, the folder of its sockets."""
    its = place(name, root)
    paths = [path for path in (its.folder, its.lock, its.short_run) if path.exists()]
    return processes(its.folder) + processes(its.short_run) + [str(path) for path in paths]


def gone(root: Path, name: str = "lab", within: float = 20.0) -> list[str]:
    """Wait until nothing is left of a lab; returns what still is."""
    deadline = time.monotonic() + within
    while (left := of(root, name)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def segments(root: Path) -> list[int]:
    """Return the ids of the shared memory segments of the database servers of labs that are up, or were killed."""
    told = [path.read_text(encoding="utf-8").splitlines()[6] for path in root.rglob("postmaster.pid")]
    return [int(line.split()[1]) for line in told]


def kept(numbers: list[int]) -> list[int]:
    """Return which of these segments the kernel still has."""
    there = {int(line.split()[1]) for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
    return [number for number in numbers if number in there]
