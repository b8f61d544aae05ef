"""Samples as NumPy columns over a memory map: what judging and drawing read, millions at a time.

A record whose check does not hold, whose outcome is none, or whose probe has no name is left out and counted.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
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
_FIRST_OUTCOME: Final = min(Outcome)
_LAST_OUTCOME: Final = max(Outcome)


@dataclass(frozen=True, eq=False)
class Columns:
    """The samples of one probe, in the order in which they were due; times are monotonic ns.

    `who` and `detail` are numbers of `names`, whose number 0 is the empty one.
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
        marked = np.array([name.endswith(SEEN_LATE) for name in self.names])
        return marked[self.detail] if marked.any() else np.zeros(len(self), np.bool_)

    def where(self, mask: Mask) -> "Columns":
        """Keep the samples where the mask is true."""
        return self if mask.all() else self._taken(mask)

    def between(self, since: int, until: int) -> "Columns":
        """Keep the samples due from `since` on and before `until`; a view, nothing is copied."""
        first, end = np.searchsorted(self.due, [since, until], side="left")
        return self._taken(slice(int(first), int(end)))

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
        )


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
    words = np.memmap(files.samples, dtype="<u8", mode="r", shape=(count, SIZE // 8))
    due, sent, answered, tail = (np.ascontiguousarray(words[:, number]) for number in range(words.shape[1]))
    halves, octets = tail.view("<u2").reshape(count, -1), tail.view("u1").reshape(count, -1)
    probes, outcome = np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(octets[:, 6])
    whole = _holds(due ^ sent ^ answered ^ tail) & (outcome >= _FIRST_OUTCOME) & (outcome <= _LAST_OUTCOME)
    whole &= (probes > 0) & (probes < len(names))
    damaged = count - int(np.count_nonzero(whole))
    who, detail = _known(halves[:, 1], len(names)), _known(halves[:, 2], len(names))
    times = (due.view(np.int64), sent.view(np.int64), answered.view(np.int64))
    everything = Columns(*times, outcome, who, detail, names, damaged)
    held = np.bincount(probes[whole] if damaged else probes, minlength=len(names))
    for number in np.flatnonzero(held):
        only = held[number] == count
        yield names[number], everything if only else everything.where(whole & (probes == number))


def _holds(folded: Words) -> Mask:
    """Tell where the check of a record holds, given the exclusive or of its words; see `samples.holds`."""
    for shift in (32, 16, 8):
        folded ^= folded >> np.uint64(shift)
    held: Mask = folded.astype(np.uint8) == _CHECK
    return held


def _known(numbers: Numbers, names: int) -> Numbers:
    """Copy the numbers of names; one that has no name reads as none."""
    copied: Numbers = np.array(numbers)
    if len(copied) and int(copied.max()) >= names:
        copied[copied >= names] = 0
    return copied


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
    if bool(np.all(columns.due[1:] >= columns.due[:-1])):
        return columns
    return columns._taken(np.argsort(columns.due, kind="stable"))  # noqa: SLF001 - of the same module
