"""What the files of a run were when it was sealed: their sizes and SHA-256, in `manifest.json` of its folder.

A run is sealed when it is judged. What is written to it later (by `faildrill recover`, or by judging it again with
another version) is sealed again, and the earlier seals are kept: as records are only ever appended to, the beginning of
a file still is what was sealed first.
"""

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from faildrill.clock import Clock
from faildrill.record import chain
from faildrill.system import atomic_file, bounded_read

FILE: Final = "manifest.json"
FORMAT: Final = 1
"""Version of the manifest."""
RESULT: Final = "result.json"
"""The only one of a run's files in it that is no record: it is derived, and may be written anew."""
SUFFIXES: Final = (".samples", ".names", ".ledger", ".rows", ".spread")
"""Of the records beside the timeline."""
_BLOCK: Final = 1 << 20
"""Bytes that are read at once."""
_LARGEST: Final = 1 << 26
"""Bytes of a manifest: its seals are kept, so that it grows each time a run is judged anew."""


class Kept(msgspec.Struct, frozen=True):
    """A file as it was when it was sealed."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a run by name, each time it was sealed, the first time first."""

    run: str
    seals: tuple[dict[str, Kept], ...]
    format: int = FORMAT

    def up_to(self, number: int) -> "Manifest":
        """Return it as it was when the run had been sealed so many times."""
        return msgspec.structs.replace(self, seals=self.seals[:number])


def encode(manifest: Manifest) -> bytes:
    """Write a manifest as JSON, indented, ended by a newline: the same bytes for the same manifest."""
    return msgspec.json.format(msgspec.json.encode(manifest, order="sorted"), indent=2) + b"\n"


def decode(content: bytes) -> Manifest:
    """Read a manifest; ValueError where it is none that this version reads."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except chain.UNREADABLE as error:
        raise ValueError(str(error)) from error
    if manifest.format > FORMAT or not manifest.seals:
        raise ValueError(f"a manifest of format {manifest.format}; this version reads {FORMAT}: update faildrill")
    return manifest


def digest(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def records(folder: Path) -> list[str]:
    """Name the files of a run that its verdict rests on, and its result, by name; links and folders are none."""
    with os.scandir(folder) as entries:
        return sorted(
            entry.name
            for entry in entries
            if entry.is_file(follow_symlinks=False)
            and (entry.name in ("timeline.jsonl", RESULT) or entry.name.endswith(SUFFIXES))
            and not entry.name.startswith(".")
        )


class Sealing(NamedTuple):
    """What sealing a run comes to."""

    manifest: Manifest
    is_new: bool
    """Its files are not as they were when it was sealed before, if it was."""


def seal(folder: Path, clock: Clock) -> None:
    """Write the manifest of a run, and its digest into the chain of its history, unless they are there already.

    Where there is no chain none is begun: a run that was copied to elsewhere is no part of a history there. OSError
    where it can't be done. Reads every record once, so it is called when all was put back and judged.
    """
    name, runs = chain.name_of(folder), chain.home(folder)
    made = sealing(folder)
    content = encode(made.manifest)
    if made.is_new:
        atomic_file.write(folder / FILE, content, durable=True)
    with suppress(FileNotFoundError):
        links = chain.decode(chain.content(runs)).of(name)
        seals = [link.what for link in links if isinstance(link.what, chain.Sealed)]
        # Asked even where the files are as before: the run may have died between the manifest and its line in the
        # chain.
        if not seals or seals[-1].manifest != digest(content):
            chain.append(runs, chain.Sealed(run=name, manifest=digest(content)), clock)


def sealing(folder: Path) -> Sealing:
    """Return the manifest of a run as its files are now; OSError where one can't be read, the manifest among them."""
    now = {record: kept(folder / record) for record in records(folder)}
    before = _sealed(folder / FILE)
    is_new = not before or before[-1] != now
    return Sealing(Manifest(run=chain.name_of(folder), seals=(*before, now) if is_new else before), is_new)


def _sealed(path: Path) -> tuple[dict[str, Kept], ...]:
    """Return the seals of a run so far; OSError where they can't be read: then they would be lost by a new one."""
    try:
        return decode(bounded_read.read(path, _LARGEST)).seals
    except FileNotFoundError:
        return ()
    except ValueError as error:
        why = f"it can't be read ({error}), and its earlier seals would be lost: move it away to seal the run anew"
        raise OSError(errno.EINVAL, why, str(path)) from error


def kept(path: Path, size: int | None = None) -> Kept:
    """Return the size and the digest of a file, or of its first `size` bytes; OSError."""
    sha256, left = hashlib.sha256(), path.stat().st_size if size is None else size
    total = 0
    with bounded_read.regular(path) as file:
        # A record that grows while it is read is taken as it was when its size was asked.
        while part := file.read(min(_BLOCK, left - total)):
            sha256.update(part)
            total += len(part)
    return Kept(total, sha256.hexdigest())
