"""The looks of a run, in seconds since its first event: what the pictures are drawn from, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from faildrill.clock import nanoseconds, seconds
from faildrill.record.samples import Outcome, columns
from faildrill.record.samples.columns import Columns, among


class Look(NamedTuple):
    """One look; times are seconds since the run's first event."""

    due: float
    sent: float
    answered: float
    outcome: Outcome
    who: str
    detail: str


@dataclass(frozen=True, eq=False)
class Looks:
    """The looks of one probe, in the order in which they were due; they stay in their file until they are asked for."""

    probe: str
    columns: Columns
    origin: int
    """The monotonic ns of the run's first event."""

    def __len__(self) -> int:
        return len(self.columns)

    def since_start(self, at: int) -> float:
        """Turn a monotonic time into seconds since the run's first event."""
        return seconds(at - self.origin)

    def look(self, number: int) -> Look:
        """Spell out one look."""
        sample = self.columns.sample(self.probe, number)
        due, sent, answered = (self.since_start(at) for at in (sample.due, sample.sent, sample.answered))
        return Look(due, sent, answered, sample.outcome, sample.who, sample.detail)

    def nearest(self, start: float, end: float, most: int) -> list[Look]:
        """Return the looks under way at some moment between the two, in order; of many, those nearest to the middle."""
        since, until = (self.origin + nanoseconds(at) for at in (start, end))
        middle = (since + until) // 2
        first = self.columns.first_due(since - self._longest)
        near = np.empty(0, np.int64)
        for begun, part in self._under_way(first, self.columns.first_due(until + 1, first)):
            near = np.concatenate((near, begun + np.flatnonzero(part.answered >= since)))
            if len(near) > most:
                near_looks = self.columns.at(near)
                began, ended = near_looks.due, near_looks.answered
                distance = np.maximum(np.maximum(began - middle, middle - ended), 0)
                near = np.sort(near[np.lexsort((np.abs(began - middle), distance))[:most]])
        return [self.look(number) for number in near.tolist()]

    def _under_way(self, first: int, end: int) -> Iterator[tuple[int, Columns]]:
        for begun, part in self.columns.part(first, end).blocks():
            yield first + begun, part

    @cached_property
    def _longest(self) -> int:
        """The longest time from when a look was due to its end, in ns."""
        return max((int((part.answered - part.due).max()) for _, part in self.columns.blocks()), default=0)

    def answer_times(self) -> tuple[float, float] | None:
        """Return the shortest and the longest time to a good answer, in seconds; None where there is none."""
        good = (among(part.answered - part.due, part.is_good) for _, part in self.columns.blocks())
        spans = [(int(block.min()), int(block.max())) for block in good if len(block)]
        if not spans:
            return None
        return seconds(min(low for low, _ in spans)), seconds(max(high for _, high in spans))


def read(folder: Path, origin: int) -> dict[str, Looks]:
    """Read all looks of a run by probe; `origin` is the monotonic ns of its first event.

    Raises JournalDamaged when the names beside the samples are not what was written.
    """
    return {probe: Looks(probe, of_probe, origin) for probe, of_probe in columns.load(folder).items()}
