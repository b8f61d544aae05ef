"""An append-only file of checksummed JSON lines: the mechanism below the timeline.

A line is `{"crc":"xxxxxxxx",…}`: the CRC-32 in hexadecimal of the object without its first member. A line
that is cut, or any byte of it changed, is not a record. Writing never leaves half a record in front of a
whole one: a write that falls short is taken back before the error is raised, and where it can't be taken back,
before the next record is written.
"""

import contextlib
import errno
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from faildrill.errors import JournalDamaged, JournalError, JournalFull, reason
from faildrill.system.atomic_file import sync
from faildrill.system.bounded_read import regular

_HEAD: Final = re.compile(rb'\{"crc":"([0-9a-f]{8})",')
"""How every line begins."""
_NO_JOURNAL: Final = frozenset({errno.EINVAL, errno.ENXIO, errno.ELOOP})
"""How it is said that something else lies there: no regular file, a socket, links in a circle."""
_HEAD_LENGTH: Final = len(b'{"crc":"xxxxxxxx",')
"""Bytes of it; what follows is the record without its brace."""


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
class JournalRead:
    """What a journal holds: its whole records in order, and what lies behind the last of them."""

    records: list[bytes]
    whole: int
    """How many bytes the whole records take."""
    tail: int
    """How many bytes lie behind them: a torn record, never read as one."""
    damaged: bool
    """True when the tail is not what a torn write leaves: an ended line in it is no record, or is one."""
    beyond: list[bytes]
    """The whole records that lie behind the break of a damaged journal: never weighed, but worth putting back."""


def read(path: Path) -> JournalRead:
    """Read a journal up to its last whole record.

    A missing file reads as an empty one; a named pipe, a device or a folder in its place as a damaged one.
    """
    try:
        with regular(path) as file:
            content = file.read()
    except FileNotFoundError:
        content = b""
    except OSError as error:
        if error.errno not in _NO_JOURNAL:
            raise
        return JournalRead([], 0, 0, damaged=True, beyond=[])
    records: list[bytes] = []
    position = 0
    while (end := content.find(b"\n", position)) >= 0:
        record = unseal(content[position:end])
        if record is None:
            break
        records.append(record)
        position = end + 1
    tail = content[position:]
    # From the second line on: the first one is what broke.
    beyond = [record for line in tail.split(b"\n")[1:] if (record := unseal(line)) is not None]
    return JournalRead(records, position, len(tail), b"\n" in tail, beyond)


class Disk:
    """The four calls by which a journal changes a file; a test of full, broken and dying disks gives others."""

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        """Append and return how many bytes were taken; OSError."""
        return os.write(descriptor, content)

    def sync(self, descriptor: int) -> None:
        """Make what was written to a file survive a power loss; OSError."""
        os.fdatasync(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut a file; OSError."""
        os.ftruncate(descriptor, size)

    def sync_folder(self, folder: Path) -> None:
        """Make the entries of a folder survive a power loss; OSError."""
        sync(folder)


_DISK: Final = Disk()
"""The real one."""


class Journal:
    """Appends records to a file; every append is whole or did not happen."""

    def __init__(self, descriptor: int, path: Path, size: int, disk: Disk = _DISK) -> None:
        self._descriptor = descriptor
        self._path = path
        self._size = size
        # Where the last record begins, which `drop_last` cuts.
        self._before = size
        self._disk = disk
        self._torn = False
        # After a failed fsync(2) Linux marks the pages clean, so that a second one succeeds without the data being on
        # disk.
        self._unsynced = False

    @classmethod
    def create(cls, path: Path, disk: Disk = _DISK) -> Self:
        """Start a new journal; it and its folder entry are durable on return. FileExistsError if there."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # fsync(2): syncing a file does not sync its name; without this the journal could be gone after a power
            # loss.
            disk.sync_folder(path.parent)
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor, path, 0, disk)

    @classmethod
    def resume(cls, path: Path, disk: Disk = _DISK) -> Self:
        """Go on appending behind the last whole record; a torn tail is cut off first.

        Raises JournalDamaged when what lies behind it is not what a torn write leaves: nothing is cut then. Raises
        JournalError when the file can't be opened or cut.
        """
        content = read(path)
        if content.damaged:
            raise JournalDamaged(f"{path}: altered after byte {content.whole}; keep the file and look at it by hand")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except OSError as error:
            raise JournalError(f"{path}: can't be written: {reason(error)}") from error
        resumed = cls(descriptor, path, content.whole, disk)
        resumed._torn = bool(content.tail)
        try:
            resumed._take_back()
        except JournalFull:
            resumed.close()
            raise
        return resumed

    def append(self, record: bytes, *, durable: bool = False) -> None:
        """Write one record; with `durable`, return only when it survives a power loss.

        Raises JournalFull when it can't be written whole; what was there before is unchanged. Once the disk has
        failed to make a record durable it may have dropped earlier ones as well: no later one counts as durable.
        """
        line = seal(record)
        if durable and self._unsynced:
            raise JournalFull(
                f"{self._path}: the disk failed to keep an earlier record, so it is not trusted with more"
            )
        self._take_back()
        # Before the write: whatever interrupts it (a full disk, a signal's exception) leaves a tail that is
        # cut.
        self._torn = True
        try:
            self._write(line)
            if durable:
                self._sync()
        except OSError as error:
            self._take_back()
            raise JournalFull(f"{self._path}: could not write: {reason(error)}") from error
        self._torn = False
        self._before, self._size = self._size, self._size + len(line)

    def drop_last(self) -> None:
        """Cut the record that was appended last: what it announces is not done. At the next append where not now."""
        self._size, self._torn = self._before, True
        # It stays marked as torn, so the next append cuts it; whoever drops a record has no use for an error.
        with contextlib.suppress(JournalFull):
            self._take_back()

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[self._disk.write(self._descriptor, rest) :]

    def _sync(self) -> None:
        try:
            self._disk.sync(self._descriptor)
        except OSError:
            self._unsynced = True
            raise

    def _take_back(self) -> None:
        """Cut what a write left half done; JournalFull when that can't be, and the next append tries it again."""
        if not self._torn:
            return
        try:
            self._disk.truncate(self._descriptor, self._size)
        except OSError as error:
            raise JournalFull(f"{self._path}: could not take a torn record back: {reason(error)}") from error
        self._torn = False

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
