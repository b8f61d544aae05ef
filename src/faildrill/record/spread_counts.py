"""What a spread probe counted, look by look, beside the samples: `NAME.spread`, a checksummed JSON line each.

A look's sample says only whether it was good; the counts are kept here, so that a run can be weighed again.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

from faildrill.record.journal import read, seal

SUFFIX: Final = ".spread"


class Kept(msgspec.Struct, frozen=True):
    """One look: when, what came since the look before it, what was due, and how each server did."""

    at: int
    counts: dict[str, float]
    due: dict[str, float]
    """In proportion to each other."""
    skewed: bool = False
    errors: dict[str, float] = {}
    """By server, how many of these requests failed."""
    seconds: dict[str, float] = {}
    """By server, how long its answers took lately, on average."""
    unserved: float = 0.0
    """Requests that no server was alive for, as far as who tells the counts sees them."""


def path_of(folder: Path, name: str) -> Path:
    """Tell where a probe keeps its counts."""
    return folder / f"{name}{SUFFIX}"


class CountsKeeper:
    """Appends looks; a kill of the process loses none. What can't be written is left out: the probe looks on."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def keep(self, kept: Kept) -> None:
        """Append one; OSError when the disk does not take it."""
        line = seal(msgspec.json.encode(kept))
        written = os.write(self._descriptor, line)
        if written != len(line):
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def load(path: Path) -> list[Kept]:
    """Read what was kept, up to the first line that is none; empty where there is no file, or none that can be read."""
    kept: list[Kept] = []
    with contextlib.suppress(msgspec.MsgspecError, OSError):
        kept.extend(msgspec.json.decode(record, type=Kept) for record in read(path).records)
    return kept
