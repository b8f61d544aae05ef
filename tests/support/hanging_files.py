"""A regular file whose opening hangs, as on a file system that is gone: the kernel asks us, and we don't answer."""

import contextlib
import ctypes
import os
import select
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

_CLASS_CONTENT, _CLOSED_ON_EXEC, _ADD, _OPEN_PERMISSION, _HERE = 0x4, 0x1, 0x1, 0x10000, -100
"""FAN_CLASS_CONTENT, FAN_CLOEXEC, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD."""
_ON_CHILD, _ALLOW = 0x8000000, 1
"""FAN_EVENT_ON_CHILD, FAN_ALLOW."""
_EVENT = struct.Struct("=IBBHQii")
"""struct fanotify_event_metadata."""


@contextlib.contextmanager
def hanging(path: Path) -> Iterator[Path]:
    """Have every opening of a file wait until the end; skips the test where this kernel or this user can't."""
    with _asked(path, _OPEN_PERMISSION):
        yield path


@contextlib.contextmanager
def hanging_as(folder: Path, name: str) -> Iterator[None]:
    """Have every opening of what has a name in a folder wait until the end, also of what is made anew; not of others.

    Skips the test as `hanging` does.
    """
    with _asked(folder, _OPEN_PERMISSION | _ON_CHILD) as group:
        over = threading.Event()
        answering = threading.Thread(target=_let_others, args=(group, name, over))
        answering.start()
        try:
            yield
        finally:
            over.set()
            answering.join()


def _let_others(group: int, name: str, over: threading.Event) -> None:
    while not over.is_set():
        # Never blocked in a read: the group would outlive its descriptor, and what hangs would hang on.
        if select.select([group], [], [], 0.02)[0]:
            opened = _EVENT.unpack(os.read(group, _EVENT.size))[5]
            if Path(f"/proc/self/fd/{opened}").readlink().name != name:
                os.write(group, struct.pack("=iI", opened, _ALLOW))
            os.close(opened)


@contextlib.contextmanager
def _asked(path: Path, mask: int) -> Iterator[int]:
    """Have the kernel ask us before something is opened."""
    libc = ctypes.CDLL(None, use_errno=True)
    group = libc.fanotify_init(_CLASS_CONTENT | _CLOSED_ON_EXEC, os.O_RDONLY)
    if group < 0:
        pytest.skip(f"no file can be made to hang here: {os.strerror(ctypes.get_errno())}")
    try:
        marked = libc.fanotify_mark(group, _ADD, ctypes.c_uint64(mask), _HERE, os.fsencode(path))
        if marked < 0:
            pytest.skip(f"no file can be made to hang here: {os.strerror(ctypes.get_errno())}")
        yield group
    finally:
        os.close(group)
