"""What a whole record says to a question within a span of time: whether the answer could have been yes in it.

`streaks` asks while samples come in; here they are all there, and what could not be told then may be known.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from faildrill.proofs.intervals import proven
from faildrill.proofs.looks import SILENCE, Interval, Question
from faildrill.record.samples.columns import Columns, Integers


class Cadence(NamedTuple):
    """How many ns lie between two looks of a probe, and after how many silence is dark."""

    every: int
    slow: int


class Heard:
    """What the looks of one probe say to a question within a span of time (ns)."""

    def __init__(self, looks: Columns, question: Question, rate: Cadence, span: Interval) -> None:
        self._span, self._rate = span, rate
        self._pro, self._con = _said(looks, question, rate.slow)

    @property
    def is_seen(self) -> bool:
        """Whether one look at least says yes of a moment from the beginning of the span on."""
        since = self._pro[0]
        return bool(np.any((since >= self._span.since) & (since <= self._span.by)))

    @cached_property
    def longest(self) -> int:
        """The longest time within the span in which nothing says no, in ns: no yes lasted longer."""
        return self._gap(*self._con)

    @cached_property
    def blind(self) -> int:
        """The longest time within the span in which no look says anything, in ns; 0 where that is not too long."""
        unproven = self._gap(*(np.concatenate(sides) for sides in zip(self._pro, self._con, strict=True)))
        return unproven if unproven > SILENCE * self._rate.every + self._rate.slow else 0

    def _gap(self, since: Integers, by: Integers) -> int:
        """Return the longest stretch of the span in which none of the intervals lies."""
        inside = np.flatnonzero((since >= self._span.since) & (by <= self._span.by))
        inside = inside[np.argsort(since[inside], kind="stable")]
        lefts = np.concatenate(([self._span.since], since[inside]))
        rights = np.concatenate((by[inside], [self._span.by]))
        return int(np.max(np.minimum.accumulate(rights[::-1])[::-1] - lefts))

    def against_before(self, moment: int) -> int | None:
        """Return when the last look against it before a moment began to speak; None: there is none in the span."""
        since = self._con[0]
        before = since[(since >= self._span.since) & (since < moment)]
        return int(before.max()) if len(before) else None


def _said(looks: Columns, question: Question, slow: int) -> tuple[tuple[Integers, Integers], tuple[Integers, Integers]]:
    if question.word in ("ok", "not ok"):
        proofs = proven(looks, slow, looks.seen_late)
        good, bad = (proofs.since, proofs.by), (proofs.dark.still_at, proofs.dark.begun_by)
        return (good, bad) if question.word == "ok" else (bad, good)
    met = np.array([question.is_met_by(name) for name in looks.names])[looks.who]
    is_look, sent, answered = looks.is_look, looks.sent, looks.answered
    return tuple((sent[mask], answered[mask]) for mask in (is_look & met, is_look & ~met))  # type: ignore[return-value]
