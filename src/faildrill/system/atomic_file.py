"""Files that others read while they are written: there as they were before, or with all that is new."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
"""For our own eyes: the state of this machine, and what a run has seen."""
SHARED: Final = 0o666
"""For whoever the user's umask lets read what the user asked for."""


def write(path: Path, content: bytes, *, durable: bool = False) -> Path:
    """Leave a file whole or not at all, and return its path. OSError when it can't be written.

    `durable`: on return it survives a power loss.
    """
    with draft(path, durable=durable) as beside:
        beside.write_bytes(content)
    return path


@contextmanager
def draft(path: Path, mode: int = PRIVATE, *, durable: bool = False) -> Iterator[Path]:
    """Give an empty file to write to, which takes the place of `path` when the block ends well, and is gone when not.

    It lies in the same folder, so that it can take the place at once, and has the id of this process in its name, so
    that two that write the same file never write the same draft.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Made with its mode before anything is in it: nobody may read the content while it is still a draft.
        beside.touch(mode)
        yield beside
        if durable:
            # Content before name: rename(2) is atomic, but without this the new name may lead to an empty file after
            # a crash.
            sync(beside)
        beside.replace(path)
        if durable:
            sync(path.parent)  # the name, too: after a power loss the old file would be there again
    finally:
        beside.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file, or the entries of a folder, survive a power loss; OSError when they don't."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
