"""The samples of a run in a file of NumPy (`.npz`) that is a fifth or a sixth of their size: to keep them for long.

Nothing is rounded. For each probe, and each piece of a million looks of it, `PROBE/NUMBER/COLUMN` is one of

    due       each minus the one before; the first one as it is
    sent      minus due; NEVER where it was never sent
    answered  minus sent, or minus due where it was never sent
    outcome, who, detail   as they are; `who` and `detail` are numbers of the names in `about`

The times are int64, stored byte by byte: all lowest bytes first, then all second ones, and so on (an array of 8 by n).
That way the bytes that are nearly always the same lie together, and take next to nothing. `about` is JSON.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from faildrill.errors import JournalDamaged
from faildrill.record.samples.columns import Columns, Integers, Octets, empty, of
from faildrill.system import atomic_file

NEVER: Final = -1 << 62
"""In place of a time after `due`: no look is sent centuries before it is due."""
PIECE: Final = 1 << 20
"""Looks that are taken at once: 32 MiB of records."""
_PLAIN: Final = ("outcome", "who", "detail")
"""Columns that are small as they are."""


def write_compact(path: Path, probes: Mapping[str, Columns], about: Mapping[str, str], piece: int = PIECE) -> int:
    """Write the samples of all probes, whole or not at all, and return how many they were."""
    header = {"about": dict(about), "probes": {name: list(columns.names) for name, columns in probes.items()}}
    number = 0
    with (
        atomic_file.draft(path, atomic_file.SHARED) as draft,
        zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as file,
    ):
        _put(file, "about", np.frombuffer(json.dumps(header).encode(), np.uint8))
        for name, columns in probes.items():
            for first, part in columns.blocks(piece):
                for column, values in _split(part).items():
                    _put(file, f"{name}/{first // piece}/{column}", values)
                number += len(part)
    return number


def read_compact(path: Path) -> dict[str, Columns]:
    """Read what `write_compact` wrote, by probe; JournalDamaged when it is not that."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            header = json.loads(bytes(file["about"]))
            return {name: _probe(file, name, tuple(names)) for name, names in header["probes"].items()}
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise JournalDamaged(f"{path}: not samples that were exported: {error}") from error


def _put(file: zipfile.ZipFile, name: str, values: Any) -> None:  # noqa: ANN401 - an array of whatever type
    with file.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, values, allow_pickle=False)


def _split(part: Columns) -> dict[str, Any]:
    was_sent = part.sent != 0
    sent = np.where(was_sent, part.sent, part.due)
    return {
        "due": _planes(np.diff(part.due, prepend=0)),
        "sent": _planes(np.where(was_sent, part.sent - part.due, NEVER)),
        "answered": _planes(part.answered - sent),
        **{name: np.ascontiguousarray(getattr(part, name)) for name in _PLAIN},
    }


def _probe(file: Any, name: str, names: tuple[str, ...]) -> Columns:  # noqa: ANN401 - NumPy's open file
    pieces: list[dict[str, Any]] = []
    while f"{name}/{len(pieces)}/due" in file:
        here = f"{name}/{len(pieces)}"
        pieces.append({column: file[f"{here}/{column}"] for column in ("due", "sent", "answered", *_PLAIN)})
    if not pieces:
        return empty()
    due = np.concatenate([np.cumsum(_joined(piece["due"])) for piece in pieces])
    after, took = (np.concatenate([_joined(piece[column]) for piece in pieces]) for column in ("sent", "answered"))
    outcome, who, detail = (np.concatenate([piece[column] for piece in pieces]) for column in _PLAIN)
    was_sent = after != NEVER
    start = due + np.where(was_sent, after, 0)
    return of((due, np.where(was_sent, start, 0), start + took), (outcome, who, detail), names)


def _planes(values: Integers) -> Octets:
    # Transposed: a row for each of the eight bytes of an integer, the lowest first, whatever this machine's order is.
    return np.ascontiguousarray(values.astype("<i8").view(np.uint8).reshape(-1, 8).T)


def _joined(planes: Octets) -> Integers:
    return np.ascontiguousarray(planes.T).view("<i8").reshape(-1).astype(np.int64)
