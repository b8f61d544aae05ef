"""What became of every write: the notes of a ledger against the rows that a node holds. Pure, over arrays."""

import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np

from faildrill.record.ledger import CHECK, MOST, SIZE, Note, path_of
from faildrill.system import atomic_file
from faildrill.system.bounded_read import regular

# Spelled as text, so that importing this module alone loads no NumPy where the command line has put that off.
Integers: TypeAlias = "np.typing.NDArray[np.int64]"
Notes: TypeAlias = "np.typing.NDArray[np.uint8]"
_Words: TypeAlias = "np.typing.NDArray[np.uint64]"
_EXAMPLES: Final = 20
"""Numbers of lost writes that are named."""
_UNREADABLE: Final = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises of a file that is not what it wrote: cut, altered, or of somebody else."""
_BLOCK: Final = 1 << 16
"""Records that are read at a time: what is made of them stays near the processor."""


@dataclass(frozen=True, eq=False)
class Writes:
    """The writes of a ledger; arrays by number, whose index 0 stands for nothing."""

    sent: Integers
    """Monotonic ns at which each was about to be sent; 0 where its note is missing."""
    ended: Integers
    """Monotonic ns at which its end was noted; 0 where it never was."""
    note: Notes
    """How it ended; SENT where nothing more is known."""
    damaged: int
    """Records whose check did not hold, or whose number can't be."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What one node holds: the numbers of the rows, in the order in which the database numbered them."""

    numbers: Integers
    read_at: int
    """Monotonic ns before the reading began."""
    writer: bool = True
    """The node takes writes; a standby may be behind."""
    noted: int = MOST
    """How many notes the ledger had before the reading began: the others prove nothing about these rows."""
    boot: str = ""
    """The boot that `read_at` belongs to."""

    def save(self, path: Path) -> None:
        """Write them to a file, whole or not at all, and small: consecutive numbers cost next to nothing."""
        scalars = (("read_at", self.read_at), ("writer", self.writer), ("noted", self.noted), ("boot", self.boot))
        content = {name: np.array(value) for name, value in scalars}
        with atomic_file.draft(path) as draft, draft.open("wb") as file:
            # Steps from row to row: nearly all are 1, so a million rows take about as much as one.
            np.savez_compressed(file, allow_pickle=False, steps=_narrow(np.diff(self.numbers, prepend=0)), **content)

    @classmethod
    def load(cls, path: Path) -> "Rows":
        """Read what `save` wrote."""
        with regular(path) as file, np.load(file, allow_pickle=False) as content:
            numbers = np.cumsum(content["steps"], dtype=np.int64)
            read_at, writer = int(content["read_at"]), bool(content["writer"])
            return cls(numbers, read_at, writer, int(content["noted"]), str(content["boot"]))

    def is_of(self, ended: "Moment | None") -> bool:
        """Tell whether they were read before a run ended: what was read later says nothing about its verdict."""
        return ended is None or (self.boot in ("", ended.boot) and self.read_at <= ended.at)


class Moment(NamedTuple):
    """A moment on the clock of one boot, in monotonic ns."""

    boot: str
    at: int


@dataclass(frozen=True)
class Account:
    """What became of the writes of a ledger, as one node tells."""

    sent: int = 0
    acknowledged: int = 0
    rejected: int = 0
    unknown: int = 0
    lost: int = 0
    """Acknowledged, and not there."""
    phantom: int = 0
    """Rejected, and there."""
    duplicated: int = 0
    """There more than once."""
    strange: int = 0
    """There, and never sent by this ledger."""
    out_of_order: int = 0
    """Sent after another was acknowledged, and numbered before it."""
    unknown_there: int = 0
    unknown_absent: int = 0
    loss_window: float = 0.0
    """Seconds from the sending of the oldest lost write to the acknowledgement of the newest; 0 when none is lost."""
    lost_numbers: tuple[int, ...] = ()
    """The first of them."""
    damaged: int = 0
    writer: bool = True
    """It was read from a node that takes writes."""
    unreadable: bool = False
    """The rows of the node, or the notes beside them, are not what was written: the figures prove nothing."""


def rows_path(folder: Path, name: str, node: str) -> Path:
    """Return where the rows of a ledger are that a node was found to hold."""
    return folder / f"{name}@{node}.rows"


def integers(numbers: "list[int] | Integers") -> Integers:
    """Return numbers as an array."""
    return np.asarray(numbers, dtype=np.int64)


def keep(folder: Path, name: str, node: str, rows: Rows) -> None:
    """Keep the rows of a node in the folder of a run, unless an earlier reading of it is kept there."""
    path = rows_path(folder, name, node)
    if not path.exists():
        rows.save(path)


