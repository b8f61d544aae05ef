"""The chain of a history: which runs a folder of runs has held, one checksummed JSON line each time one begins or ends.

Each line holds the SHA-256 of the line before it, so that none can be taken out, put in or changed without breaking
those that follow. A run that was removed is still in the chain; what was written of it can't be changed unseen.

Nothing of a run waits for it: a line that can't be written is left out, and the run goes on. docs/evidence.md says what
can be told from a chain, and what can't.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from faildrill.clock import Clock
from faildrill.record import run_set
from faildrill.record.journal import read, seal, unseal
from faildrill.system import bounded_read
from faildrill.system.file_lock import lock

FILE: Final = "chain.jsonl"
FORMAT: Final = 1
"""Version of the chain's lines."""
_PATIENCE: Final = 2.0
"""Seconds for which another process that writes a line is waited for."""
_LONGEST_LINE: Final = 1 << 16
"""Bytes from the end of the file in which its last line must begin."""
_LARGEST: Final = 1 << 28
"""Bytes of a chain that are read: some hundred thousand runs."""
UNREADABLE: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""What msgspec raises of JSON that is none, is no text, or is nested without end."""


class Event(msgspec.Struct, frozen=True, tag_field="event", kw_only=True, omit_defaults=True):
    """What became of a run; it is named by its folder, seen from the folder of all runs."""

    run: str


class Begun(Event, frozen=True, tag="begun", kw_only=True):
    """A run was laid out; nothing was touched yet."""

    drill: str
    environment: str
    start: str
    """SHA-256 of the first line of its timeline: who, where and what, as it was before the first step."""


class Sealed(Event, frozen=True, tag="sealed", kw_only=True):
    """A run was judged, and its files were as its manifest says."""

    manifest: str
    """SHA-256 of that manifest."""


class Removed(Event, frozen=True, tag="removed", kw_only=True):
    """Somebody had faildrill remove the folder of a run."""

    by: str


AnyEvent = Begun | Sealed | Removed


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a chain."""

    wall: str
    """When it was written, UTC."""
    previous: str
    """SHA-256 of the line before it, without its end; empty for the first."""
    what: AnyEvent


class ChainRead(NamedTuple):
    """What a chain holds, and at which of its lines (from 1) it breaks; it is read up to there."""

    links: list[Link]
    broken: int | None = None
    because: str = ""

    def of(self, run: str) -> list[Link]:
        """Return the lines about a run."""
        return [link for link in self.links if link.what.run == run]


def home(folder: Path) -> Path:
    """Return the folder of all runs that a run's folder lies in: a set of runs is one of its folders."""
    # Resolved first: a run that is reached through a link belongs to the history that its folder lies in.
    parent = folder.resolve().parent
    return parent.parent if (parent / run_set.FILE).is_file() else parent


def name_of(folder: Path) -> str:
    """Return what a chain calls the run in a folder."""
    return folder.resolve().relative_to(home(folder)).as_posix()


def append(runs: Path, event: AnyEvent, clock: Clock) -> None:
    """Append a line to the chain in a folder of runs; it survives a power loss on return.

    OSError where it can't be written within a few seconds; the chain is then as it was.
    """
    with _opened(runs / FILE) as descriptor:
        size = _without_torn_tail(descriptor)
        link = Link(wall=clock.wall(), previous=_digest_of_last(descriptor, size), what=event)
        line = seal(msgspec.json.encode(link))
        try:
            _write(descriptor, line)
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def content(runs: Path) -> bytes:
    """Return what the chain in a folder of runs holds; OSError, FileNotFoundError among it, where it can't be read."""
    return bounded_read.read(runs / FILE, _LARGEST)


def begun_last(runs: Path) -> list[str]:
    """Return the runs that began last as the end of a chain has them, in that order; none where it can't be read.

    Not checked: neither that the chain is whole nor that the runs are there.
    """
    try:
        descriptor = os.open(runs / FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        tail = _tail(descriptor, os.fstat(descriptor).st_size)
    except OSError:
        return []
    finally:
        os.close(descriptor)
    links = (_link(line) for line in tail.split(b"\n"))
    return [link.what.run for link in links if link is not None and isinstance(link.what, Begun)]


def decode(content: bytes) -> ChainRead:
    """Read a chain up to where it breaks."""
    links: list[Link] = []
    previous = ""
    lines = content.split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        link = _link(line)
        if link is None:
            return ChainRead(links, number, "it is not what was written")
        if link.previous != previous:
            return ChainRead(links, number, "it does not follow the line before it: lines were taken out or put in")
        links.append(link)
        previous = hashlib.sha256(line).hexdigest()
    if lines[-1]:
        return ChainRead(links, len(lines), "it is cut off")
    return ChainRead(links)


_DECODER: Final = msgspec.json.Decoder(Link)
"""Made once: it costs more than a line."""


def _link(line: bytes) -> Link | None:
    """Read a line; None where it is not what was written."""
    record = unseal(line)
    try:
        return _DECODER.decode(record) if record is not None else None
    except UNREADABLE:
        return None


def start_digest(timeline: Path) -> str:
    """Return the SHA-256 of the first line of a timeline; empty where there is none."""
    first = read(timeline).records[:1]
    return hashlib.sha256(seal(first[0])).hexdigest() if first else ""


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a chain, whose only writer this is then; OSError where another one does not come to its end."""
    descriptor = _there_or_new(path)
    try:
        lock(descriptor, _PATIENCE)
        yield descriptor
    finally:
        os.close(descriptor)


def _there_or_new(path: Path) -> int:
    """Open a chain; a new one may be read and written by whoever may do so in the folder of runs, whatever the umask.

    One that is there is opened as what is there: of another user's file in a folder like /tmp, the kernel refuses more.
    """
    # O_NOFOLLOW and O_NONBLOCK: somebody who may write here must not lead us to another file, nor to a pipe that
    # hangs.
    flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, 0o600)
    mine = os.fstat(descriptor)
    if mine.st_uid == os.geteuid() and not mine.st_size:
        os.fchmod(descriptor, 0o600 | path.parent.stat().st_mode & 0o666)
    return descriptor


def _write(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, "the disk took only a part of it")
    # fdatasync(2) writes the new size as well, without which the line could not be read; times may be lost.
    os.fdatasync(descriptor)


def _without_torn_tail(descriptor: int) -> int:
    """Cut off a line that a writer died in, and return how many bytes are left."""
    size = os.fstat(descriptor).st_size
    tail = _tail(descriptor, size)
    # A line longer than any of ours: cutting there would take somebody else's file apart.
    if len(tail) < size and b"\n" not in tail:
        raise OSError(errno.EINVAL, "its last line is none that faildrill wrote")
    whole = size - len(tail) + tail.rfind(b"\n") + 1
    if whole != size:
        os.ftruncate(descriptor, whole)
    return whole


def _digest_of_last(descriptor: int, size: int) -> str:
    """Return the digest of the last line, whether or not it is one of ours: what breaks a chain stays visible."""
    if not size:
        return ""
    last = _tail(descriptor, size)[:-1].rpartition(b"\n")[2]
    return hashlib.sha256(last).hexdigest()


def _tail(descriptor: int, size: int) -> bytes:
    least = max(size - _LONGEST_LINE, 0)
    return os.pread(descriptor, size - least, least)
