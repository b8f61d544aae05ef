"""Where state that outlives a run is kept, once per machine: locks, marks of runs that are not put back.

It is looked at before a run begins, as nothing may be found out about it only when something is to be put back.
"""

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from faildrill.errors import NoStateFolder, reason
from faildrill.system import file_lock

_ELSEWHERE: Final = "set FAILDRILL_STATE to a folder of yours that outlives runs"
"""What to do, wherever the folder is the trouble."""
_NOT_YOURS: Final = stat.S_IWGRP | stat.S_IWOTH
"""Rights of a folder with which somebody else could put a mark or a lock there, or take one away."""


def where() -> Path:
    """Return where the state folder is or would be: $FAILDRILL_STATE, or faildrill under $XDG_STATE_HOME.

    NoStateFolder where there is neither, nor a home.
    """
    named = os.environ.get("FAILDRILL_STATE")
    if named:
        return Path(named).resolve()
    standard = os.environ.get("XDG_STATE_HOME", "")  # relative ones are to be ignored, says its specification
    try:
        base = Path(standard) if standard.startswith("/") else Path.home() / ".local" / "state"
    except RuntimeError as error:
        lacks = f"HOME is not set, and user {os.getuid()} has none"
        raise NoStateFolder(f"nowhere to keep state: {lacks}; {_ELSEWHERE}") from error
    # Without links, and from the root: what is started in another folder must find the same one.
    return (base / "faildrill").resolve()


def folder() -> Path:
    """Return the state folder, made if it is missing, for its owner alone; NoStateFolder where that can't be."""
    path = where()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = "it is no folder" if isinstance(error, FileExistsError) else reason(error)
        raise NoStateFolder(f"state can't be kept in {path}: {why}; {_ELSEWHERE}") from error
    return path


def check() -> None:
    """See that state can be kept: the folder is ours alone, takes a file and a lock, and has the file on disk.

    NoStateFolder says what is wrong with it and what to do. Nothing is left there.
    """
    path = folder()
    held = path.stat()
    if held.st_uid != os.getuid():
        whose = f"it belongs to user {held.st_uid}, and you are {os.getuid()}"
        raise NoStateFolder(f"state can't be kept in {path}: {whose}; {_ELSEWHERE}")
    if held.st_mode & _NOT_YOURS:
        raise NoStateFolder(f"state can't be kept in {path}: others may write there; run: chmod go-w {path}")
    try:
        _try(path / f".check-{os.getpid()}")
    except NoStateFolder:
        raise
    except OSError as error:
        raise NoStateFolder(f"state can't be kept in {path}: {reason(error)}; {_ELSEWHERE}") from error


def lock(descriptor: int, how: int) -> None:
    """Lock a file of the state folder with flock; BlockingIOError where another holds it.

    NoStateFolder where the file system takes no lock: that is no answer to who holds it, and nothing is done without.
    """
    try:
        fcntl.flock(descriptor, how)
    except OSError as error:
        raise _or_lockless(error) from error


def lock_within(descriptor: int, within: float) -> None:
    """Lock a file alone as `lock` does, and wait for its holder for so many seconds at the most; raises the same."""
    try:
        file_lock.lock(descriptor, within)
    except OSError as error:
        raise _or_lockless(error) from error


def lock_record(descriptor: int) -> None:
    """Lock a whole file as `lock` does, so that the kernel names its holder to whoever asks; raises the same."""
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise _or_lockless(error) from error


def _or_lockless(error: OSError) -> Exception:
    """Return BlockingIOError for what says that another holds a lock (fcntl(2)), NoStateFolder for anything else."""
    if error.errno in (errno.EAGAIN, errno.EACCES):
        return BlockingIOError(error.errno, error.strerror)
    why = f"its file system takes no lock ({reason(error)})"
    return NoStateFolder(f"state can't be kept in {where()}: {why}; {_ELSEWHERE}, on a local disk")


def _try(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # over NFS both are one lock, of two owners
        lock_record(descriptor)
        # A quota or a full disk is told by some file systems only when a block is really written and synced.
        os.write(descriptor, b"x" * 4096)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)