def accounts(folder: Path, name: str, ended: Moment | None = None) -> dict[str, Account]:
    """Weigh a ledger of a run against every node that was read before the run ended, by the node's name.

    FileNotFoundError when there is no such ledger.
    """
    by_node: dict[str, Account] = {}
    reading = lru_cache(1)(read)  # the nodes were read at once: they share their notes
    for path in sorted(folder.glob(f"{name}@*.rows")):
        node = path.name.removeprefix(f"{name}@").removesuffix(".rows")
        try:
            rows = Rows.load(path)
            if rows.is_of(ended):
                by_node[node] = weigh(reading(path_of(folder, name), rows.noted), rows)
        except _UNREADABLE:
            by_node[node] = Account(unreadable=True)
    return by_node


def noted(path: Path) -> int:
    """Count the notes of a ledger; a torn last one is none."""
    return path.stat().st_size // SIZE


def read(path: Path, first: int = MOST) -> Writes:
    """Read the `first` notes of a ledger; a torn last one is none, and one whose check does not hold is counted."""
    whole = min(noted(path), first)
    if not whole:
        return Writes(_zeros(1), _zeros(1), np.zeros(1, np.uint8), 0)
    # Numbers are given one by one, so that none is beyond the notes; what is never written to takes no memory.
    sent, ended, how = _zeros(whole + 1), _zeros(whole + 1), np.zeros(whole + 1, np.uint8)
    records = np.memmap(path, dtype="<u8", mode="r", shape=(whole, 2))
    highest = good = 0
    for start in range(0, whole, _BLOCK):
        number, note, at = _checked(records[start : start + _BLOCK], whole)
        good += len(number)
        highest = max(highest, int(number.max(initial=0)))
        is_sent = note == Note.SENT
        begun, over = number[is_sent], number[~is_sent]
        sent[begun], how[begun] = at[is_sent], np.maximum(how[begun], note[is_sent])
        ended[over], how[over] = at[~is_sent], note[~is_sent]
    return Writes(sent[: highest + 1], ended[: highest + 1], how[: highest + 1], whole - good)


def weigh(writes: Writes, rows: Rows) -> Account:
    """Compare what was sent with what is there: the rows, with the notes from before they were read."""
    size = len(writes.note)
    # A number that was never given is somebody else's row, or a damaged one: it is counted as strange, not looked up.
    known = rows.numbers[(rows.numbers > 0) & (rows.numbers < size)]
    times = np.bincount(known, minlength=size)
    there = times > 0
    acknowledged = writes.note == Note.ACKNOWLEDGED
    rejected = writes.note == Note.REJECTED
    unknown = (writes.note > 0) & ~acknowledged & ~rejected
    lost = np.flatnonzero(acknowledged & ~there)
    return Account(
        sent=int((writes.note > 0).sum()),
        acknowledged=int(acknowledged.sum()),
        rejected=int(rejected.sum()),
        unknown=int(unknown.sum()),
        lost=len(lost),
        phantom=int((rejected & there).sum()),
        duplicated=int((times > 1).sum()),
        strange=len(rows.numbers) - len(known) + int(times[writes.note == 0].sum()),
        out_of_order=_out_of_order(writes, _first(known, times)),
        unknown_there=int((unknown & there).sum()),
        unknown_absent=int((unknown & ~there).sum()),
        # From the oldest sending to the newest acknowledgement: all that was promised within it is in doubt.
        loss_window=float(writes.ended[lost].max() - writes.sent[lost].min()) / 1e9 if len(lost) else 0.0,
        lost_numbers=tuple(lost[:_EXAMPLES].tolist()),
        damaged=writes.damaged,
        writer=rows.writer,
    )


def _first(numbers: Integers, times: Integers) -> Integers:
    """Return the numbers in their order, each at its first place only."""
    if len(numbers) == 0 or times.max() == 1:
        return numbers
    return numbers[np.sort(np.unique(numbers, return_index=True)[1])]


def _out_of_order(writes: Writes, numbers: Integers) -> int:
    """Count the acknowledged writes that stand before one that was acknowledged before they were sent."""
    these = numbers[writes.note[numbers] == Note.ACKNOWLEDGED]
    earliest = np.minimum.accumulate(writes.ended[these][::-1])[::-1]  # of each and all that stand after it
    return int((writes.sent[these][:-1] > earliest[1:]).sum())


def _checked(records: _Words, most: int) -> tuple[Integers, Notes, Integers]:
    """Return numbers, notes and times of the records whose check holds and whose number is not beyond the most."""
    at, tail = records[:, 0], records[:, 1]
    number, note = (tail & np.uint64(MOST)).astype(np.int64), (tail >> np.uint64(48)).astype(np.uint8)
    folded = at ^ tail
    for half in (np.uint32, np.uint16, np.uint8):
        halves: Any = folded.view(half)
        folded = halves[::2] ^ halves[1::2]
    good = (folded == CHECK) & (number <= most)
    if good.all():
        return number, note, at.astype(np.int64)
    return number[good], note[good], at[good].astype(np.int64)


def _narrow(steps: Integers) -> "Integers | np.typing.NDArray[np.int8]":
    """Return them in bytes, where they fit: eight times less to compress."""
    narrow = steps.astype(np.int8)
    return narrow if np.array_equal(narrow, steps) else steps


def _zeros(size: int) -> Integers:
    return np.zeros(size, dtype=np.int64)
