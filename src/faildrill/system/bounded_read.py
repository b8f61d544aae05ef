"""The one way to ask for a file that a person names: a regular file, so many bytes at the most, and only for so long.

A device has no end, a named pipe waits for a writer, and a file system that is gone blocks whoever asks it. So the
file is opened without waiting, must be a regular one, and is read in a thread that is left behind when time is over.
"""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

T = TypeVar("T")
LARGEST: Final = 1 << 20
"""Bytes, where the caller doesn't say."""
WITHIN: Final = 2.0
"""Seconds, where the caller doesn't say."""
_reading: Final[dict[str, threading.Thread]] = {}
"""The threads that were left behind, by path: a file that hangs holds one of them, however often it is looked at."""


def read(path: Path | str, most: int = LARGEST, within: float = WITHIN) -> bytes:
    """Return what a regular file holds.

    OSError as it comes, FileNotFoundError among it, and with the words for a person as its `strerror` where it is no
    regular file, larger than `most` bytes, or not read `within` so many seconds.
    """
    name = os.fspath(path)
    return in_time(name, lambda: _content(name, most), within)


def check(path: Path | str, most: int = LARGEST, within: float = WITHIN) -> None:
    """Raise what `read` would, for a file that a library is to read by itself."""
    read(path, most, within)


def real(path: Path | str, within: float = WITHIN) -> str:
    """Return a path without links in it; as it is where nobody can tell `within` so many seconds."""
    name = os.fspath(path)
    try:
        return in_time(name, lambda: os.path.realpath(name), within)
    except OSError:
        return name


def regular(path: Path | str) -> BinaryIO:
    """Open a regular file, however large, to be read; OSError as it comes, and where it is none.

    For what is ours and has no size that is known beforehand: a folder of a run may come from somebody else's archive.
    """
    return os.fdopen(_opened(os.fspath(path)), "rb")


def in_time(path: Path | str, work: Callable[[], T], within: float = WITHIN, done: str = "read") -> T:
    """Do with a file what may hang, in a thread that is left behind when float seconds are over.

    Raises OSError as `work` does, also for its ValueError; TimeoutError when time is over, and for everything that is
    asked of this path as long as the thread hangs: nobody is told what is there while ours may still change it.
    """
    name = os.fspath(path)
    # A file system that hangs holds one thread for each path, not one for each look: threads in the kernel can't be
    # ended.
    left = _reading.get(name)
    if left is not None and left.is_alive():
        raise _too_slow(name, within, done)
    results: list[T | OSError] = []
    # Daemon: a process must be able to end while a read in the kernel (state D) can't be interrupted.
    thread = threading.Thread(target=lambda: results.append(_tried(name, work)), daemon=True)
    thread.start()
    thread.join(within)
    if not results:
        _reading[name] = thread
        raise _too_slow(name, within, done)
    _reading.pop(name, None)
    if isinstance(result := results[0], OSError):
        raise result
    return result


def _tried(name: str, work: Callable[[], T]) -> T | OSError:
    try:
        return work()
    except OSError as error:
        return error
    except ValueError as error:  # a NUL in it
        return OSError(errno.EINVAL, str(error), name)


def _opened(name: str) -> int:
    # O_NONBLOCK: fifo(7), an open for reading waits for a writer otherwise. O_NOCTTY: a terminal must not become
    # ours.
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", name)
    return descriptor


def _content(name: str, most: int) -> bytes:
    descriptor = _opened(name)
    try:
        content = b""
        # One byte more than allowed tells that it is too large; a file that grows is never read to its end.
        while len(content) <= most and (part := os.read(descriptor, most + 1 - len(content))):
            content += part
    finally:
        os.close(descriptor)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it is larger than {_size(most)}", name)
    return content


def _size(most: int) -> str:
    return f"{most >> 20} MiB" if most >= 1 << 20 else f"{most >> 10} KiB"


def _too_slow(name: str, within: float, done: str) -> OSError:
    return TimeoutError(errno.ETIMEDOUT, f"it can't be {done} within {within:g} s: does its file system hang?", name)
