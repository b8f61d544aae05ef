"""A regular file whose opening hangs, as on a file system that is gone: the kernel asks us, and we don't answer."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_CLASS_CONTENT, _CLOSED_ON_EXEC, _ADD, _OPEN_PERMISSION, _HERE = 0x4, 0x1, 0x1, 0x10000, -100
"""FAN_CLASS_CONTENT, FAN_CLOEXEC, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD."""


@contextlib.contextmanager
def hanging(path: Path) -> Iterator[Path]:
    """Have every opening of a file wait until the end; skips the test where this kernel or this user can't."""
    libc = ctypes.CDLL(None, use_errno=True)
    group = libc.fanotify_init(_CLASS_CONTENT | _CLOSED_ON_EXEC, os.O_RDONLY)
    if group < 0:
        pytest.skip(f"no file can be made to hang here: {os.strerror(ctypes.get_errno())}")
    try:
        marked = libc.fanotify_mark(group, _ADD, ctypes.c_uint64(_OPEN_PERMISSION), _HERE, os.fsencode(path))
        if marked < 0:
            pytest.skip(f"no file can be made to hang here: {os.strerror(ctypes.get_errno())}")
        yield path
    finally:
        os.close(group)
