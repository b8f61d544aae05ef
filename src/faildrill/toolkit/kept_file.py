"""Give a file another text, whole or not at all, with its owner, mode and extended attributes, and in its own time."""

import os
import threading
from contextlib import suppress
from pathlib import Path

from faildrill.system import bounded_read, threads

_Times = tuple[int, int]
"""When it was read and when it was changed, in nanoseconds, as utime(2) takes them."""


async def write(path: Path, content: bytes, times: _Times | None = None) -> None:
    """Put a content in the file's place, with these times where any are given; no `include` finds the draft.

    Among what is kept are its access lists and what SELinux calls it. OSError, with the file as it was, where that
    can't be done. TimeoutError where its file system hangs: nothing comes of it later, but where the very last call
    is the one that hangs, and until that has ended nobody is told what the file holds (`bounded_read.in_time`).
    """
    given_up = threading.Event()
    try:
        await threads.aside(
            lambda: bounded_read.in_time(path, lambda: _put(path, content, times, given_up), done="written")
        )
    finally:
        given_up.set()  # also for a caller that was cancelled: his undo may have begun


def _put(path: Path, content: bytes, times: _Times | None, given_up: threading.Event) -> None:
    target = path.resolve()
    kept = target.stat()
    # In the same folder, as rename(2) can't cross file systems; with a leading dot, as `include *.conf` takes no such
    # name.
    draft = target.with_name(f".{target.name}.faildrill")
    try:
        draft.unlink(missing_ok=True)
        # Made anew: a link or a pipe that somebody has put under its name would be written through, or wait for ever.
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            _keep_meta(target, kept, draft)
            if times:
                os.utime(draft, ns=times)
            # On its disk before it has the file's name: a host that loses its power then has either text, whole.
            os.fsync(file.fileno())
        if not given_up.is_set():
            draft.replace(target)
            _settle(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _keep_meta(target: Path, kept: os.stat_result, draft: Path) -> None:
    made = draft.stat()
    if (made.st_uid, made.st_gid) != (kept.st_uid, kept.st_gid):
        # Before the mode: chown(2) takes the set-user-id bits away.
        os.chown(draft, kept.st_uid, kept.st_gid)
    # Only then its attributes: an access list changes the bits of the group.
    draft.chmod(kept.st_mode & 0o7777)
    _keep_attributes(target, draft)


def _settle(folder: Path) -> None:
    """Have the new name on its disk, where the file system can: it is there in any case."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _keep_attributes(path: Path, draft: Path) -> None:
    """Give a draft the extended attributes of a file, and no others: a default access list lets more read it."""
    has = {name: os.getxattr(draft, name) for name in os.listxattr(draft)}
    for name in has.keys() - set(os.listxattr(path)):
        os.removexattr(draft, name)
    for name in os.listxattr(path):
        value = os.getxattr(path, name)
        if has.get(name) != value:
            os.setxattr(draft, name, value)
