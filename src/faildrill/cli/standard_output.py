"""Standard output that can be gone: a pipe whose reader left, a full disk, a closed descriptor."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Final

import click

from faildrill.errors import reason

BROKEN_PIPE: Final = 141
"""The exit code where nobody reads any more, as a shell shows a death by SIGPIPE."""
NOT_WRITTEN: Final = 74
"""The exit code where what was asked for could not be written: EX_IOERR of sysexits.h."""
_GONE: Final = frozenset(
    {errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.ENXIO, errno.ECONNRESET}
)


def is_gone(error: OSError) -> bool:
    """Tell whether an error says that standard output takes no more."""
    return error.errno in _GONE


def discard(error: OSError) -> int:
    """Write nothing more to standard output, say why on standard error, and return the exit code that says so."""
    with contextlib.suppress(OSError, ValueError):
        # In its place, not closed: the next file that is opened would get its number, and be written to by mistake.
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE
    with contextlib.suppress(OSError):
        click.echo(f"standard output can't be written: {reason(error)}", err=True)
    return NOT_WRITTEN


@contextlib.contextmanager
def unread() -> Iterator[None]:
    """Print within this: that standard output is gone says nothing about the drill, whose exit code stands."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if not is_gone(error):
            raise
        discard(error)
