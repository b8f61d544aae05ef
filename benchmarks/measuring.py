"""What all measurements share: programs that are timed, medians, tables in Markdown, and what machine this is."""

import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

K = TypeVar("K")
T = TypeVar("T")
ROOT: Final = Path(__file__).parent.parent
PYTHON: Final = sys.executable
FAILDRILL: Final = str(Path(sys.executable).with_name("faildrill"))
LONGEST: Final = 120.0
"""Seconds after which a program that is measured is ended."""


class Section(NamedTuple):
    """One measurement, written down."""

    name: str
    title: str
    text: str


class Ran(NamedTuple):
    """What a program took, itself and all that it started and waited for."""

    wall: float
    cpu: float
    output: str


def ran(command: Sequence[str], env: Mapping[str, str] | None = None, within: float = LONGEST) -> Ran:
    """Run a program to its end and time it; CalledProcessError when it fails, so that no failure is ever timed."""
    before, start = _children(), time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=within, check=False
    )
    wall, cpu = time.perf_counter() - start, _children() - before
    if done.returncode:
        sys.stderr.write(f"{done.stdout}\n{done.stderr}\n")
    done.check_returncode()
    return Ran(wall, cpu, done.stdout)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def alternating(what: Mapping[K, Callable[[], T]], rounds: int) -> dict[K, list[T]]:
    """Call each in turn, `rounds` times round, so that what else the machine does hits all of them alike."""
    found: dict[K, list[T]] = {name: [] for name in what}
    for _ in range(rounds):
        for name, call in what.items():
            found[name].append(call())
    return found


def cpu_of(pid: int) -> float:
    """Return the seconds of a processor that a process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def median(values: Iterable[float]) -> float:
    """Return the median; of nothing, not a number."""
    known = list(values)
    return statistics.median(known) if known else float("nan")


def share(values: Sequence[float], part: float) -> float:
    """Return the value that this part of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def load() -> str:
    """Tell how busy the machine is: the load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def ms(seconds: float, digits: int = 0) -> str:
    """Write seconds as milliseconds; what is not known as a dash."""
    return "-" if math.isnan(seconds) else f"{seconds * 1e3:,.{digits}f}"


def machine() -> str:
    """Tell what this was measured on, and with which versions."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    parts = ", ".join(f"{name} {version(name)}" for name in ("faildrill", "uvloop", "asyncpg", "numpy", "pydantic"))
    return (
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {os.cpu_count()} processors ({model}), "
        f"Linux {platform.release()}, Python {platform.python_version()}, {parts}; load {load()} at the start."
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
