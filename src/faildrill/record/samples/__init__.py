"""Samples on disk: one record of 32 bytes a look, appended, readable after a crash at any byte.

    offset  0  u64  due       monotonic ns at which the look was due
            8  u64  sent      monotonic ns at which its request was sent; 0: never sent
           16  u64  answered  monotonic ns at which its answer arrived, was given up or went wrong
           24  u16  probe     names are interned in the file beside it
           26  u16  who       who answered; 0: nobody known
           28  u16  detail    what was seen, in words; 0: nothing to say
           30  u8   outcome   see Outcome
           31  u8   check     makes the exclusive or of all 32 bytes 0xA5

Integers are little-endian. A record whose check does not hold is not a sample. `NAME.samples` holds the records,
`NAME.names` the interned strings, one JSON string a line, the first one being number 1; a name is written before
the first sample that uses it.
"""

import enum
import errno
import json
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from faildrill.errors import reason
from faildrill.system import redaction
from faildrill.system.bounded_read import regular

RECORD: Final = struct.Struct("<QQQQ")
"""Four little-endian words: due, sent, answered, and the rest packed into one."""
SIZE: Final = RECORD.size
"""Bytes."""
_CHECK: Final = 0xA5
"""What the exclusive or of a whole record comes to: not 0, so that a hole of zeros in a file is no sample."""
_CHECKS: Final = tuple((folded ^ _CHECK) << 56 for folded in range(256))
"""The check that makes a record right, in its place, by what its words fold into."""
_NO_CHECK: Final = (1 << 56) - 1
"""Takes the check off a record's last word: it is its highest byte."""
_PACKED: Final = RECORD.pack
"""Looked up once: it is called for every look."""
_MOST_NAMES: Final = 0xFFFF
"""What 16 bits can tell apart; number 0 is nobody's."""
_OVERFLOW: Final = "(more names than are kept apart)"
"""What shares the last number."""

LOAD: Final = "load"
"""The name of the prober that sends the load, and so of its samples; a later one's has a number behind it."""
SEEN_LATE: Final = "(seen late)"
"""Ends the detail of a sample whose `answered` is late through the prober's own fault: most of the time between was
the prober's, held up by the machine. It proves life or darkness between `sent` and `answered`, but no slowness."""

ASKED_AGAIN: Final = "(asked again)"
"""Is in the detail of a good sample whose look met a kept connection that the server was ending, and asked anew."""


class Outcome(enum.IntEnum):
    """How a look ended."""

    OK = 1
    REFUSED = 2
    """The connection was refused: nobody listens."""
    RESET = 3
    """A connection was reset or closed before the answer was whole."""
    TIMED_OUT = 4
    """No answer until the deadline: `answered` is when it was given up."""
    WRONG = 5
    """An answer, but not a good one: a status, a body, a row that the probe does not accept."""
    UNREACHABLE = 6
    """No route, no such host, a name that does not resolve."""
    SKIPPED = 7
    """Never sent, as too many looks were in flight: proves nothing."""
    BROKEN = 8
    """The probe itself could not look (a secret, a certificate, a defect of ours): proves nothing."""
    OPEN = 9
    """Sent on a connection that the server was ending: whether it was taken up can't be told, so it proves nothing."""
    THROTTLED = 10
    """An answer about the prober, not about the service (429, its connection limit): proves nothing."""

    is_good: bool
    """A good answer came, however late."""
    is_look: bool
    """Something is proven: the outcomes that prove nothing are the last ones, from SKIPPED on."""
    is_open: bool
    """It was sent, and its end says nothing of the service: no bad look, and no good one."""

    def __init__(self, number: int) -> None:
        """Settle once what is asked of every look."""
        # OK, SKIPPED and BROKEN, which are being made.
        self.is_good, self.is_look, self.is_open = number == 1, number < 7, number > 8  # noqa: PLR2004 - see above

    def in_words(self, detail: str = "") -> str:
        """Say it for people, with what was seen: `timed out`, or `wrong: HTTP 503`."""
        name = self.name.lower().replace("_", " ")
        return f"{name}: {detail}" if detail else name


