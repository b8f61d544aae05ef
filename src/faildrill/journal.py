"""An append-only file of checksummed JSON lines: the mechanism below the timeline.

A line is `{"crc":"xxxxxxxx",…}`: the CRC-32 in hexadecimal of the object without its first member. A line
that is cut, or any byte of it changed, is not a record. Writing never leaves half a record in front of a
whole one: a write that falls short is taken back before the error is raised.
"""

import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from faildrill.errors import JournalDamaged, JournalError, JournalFull

_HEAD: Final = re.compile(rb'\{"crc":"([0-9a-f]{8})",')
_HEAD_LENGTH: Final = len(b'{"crc":"xxxxxxxx",')


def seal(record: bytes) -> bytes:
    """Return the line of a JSON object (as bytes, at least one member): with its checksum, ended."""
    if not record.startswith(b"{") or record == b"{}" or b"\n" in record:
        raise ValueError("a record is one JSON object with members, on one line")
    return b'{"crc":"%08x",%b\n' % (zlib.crc32(record), record[1:])


def unseal(line: bytes) -> bytes | None:
    """Return the record of a line without its end, or None when its checksum does not hold."""
    head = _HEAD.match(line)
    if head is None:
        return None
    record = b"{" + line[_HEAD_LENGTH:]
    return record if zlib.crc32(record) == int(head[1], 16) else None


@dataclass(frozen=True)
class Reading:
    """What a journal holds: its whole records in order, and what lies behind the last of them."""

    records: list[bytes]
    whole: int
    """How many bytes the whole records take."""
    tail: int
    """How many bytes lie behind them: a torn record, never read as one."""
    damaged: bool
    """True when a whole record lies behind a broken one: not torn, but altered."""


def read(path: Path) -> Reading:
    """Read a journal up to its last whole record; a missing file reads as an empty one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    records: list[bytes] = []
    position = 0
    while (end := content.find(b"\n", position)) >= 0:
        record = unseal(content[position:end])
        if record is None:
            break
        records.append(record)
        position = end + 1
    rest = content[position:].split(b"\n")[1:]
    damaged = any(unseal(line) is not None for line in rest)
    return Reading(records, position, len(content) - position, damaged)


class Journal:
    """Appends records to a file; every append is whole or did not happen."""

    def __init__(self, descriptor: int, path: Path, size: int) -> None:
        self._descriptor = descriptor
        self._path = path
        self._size = size

    @classmethod
    def create(cls, path: Path) -> Self:
        """Start a new journal; it and its folder entry are durable on return. FileExistsError if there."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        sync_folder(path.parent)
        return cls(descriptor, path, 0)

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Go on appending behind the last whole record; a torn tail is cut off first.

        Raises JournalDamaged when whole records lie behind a broken one: nothing is cut then.
        """
        found = read(path)
        if found.damaged:
            raise JournalDamaged(f"{path}: altered after byte {found.whole}; keep the file and look at it by hand")
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        if found.tail:
            os.ftruncate(descriptor, found.whole)
            os.fsync(descriptor)
        return cls(descriptor, path, found.whole)

    def append(self, record: bytes, *, durable: bool = False) -> None:
        """Write one record; with `durable`, return only when it survives a power loss.

        Raises JournalFull when it can't be written whole; what was there before is unchanged.
        """
        line = seal(record)
        try:
            self._write(line)
            if durable:
                os.fdatasync(self._descriptor)
        except OSError as error:
            self._take_back()
            raise JournalFull(f"{self._path}: could not write: {error.strerror}") from error
        self._size += len(line)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            raise JournalError(f"{self._path}: could not take a torn record back: {error.strerror}") from error

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
