"""Samples as NumPy columns over a memory map: what judging and drawing read, millions at a time.

A record whose check does not hold, whose outcome is none, or whose probe has no name is left out and counted.
"""

import json
import mmap
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from faildrill.errors import JournalDamaged
from faildrill.samples import SEEN_LATE, SIZE, Files, Outcome, Sample, read_names

# Spelled as text, so that importing this module alone loads no NumPy where the command line has put that off.
Integers: TypeAlias = "np.typing.NDArray[np.int64]"
Numbers: TypeAlias = "np.typing.NDArray[np.uint16]"
Octets: TypeAlias = "np.typing.NDArray[np.uint8]"
Words: TypeAlias = "np.typing.NDArray[np.uint64]"
Mask: TypeAlias = "np.typing.NDArray[np.bool_]"
_Which: TypeAlias = "Mask | slice | Integers"

_CHECK: Final = 0xA5
BLOCK: Final = 1 << 15
"""Samples that are gone through at once: as many as fit a processor's cache."""
_FORGET_EVERY: Final = 1 << 6
"""Blocks after which what was read of a file is given back."""
_FIRST_OUTCOME: Final = min(Outcome)
_LAST_OUTCOME: Final = max(Outcome)


@dataclass(frozen=True, eq=False)
class Columns:
    """The samples of one probe, in the order in which they were due; times are monotonic ns.

    `who` and `detail` are numbers of `names`, whose number 0 is the empty one. The columns may be views of a file: go
    through very many samples in `blocks`, and what was read is given back on the way.
    """

    due: Integers
    sent: Integers
    answered: Integers
    outcome: Octets
    who: Numbers
    detail: Numbers
    names: tuple[str, ...]
    damaged: int = 0
    """Records of its files that are none: which probe they were of can't be told."""
    source: mmap.mmap | None = None
    """The file that the columns are views of."""

    def __len__(self) -> int:
        return len(self.due)

    @cached_property
    def is_look(self) -> Mask:
        """Where something was sent, so that something is proven."""
        held: Mask = (self.outcome != Outcome.SKIPPED) & (self.outcome != Outcome.BROKEN)
        return held

    @cached_property
    def is_good(self) -> Mask:
        """Where a good answer came, however late."""
        held: Mask = self.outcome == Outcome.OK
        return held

    @cached_property
    def is_seen_late(self) -> Mask:
        """Where the prober itself was held up, so that the time of the answer proves no slowness."""
        marked = self.seen_late
        return np.zeros(len(self), np.bool_) if marked is None else marked[self.detail]

    @property
    def seen_late(self) -> "Mask | None":
        """By number of a detail, whether it says so; None where none does."""
        marked = np.array([name.endswith(SEEN_LATE) for name in self.names])
        return marked if marked.any() else None

    def blocks(self, size: int = BLOCK, *, backwards: bool = False) -> Iterator[tuple[int, "Columns"]]:
        """Give the samples piece by piece, each with the number of its first sample."""
        firsts = range(0, len(self), size)
        for number, first in enumerate(reversed(firsts) if backwards else firsts, 1):
            yield first, self.part(first, first + size)
            if number % _FORGET_EVERY == 0:
                self.forget()
        self.forget()

    def forget(self) -> None:
        """Give back the memory of what was read of the file; it can be read again."""
        if self.source is not None:
            self.source.madvise(mmap.MADV_DONTNEED)

    def where(self, mask: Mask) -> "Columns":
        """Keep the samples where the mask is true."""
        return self if mask.all() else self._taken(mask)

    def between(self, since: int, until: int) -> "Columns":
        """Keep the samples due from `since` on and before `until`; a view, nothing is copied."""
        first = bisect_left(self.due, since)
        return self._taken(slice(first, bisect_left(self.due, until, first)))

    def part(self, first: int, end: int) -> "Columns":
        """Keep the samples from the place `first` on and before `end`; a view, nothing is copied."""
        return self._taken(slice(first, end))

    def sample(self, probe: str, number: int) -> Sample:
        """Spell out one sample."""
        return Sample(
            probe,
            int(self.due[number]),
            int(self.sent[number]),
            int(self.answered[number]),
            Outcome(int(self.outcome[number])),
            self.names[self.who[number]],
            self.names[self.detail[number]],
        )

    def _taken(self, which: _Which) -> "Columns":
        return Columns(
            self.due[which],
            self.sent[which],
            self.answered[which],
            self.outcome[which],
            self.who[which],
            self.detail[which],
            self.names,
            self.damaged,
            self.source if isinstance(which, slice) else None,
        )


def counts(numbers: "Octets | Numbers", length: int) -> Integers:
    """Count how often each number below `length` is there, in little memory."""
    pieces = (numbers[first : first + BLOCK] for first in range(0, len(numbers), BLOCK))
    return sum((np.bincount(one, minlength=length) for one in pieces), np.zeros(length, np.int64))


def among(values: Integers, mask: Mask) -> Integers:
    """Keep the values where the mask is true; all of them are not copied."""
    return values if mask.all() else values[mask]


