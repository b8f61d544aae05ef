"""Standard output that can be gone: a pipe whose reader left, a full disk, a closed descriptor."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Final, TextIO

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
    _write_nowhere(sys.__stdout__.fileno() if sys.__stdout__ else 1)
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


def _write_nowhere(descriptor: int) -> None:
    # In its place, not closed: the next file that is opened would get its number, and be written to by mistake. What is
    # left in a buffer is written when the interpreter ends, which would exit with 120 for it.
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), descriptor)


class Unheeded:
    """Standard error that may be gone as well: a message that can't be written changes no exit code."""

    def __init__(self, bare: TextIO) -> None:
        self.bare = bare

    def write(self, text: str) -> int:
        """Write a text, or nothing more from now on."""
        with self._unheeded():
            self.bare.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is still in its buffer."""
        with self._unheeded():
            self.bare.flush()

    @contextlib.contextmanager
    def _unheeded(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            _write_nowhere(self.bare.fileno())

    def __getattr__(self, name: str) -> object:
        attribute: object = getattr(self.bare, name)
        return attribute