class Sample(NamedTuple):
    """One look, with its names spelled out; times are monotonic ns."""

    probe: str
    due: int
    sent: int
    answered: int
    outcome: Outcome
    who: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Files:
    """Where the samples of one prober are."""

    folder: Path
    name: str = "probes"

    @property
    def samples(self) -> Path:
        """The records."""
        return self.folder / f"{self.name}.samples"

    @property
    def names(self) -> Path:
        """The interned strings."""
        return self.folder / f"{self.name}.names"


class Names:
    """Interns strings: the same one gets the same number; new ones wait to be written before what uses them."""

    def __init__(self, path: Path) -> None:
        self._numbers: dict[str, int] = {name: at for at, name in enumerate(read_names(path), 1)}
        self.waiting = bytearray()

    def number(self, name: str) -> int:
        """Return the number of a name; 0 for the empty one. Past 65,534 names all new ones share one."""
        if not name:
            return 0
        known = self._numbers.get(name)
        if known is not None:
            return known
        if len(self._numbers) >= _MOST_NAMES - 1 and name != _OVERFLOW:
            return self.number(_OVERFLOW)
        self.waiting += json.dumps(name).encode() + b"\n"
        self._numbers[name] = number = len(self._numbers) + 1
        return number

    def number_of_words(self, words: str) -> int:
        """Return the number of what was seen, without any secret that this process has resolved."""
        return self._numbers.get(words) or self.number(redaction.clean(words))


class Batch(NamedTuple):
    """What is to be appended: names first, then the records that use them."""

    names: bytearray
    records: bytearray


class Disk:
    """The files of a recorder; one process is their writer. What is written survives a kill of that process."""

    def __init__(self, files: Files) -> None:
        self._names = _opened(files.names)
        self._records = _opened(files.samples)
        _cut(self._records, SIZE)

    def append(self, batch: Batch) -> None:
        """Append what is there, taking it out of the batch; OSError when the disk does not take all. May block."""
        while batch.names:
            written = os.write(self._names, batch.names)
            whole = batch.names.rfind(b"\n", 0, written) + 1
            self._took(self._names, batch.names, written, whole)
        while batch.records:
            written = os.write(self._records, batch.records)
            self._took(self._records, batch.records, written, written - written % SIZE)

    def _took(self, descriptor: int, content: bytearray, written: int, whole: int) -> None:
        del content[:whole]
        if whole != written:
            # write(2) on a full disk may take a part: it is cut off again, so that the file ends with a whole record.
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - (written - whole))
            raise OSError(errno.ENOSPC, "a sample could not be written whole")

    def close(self) -> None:
        """Close the files."""
        os.close(self._names)
        os.close(self._records)


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _cut(descriptor: int, size: int) -> None:
    """Cut off what is no whole record."""
    # A kill in the middle of a write leaves part of a record: whatever follows it would be read off its place.
    torn = os.fstat(descriptor).st_size % size
    if torn:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size - torn)


class Recorder:
    """Packs samples, and appends them to the files."""

    def __init__(self, files: Files) -> None:
        self._names = Names(files.names)
        self.disk = Disk(files)
        self._kept = bytearray()
        self._tails: dict[tuple[str, int, str, str], int] = {}

    def record(self, sample: Sample) -> None:
        """Append one sample; OSError when the disk does not take it, which keeps it for the next flush."""
        self.keep(sample)
        self.flush()

    def keep(self, sample: Sample) -> None:
        """Take a sample, to be appended by the next flush, or by whoever takes it."""
        probe, due, sent, answered, outcome, who, detail = sample
        tail = self._tails.get((probe, outcome, who, detail))
        if tail is None:
            tail = self._tail(sample)
        # `pack`, written out: what calling it costs is worth having where every look passes.
        folded = due ^ sent ^ answered ^ tail
        folded = (folded ^ folded >> 32) & 0xFFFFFFFF
        folded ^= folded >> 16
        self._kept += _PACKED(due, sent, answered, tail | _CHECKS[(folded ^ folded >> 8) & 0xFF])

    def _tail(self, sample: Sample) -> int:
        """Return the last word of a sample's record, without its check."""
        names = self._names
        tail = (
            names.number(sample.probe)
            | names.number_of_words(sample.who) << 16
            | names.number_of_words(sample.detail) << 32
            | sample.outcome << 48
        )
        # Bounded: a service that puts a request id into each answer would fill the memory of the prober otherwise.
        if len(self._tails) < _MOST_NAMES:
            self._tails[sample.probe, sample.outcome, sample.who, sample.detail] = tail
        return tail

    def flush(self) -> None:
        """Append what is kept, whole records only; OSError when the disk does not take all of it, the rest is kept."""
        self.disk.append(Batch(self._names.waiting, self._kept))

    def take(self) -> Batch:
        """Give what is kept to somebody else, who appends it; batches are to be appended in their order."""
        batch = Batch(self._names.waiting, self._kept)
        self._names.waiting, self._kept = bytearray(), bytearray()
        return batch

    def close(self) -> None:
        """Append what is kept and close the files, whether it can be appended or not."""
        try:
            self.flush()
        finally:
            self.disk.close()