def empty() -> Columns:
    """Give the columns of a probe that never recorded anything."""
    times = np.empty(0, np.int64)
    numbers = np.empty(0, np.uint16)
    return Columns(times, times, times, np.empty(0, np.uint8), numbers, numbers, ("",))


def load(folder: Path, leave_out: Collection[str] = ()) -> dict[str, Columns]:
    """Read all samples in the folder of a run, by probe; what several probers saw of one is merged.

    `leave_out`: names of files whose times can't be compared with the others. Raises JournalDamaged when the names
    beside a samples file are not what was written.
    """
    parts: dict[str, list[Columns]] = {}
    for path in sorted(folder.glob("*.samples")):
        if path.stem in leave_out:
            continue
        for probe, columns in _parts(Files(folder, path.stem)):
            parts.setdefault(probe, []).append(columns)
    return {probe: _in_order(_merged(parts[probe])) for probe in sorted(parts)}


def _parts(files: Files) -> Iterator[tuple[str, Columns]]:
    names = _names(files)
    count = files.samples.stat().st_size // SIZE
    if not count:
        return
    with files.samples.open("rb") as file:
        source = mmap.mmap(file.fileno(), count * SIZE, access=mmap.ACCESS_READ)
    everything, whose = _everything(source, names)
    held = counts(whose, len(names))
    damaged, held[0] = int(held[0]), 0
    for number in np.flatnonzero(held):
        if held[number] == count:
            yield names[number], everything
        else:
            only = everything._taken(np.flatnonzero(whose == number))  # noqa: SLF001 - of the same module
            yield names[number], replace(only, damaged=damaged)


def _everything(source: mmap.mmap, names: tuple[str, ...]) -> tuple[Columns, Numbers]:
    """Give all records of a file as views of it, and for each the number of its probe; 0 for one that is no sample."""
    words = np.frombuffer(source, "<u8").reshape(-1, SIZE // 8)
    times, numbers = words.view(np.int64), words.view("<u2")[:, 12:15]
    outcome, whose = np.empty(len(words), np.uint8), np.empty(len(words), np.uint16)
    due, sent, answered = times[:, 0], times[:, 1], times[:, 2]
    found = Columns(due, sent, answered, outcome, numbers[:, 1], numbers[:, 2], names, 0, source)
    is_known = True
    for first, part in found.blocks():
        here = slice(first, first + len(part))
        probes, ended = numbers[here, 0], words[here].view("u1")[:, 30]
        whole = _holds(words[here]) & (ended >= _FIRST_OUTCOME) & (ended <= _LAST_OUTCOME) & (probes < len(names))
        outcome[here], whose[here] = ended, np.where(whole, probes, 0)
        is_known &= max(int(part.who.max()), int(part.detail.max())) < len(names)
    if not is_known:
        found = replace(found, who=_known(found.who, len(names)), detail=_known(found.detail, len(names)))
    return found, whose


def _known(numbers: Numbers, names: int) -> Numbers:
    """Copy the numbers of names; one that has no name reads as none."""
    return np.where(numbers < names, numbers, 0).astype(np.uint16)


def _holds(words: Words) -> Mask:
    """Tell where the check of a record holds, given the words of each; see `samples.holds`."""
    folded = words[:, 0] ^ words[:, 1] ^ words[:, 2] ^ words[:, 3]
    for shift in (32, 16, 8):
        folded ^= folded >> np.uint64(shift)
    held: Mask = folded.astype(np.uint8) == _CHECK
    return held


def _names(files: Files) -> tuple[str, ...]:
    try:
        names = read_names(files.names)
    except ValueError as error:
        raise JournalDamaged(f"{files.names}: not the names that were written: {error}") from error
    if not all(isinstance(name, str) for name in names):
        raise JournalDamaged(f"{files.names}: {json.dumps(names)[:80]} are not all names")
    return ("", *names)


def _merged(parts: list[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    numbers: dict[str, int] = {"": 0}
    for part in parts:
        for name in part.names:
            numbers.setdefault(name, len(numbers))
    tables = [np.array([numbers[name] for name in part.names], np.uint16) for part in parts]
    return Columns(
        np.concatenate([part.due for part in parts]),
        np.concatenate([part.sent for part in parts]),
        np.concatenate([part.answered for part in parts]),
        np.concatenate([part.outcome for part in parts]),
        np.concatenate([table[part.who] for part, table in zip(parts, tables, strict=True)]),
        np.concatenate([table[part.detail] for part, table in zip(parts, tables, strict=True)]),
        tuple(numbers),
        sum(part.damaged for part in parts),
    )


def _in_order(columns: Columns) -> Columns:
    last = -1
    for _, part in columns.blocks():
        due = part.due
        if due[0] < last or not np.all(due[1:] >= due[:-1]):
            break
        last = int(due[-1])
    else:
        return columns
    return columns._taken(np.argsort(columns.due, kind="stable"))  # noqa: SLF001 - of the same module
