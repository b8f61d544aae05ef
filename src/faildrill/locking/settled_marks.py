"""Marks that a person ends by their word: what was left can't be put back or seen any more, and somebody says why."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from faildrill.locking.dirty_marks import Mark, clear_everywhere
from faildrill.system import state_folder
from faildrill.system.atomic_file import sync

_FILE: Final = "settlements.jsonl"


@dataclass(frozen=True)
class Settlement:
    """Who ended which mark, when, and why."""

    run: str
    drill: str
    folder: str
    identity: str
    user: str
    at: str
    because: str
    seen: tuple[str, ...] = ()
    """What was found when the place was asked for the last time."""


def settle(mark: Mark, user: str, at: str, because: str, seen: tuple[str, ...]) -> Settlement:
    """Write down who ends a mark and why, on disk for good, then take it off. OSError when it can't be written."""
    settlement = Settlement(mark.run, mark.drill, mark.folder, mark.identity, user, at, because, seen)
    descriptor = os.open(_path(), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(asdict(settlement)).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync(_path().parent)
    clear_everywhere(mark.run)
    return settlement


def settlements() -> list[Settlement]:
    """List what was settled on this machine, in order; a line that can't be read is passed over."""
    try:
        lines = _path().read_bytes().splitlines()
    except OSError:
        return []
    return [settlement for line in lines if (settlement := _read(line)) is not None]


def _read(line: bytes) -> Settlement | None:
    try:
        fields = json.loads(line)
        return Settlement(**{**fields, "seen": tuple(fields["seen"])})
    except (ValueError, TypeError, KeyError):
        return None


def _path() -> Path:
    return state_folder.folder() / _FILE
