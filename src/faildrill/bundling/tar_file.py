"""A tar of plain files that has one way to be written: the same files give the same bytes.

What is read must be what would have been written, byte for byte: headers, padding and end among them. So a link, a
device, a path that leads elsewhere, an owner, a second file of the same name, or anything behind the end is none of
ours, and is refused before anything is done with it. Nothing is ever extracted. As nothing is compressed, no file is
larger than it looks.
"""

import errno
import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from faildrill.errors import reason
from faildrill.system.bounded_read import regular

_BLOCK: Final = 512
"""Bytes: headers, and contents with zeros behind them, fill whole ones (POSIX, pax: ustar)."""
_END: Final = bytes(2 * _BLOCK)
"""Two blocks of zeros end an archive."""
_PIECE: Final = 1 << 20
_LONGEST_NAME: Final = 255
"""Bytes: ustar has room for 155 before a slash and for 100 behind it."""
MOST_FILES: Final = 1_000_000
"""What has more is no bundle of ours: their names alone would fill the memory."""


class NotOurs(Exception):
    """A file that is not what would have been written; says what about it, and where."""


@dataclass(frozen=True)
class Member:
    """A file to be written: its name in the tar, and where its content is."""

    name: str
    content: bytes | Path
    size: int = 0
    """Of a path, how many bytes of it: a file that is still written to is longer by now."""


def write(file: BinaryIO, members: Iterable[Member]) -> None:
    """Write a tar of these files, in this order; ValueError for a name that can't be in one, OSError."""
    for member in members:
        if isinstance(member.content, bytes):
            _write(file, member.name, len(member.content), [member.content])
        else:
            with member.content.open("rb") as source:
                _write(file, member.name, member.size, _pieces(source, member.size))
    file.write(_END)


def _write(file: BinaryIO, name: str, size: int, pieces: Iterable[bytes]) -> None:
    file.write(_header(name, size))
    file.writelines(pieces)
    file.write(bytes(-size % _BLOCK))


def _pieces(source: BinaryIO, size: int) -> Iterator[bytes]:
    """Give so many bytes of a file; OSError where it has fewer."""
    while size:
        piece = source.read(min(size, _PIECE))
        if not piece:
            raise OSError(errno.EIO, "it became shorter while it was read", source.name)
        size -= len(piece)
        yield piece


def _header(name: str, size: int) -> bytes:
    if not is_plain(name):
        raise ValueError(f"{name!r} is no name of a file in a bundle")
    about = tarfile.TarInfo(name)
    about.size, about.mode = size, 0o644
    return about.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")


def is_plain(name: str) -> bool:
    """Tell whether a name is that of a file in a bundle: relative, within it, and of characters that print."""
    parts = name.split("/")
    return len(name.encode()) <= _LONGEST_NAME and name.isprintable() and not {"", ".", ".."} & {*parts}


@dataclass(frozen=True)
class _Place:
    at: int
    size: int


class Archive:
    """The files in a tar that is open; use `opened`."""

    def __init__(self, file: BinaryIO, places: dict[str, _Place]) -> None:
        self._file = file
        self._places = places

    @property
    def names(self) -> list[str]:
        """The names of all files, in their order."""
        return list(self._places)

    def size(self, name: str) -> int:
        """Return how many bytes a file has; KeyError."""
        return self._places[name].size

    def read(self, name: str, most: int) -> bytes:
        """Return what a file holds; KeyError, and NotOurs where it is longer than `most` bytes."""
        place = self._places[name]
        if place.size > most:
            raise NotOurs(f"{name} is larger than {most >> 20} MiB")
        self._file.seek(place.at)
        return self._file.read(place.size)

    def digest(self, name: str, size: int | None = None) -> str:
        """Return the SHA-256 of a file, or of its first `size` bytes; KeyError."""
        place, sha256 = self._places[name], hashlib.sha256()
        self._file.seek(place.at)
        for piece in _pieces(self._file, place.size if size is None else min(size, place.size)):
            sha256.update(piece)
        return sha256.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Give the files in a tar; NotOurs where it is not what `write` writes, OSError where it can't be read."""
    try:
        file = regular(path)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise NotOurs(reason(error)) from error
    with file:
        yield Archive(file, _places(file))


def _places(file: BinaryIO) -> dict[str, _Place]:
    length, at = os.fstat(file.fileno()).st_size, 0
    places: dict[str, _Place] = {}
    while at + len(_END) < length and len(places) < MOST_FILES:
        file.seek(at)
        name, size = _parsed(file.read(_BLOCK), at)
        padding = -size % _BLOCK
        end = at + _BLOCK + size + padding
        if end > length or name in places:
            raise NotOurs(f"{name} is there twice" if name in places else f"{name} is cut off")
        file.seek(end - padding)
        if any(file.read(padding)):
            raise NotOurs(f"something was written behind {name}")
        places[name] = _Place(at + _BLOCK, size)
        at = end
    file.seek(at)
    if length - at != len(_END) or any(file.read(len(_END))):
        raise NotOurs(f"it does not end as a bundle does, at byte {at}")
    return places


def _parsed(header: bytes, at: int) -> tuple[str, int]:
    """Return the name and the size that a header tells, if it is the one that would be written for them."""
    try:
        about = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        written = _header(about.name, about.size)
    except (tarfile.HeaderError, ValueError) as error:
        raise NotOurs(f"no file of a bundle begins at byte {at}: {error}") from error
    if written != header:
        raise NotOurs(f"what is said of {about.name} at byte {at} is not what faildrill writes")
    return about.name, about.size
