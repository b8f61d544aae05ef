"""A log file as it grows: whole lines only, through rotation, and never more at once than can be read in time."""

import os
from pathlib import Path
from typing import Final

MOST: Final = 1 << 22
"""Bytes that are read in one go; what came beyond them is left out, and that is said."""
_LONGEST: Final = 1 << 16
"""Bytes of a line, at the most."""


class Tail:
    """Gives the lines that were added since the last call; a file that is replaced or cut is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._at = 0
        self._torn = b""
        self.left_out = 0
        """Bytes that were skipped so far, as they came too fast."""

    def begin(self) -> None:
        """Take what is there already as read. OSError when the file can't be opened."""
        self._open()
        self._at = os.fstat(self._descriptor).st_size

    def lines(self) -> list[str]:
        """Return the new whole lines, those of the old file first where it was rotated. OSError as it comes."""
        if self._descriptor < 0:
            self._open()
        lines = self._read()
        if self._is_replaced():
            self.close()
            try:
                self._open()
            except FileNotFoundError:  # moved away, and not made anew yet
                return lines
            lines += self._read()
        return lines

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._torn = b""

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._at = 0

    def _is_replaced(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        mine = os.fstat(self._descriptor)
        return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)

    def _read(self) -> list[str]:
        size = os.fstat(self._descriptor).st_size
        if size < self._at:  # cut in place, as by copytruncate
            self._at, self._torn = 0, b""
        if size - self._at > MOST:
            self.left_out += size - self._at - MOST
            self._at, self._torn = size - MOST, b""
            # After a jump the first line is the rest of one.
            content = os.pread(self._descriptor, MOST, self._at).partition(b"\n")[2]
            self._at = size
        else:
            content = os.pread(self._descriptor, size - self._at, self._at)
            self._at += len(content)
        *whole, torn = (self._torn + content).split(b"\n")
        self._torn = torn[-_LONGEST:]
        return [line.decode("utf-8", "replace") for line in whole]
