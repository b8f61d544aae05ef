"""When who answered: the times in which no two answers of a name are far apart, of looks that come in blocks."""

from typing import Final

import numpy as np

from faildrill.clock import nanoseconds
from faildrill.record.samples.columns import Columns, Integers, Mask, among
from faildrill.reports.html.look_times import Looks

MOST_NAMES: Final = 6
Span = tuple[int, int, int]
"""The first and the last answer of a stretch, monotonic ns, and how many there are."""


class Presence:
    """One name, or several that share a row, and when it answered: exact, whatever blocks the looks come in."""

    def __init__(self, name: str, is_it: Mask, gap: int) -> None:
        self.name = name
        self.stretches: list[Span] = []
        """In their order; no two are less than `gap` ns apart."""
        self._is_it = is_it
        self._gap = gap

    def add(self, part: Columns) -> None:
        """Take in more looks."""
        answered = among(part.answered, self._is_it[part.who])
        if len(answered):
            self.stretches = self._joined(sorted(self.stretches + self._found(answered)))

    def _found(self, seen: Integers) -> list[Span]:
        """Find the stretches of some answers, which are mostly in order: then they need not be put in order."""
        latest = np.maximum.accumulate(seen)
        first = int(seen.min())
        if int(seen[0]) - first <= self._gap and int(np.max(np.diff(latest), initial=0)) <= self._gap:
            return [(first, int(latest[-1]), len(seen))]
        ordered = np.sort(seen)
        breaks = (np.flatnonzero(np.diff(ordered) > self._gap) + 1).tolist()
        pairs = zip([0, *breaks], [*breaks, len(ordered)], strict=True)
        return [(int(ordered[begin]), int(ordered[end - 1]), end - begin) for begin, end in pairs]

    def _joined(self, ordered: list[Span]) -> list[Span]:
        """Join stretches that overlap or are near: so are some answers of theirs, as no hole in either is larger."""
        joined = ordered[:1]
        for begin, end, looks in ordered[1:]:
            before = joined[-1]
            if begin - before[1] > self._gap:
                joined.append((begin, end, looks))
            else:
                joined[-1] = (before[0], max(before[1], end), before[2] + looks)
        return joined


def presences(looks: Looks, gap: float) -> list[Presence]:
    """Return one row a name that answered, to be filled, those seen most; beyond `MOST_NAMES` they share one.

    `gap`: seconds without a name that do not yet end its stretch.
    """
    names = looks.columns.names
    counts = (np.bincount(part.who, minlength=len(names)) for _, part in looks.columns.blocks())
    held = sum(counts, np.zeros(len(names), np.int64)).tolist()
    by_name: dict[str, list[int]] = {}
    for code in range(1, len(names)):
        for name in names[code].split(",") if held[code] else ():
            by_name.setdefault(name, []).append(code)
    ranked = sorted(by_name, key=lambda name: (-sum(held[code] for code in by_name[name]), name))
    shared = {name: by_name[name] for name in sorted(ranked[:MOST_NAMES])}
    if ranked[MOST_NAMES:]:
        rest = {code for name in ranked[MOST_NAMES:] for code in by_name[name]}
        shared[f"{len(ranked) - MOST_NAMES} others"] = sorted(rest)
    return [Presence(name, _is_among(codes, len(names)), nanoseconds(gap)) for name, codes in shared.items()]


def _is_among(codes: list[int], length: int) -> Mask:
    is_among = np.zeros(length, np.bool_)
    is_among[codes] = True
    return is_among
