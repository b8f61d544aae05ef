"""The ledger on disk: every numbered write, noted before it is sent and again when its end is known.

Records of 16 bytes, appended, readable after a crash at any byte:

    offset  0  u64  at       monotonic ns of the note
            8  u40  number   of the write: 1, 2, 3, … in the order of sending
           13  u8   writer   which of the ledger's writers sent it
           14  u8   note     see Note
           15  u8   check    makes the exclusive or of all 16 bytes 0xA5

Integers are little-endian. A write that was noted as sent and never again is *unknown*: it may be there or not.
What is noted survives a kill of the process at once, and a power loss after `sync`.
"""

import enum
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

RECORD: Final = struct.Struct("<QQ")
"""Two little-endian words: the time, and the rest packed into one."""
SIZE: Final = RECORD.size
"""Bytes."""
CHECK: Final = 0xA5
"""What the exclusive or of a whole record comes to: not 0, so that a hole of zeros in a file is no note."""
MOST: Final = (1 << 40) - 1
"""The largest number that 40 bits hold: 34 years of a thousand writes a second."""
MOST_WRITERS: Final = 256
"""What 8 bits can tell apart."""
_NUMBER: Final = MOST
"""Takes the number out of a record's last word: its lowest 40 bits."""


class Note(enum.IntEnum):
    """What is noted of a write."""

    SENT = 1
    """About to be sent."""
    ACKNOWLEDGED = 2
    """The answer said that it is written."""
    REJECTED = 3
    """The answer said, provably, that it is not."""
    UNKNOWN = 4
    """Given up without an answer, or with one that leaves it open."""


def path_of(folder: Path, name: str) -> Path:
    """Return where the ledger of the probe of that name is."""
    return folder / f"{name}.ledger"


class Ledger:
    """Notes the writes of one ledger; one process is its writer: BlockingIOError where another one is."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Two probers of one ledger would give one number to two writes: the second one finds out before it sends
            # any.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise
        size = os.fstat(self._descriptor).st_size
        self._size = size - size % SIZE
        os.ftruncate(self._descriptor, self._size)
        self._last = self._highest()
        self._unsynced = False

    def send(self, at: int, writer: int) -> int:
        """Give a write its number and note that it is about to be sent; OSError, and no number, when it can't be."""
        number = self._last + 1
        self._append(at, number, writer, Note.SENT)
        # Only when the note is in the file: a number whose note failed is given to the next write.
        self._last = number
        return number

    def end(self, at: int, number: int, writer: int, note: Note) -> None:
        """Note how a write ended."""
        self._append(at, number, writer, note)

    def sync(self) -> None:
        """Put what was noted where it survives a power loss; blocks, so call it in a thread."""
        if self._unsynced:
            # Before the sync: a note that comes while it runs, in another thread, asks for one more.
            self._unsynced = False
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Sync and close."""
        self.sync()
        os.close(self._descriptor)

    def _append(self, at: int, number: int, writer: int, note: Note) -> None:
        if os.write(self._descriptor, pack(at, number, writer, note)) != SIZE:
            os.ftruncate(self._descriptor, self._size)
            raise OSError("a note could not be written whole")
        self._size += SIZE
        self._unsynced = True

    def _highest(self) -> int:
        """Return the highest number in the file, so that a second process goes on counting after the first."""
        highest = 0
        content = memoryview(bytearray(1 << 20))
        offset = 0
        while offset < self._size:
            got = os.preadv(self._descriptor, [content], offset)
            for _, tail in RECORD.iter_unpack(content[: got - got % SIZE]):
                highest = max(highest, tail & _NUMBER)
            offset += got - got % SIZE
        return highest


def pack(at: int, number: int, writer: int, note: Note) -> bytes:
    """Pack one record, its check included."""
    tail = number | writer << 40 | note << 48
    folded = at ^ tail
    folded ^= folded >> 32
    folded ^= folded >> 16
    folded ^= folded >> 8
    return RECORD.pack(at, tail | ((folded & 0xFF) ^ CHECK) << 56)
