"""The looks of a run as columns, in seconds since its first event: what the pictures are drawn from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faildrill.clock import NANOSECONDS
from faildrill.samples import columns


@dataclass(frozen=True)
class Looks:
    """The looks of one probe, sorted by when they were due; all columns have the same length."""

    probe: str
    due: NDArray[np.float64]
    sent: NDArray[np.float64]
    answered: NDArray[np.float64]
    outcome: NDArray[np.uint8]
    who: NDArray[np.uint16]
    """Number of the name of who answered; 0: nobody known."""
    detail: NDArray[np.uint16]
    names: tuple[str, ...]
    """Names by their number; the first is empty."""

    def __len__(self) -> int:
        return len(self.due)

    def between(self, start: float, end: float) -> "Looks":
        """Return the looks under way at some moment between the two."""
        return self.taken(np.flatnonzero((self.answered >= start) & (self.due <= end)))

    def taken(self, numbers: NDArray[np.int64]) -> "Looks":
        """Return the looks of these numbers, in their order."""
        return Looks(
            self.probe,
            self.due[numbers],
            self.sent[numbers],
            self.answered[numbers],
            self.outcome[numbers],
            self.who[numbers],
            self.detail[numbers],
            self.names,
        )


def read(folder: Path, origin: int) -> dict[str, Looks]:
    """Read all looks of a run by probe; `origin` is the monotonic ns of its first event.

    Raises JournalDamaged when the names beside the samples are not what was written.
    """
    return {probe: _looks(probe, found, origin) for probe, found in columns.load(folder).items()}


def _looks(probe: str, found: columns.Columns, origin: int) -> Looks:
    return Looks(
        probe=probe,
        due=(found.due - origin) / NANOSECONDS,
        sent=(found.sent - origin) / NANOSECONDS,
        answered=(found.answered - origin) / NANOSECONDS,
        outcome=found.outcome,
        who=found.who,
        detail=found.detail,
        names=found.names,
    )