def pack(due: int, sent: int, answered: int, tail: int) -> bytes:
    """Pack the four words of a record; `tail` is the last word without its check, which is added."""
    folded = due ^ sent ^ answered ^ tail
    # Halves, quarters, eighths: the exclusive or of all bytes of the four words comes to be in the lowest one.
    folded ^= folded >> 32
    folded ^= folded >> 16
    folded ^= folded >> 8
    return RECORD.pack(due, sent, answered, tail | ((folded & 0xFF) ^ _CHECK) << 56)


def holds(due: int, sent: int, answered: int, tail: int) -> bool:
    """Tell whether the check of a record's four words holds."""
    folded = due ^ sent ^ answered ^ tail
    folded ^= folded >> 32
    folded ^= folded >> 16
    folded ^= folded >> 8
    return folded & 0xFF == _CHECK


def read_names(path: Path) -> list[str]:
    """Read the interned strings, in order; a torn last line is not one. ValueError where these are none."""
    try:
        with regular(path) as file:
            content = file.read()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ValueError(reason(error)) from error
    whole = content[: content.rfind(b"\n") + 1]
    names = [json.loads(line) for line in whole.splitlines()]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"{json.dumps(names)[:80]} are not all names")
    return names


_Told: TypeAlias = tuple[str, Outcome, str, str]
"""What a record's last word says: of which probe, how it ended, who answered, and the detail."""


class Follower:
    """Reads samples as they are appended: each call gives those that came since the last."""

    def __init__(self, files: Files) -> None:
        self._samples = files.samples
        self._files = files
        self._offset = 0
        self._names: list[str] = []
        self._tails: dict[int, _Told] = {}
        self.damaged = 0
        """Records so far whose check did not hold."""

    def new(self, most: int = 1_000_000) -> Iterator[Sample]:
        """Give the whole samples appended since the last call, `most` at the most."""
        content = self._content(most * SIZE)
        # The writer may be in the middle of a record: what there is of it is read with the next call.
        whole = len(content) - len(content) % SIZE
        self._offset += whole
        for due, sent, answered, tail in RECORD.iter_unpack(content[:whole]):
            if not holds(due, sent, answered, tail):
                self.damaged += 1
                continue
            probe, outcome, who, detail = self._tails.get(tail & _NO_CHECK) or self._told(tail & _NO_CHECK)
            yield Sample(probe, due, sent, answered, outcome, who, detail)

    def _content(self, most: int) -> bytes:
        """Read what was appended; no more room is taken than that needs, as this is asked a hundred times a second."""
        try:
            fresh = self._samples.stat().st_size - self._offset
            if fresh < SIZE:
                return b""
            descriptor = os.open(self._samples, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            return os.pread(descriptor, min(fresh, most), self._offset)
        finally:
            os.close(descriptor)

    def _told(self, tail: int) -> _Told:
        """Spell out the last word of a record."""
        probe, who, detail = (self._name(tail >> shift & 0xFFFF) for shift in (0, 16, 32))
        told = probe, Outcome(tail >> 48), who, detail
        if len(self._tails) < _MOST_NAMES:
            self._tails[tail] = told
        return told

    def _name(self, number: int) -> str:
        # Names are on disk before the samples that use them, so one that is not known yet can be read now.
        if number > len(self._names):
            self._names = read_names(self._files.names)
        return self._names[number - 1] if number else ""


def all_samples(files: Files) -> list[Sample]:
    """Read every whole sample of a prober, in the order in which they were recorded."""
    return list(Follower(files).new())
