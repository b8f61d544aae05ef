"""The looks of a run as columns, in seconds since its first event: what the pictures are drawn from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faildrill.samples import SIZE, Files, read_names

_SECOND = 1e9


@dataclass(frozen=True)
class Looks:
    """The looks of one probe, sorted by when they were due; all columns have the same length."""

    probe: str
    due: NDArray[np.float64]
    sent: NDArray[np.float64]
    answered: NDArray[np.float64]
    outcome: NDArray[np.uint8]
    who: NDArray[np.int64]
    """Number of the name of who answered; 0: nobody known."""
    detail: NDArray[np.int64]
    names: list[str]
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
    """Read all looks of a run by probe; `origin` is the monotonic ns of its first event."""
    found: dict[str, Looks] = {}
    for path in sorted(folder.glob("*.samples")):
        for looks in _of_prober(Files(folder, path.name.removesuffix(".samples")), origin):
            found.setdefault(looks.probe, looks)
    return found


def _of_prober(files: Files, origin: int) -> Iterator[Looks]:
    content = files.samples.read_bytes()
    words = np.frombuffer(content[: len(content) // SIZE * SIZE], dtype="<u8").reshape(-1, 4)
    words = words[_whole(words)]
    words = words[np.argsort(words[:, 0], kind="stable")]
    names = ["", *read_names(files.names)]
    tail = words[:, 3].astype(np.int64)
    times = (words[:, :3].astype(np.int64) - origin) / _SECOND
    probe = tail & 0xFFFF
    for number in np.unique(probe).tolist():
        if 0 < number < len(names):
            mine = probe == number
            due, sent, answered = times[mine].T
            kinds = tail[mine]
            yield Looks(
                probe=names[number],
                due=due,
                sent=sent,
                answered=answered,
                outcome=(kinds >> 48 & 0xFF).astype(np.uint8),
                who=_known(kinds >> 16 & 0xFFFF, names),
                detail=_known(kinds >> 32 & 0xFFFF, names),
                names=names,
            )


def _whole(words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    folded = np.bitwise_xor.reduce(words, axis=1)
    for shift in (32, 16, 8):
        folded ^= folded >> np.uint64(shift)
    return np.asarray(folded & np.uint64(0xFF) == np.uint64(0xA5))


def _known(codes: NDArray[np.int64], names: list[str]) -> NDArray[np.int64]:
    return np.where(codes < len(names), codes, 0)
