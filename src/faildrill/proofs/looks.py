"""What one look proves by itself, and what it says to each word that a condition can use.

With `s` when it was sent and `a` when it was answered or given up, it holds a moment

    good, within `slow`           of life in [s, a]
    good, but beyond `slow`       of life in [a - slow, a], and of darkness in [s, s + slow]
    no answer until the deadline  of darkness in [s, s + slow], or [s, a] where that is earlier
    refused, reset, wrong …       of darkness in [s, a], or [s, s + slow] when it came beyond `slow`
    held back, open, broken …     of nothing
    any, but seen late            the same as within `slow`: it was the prober that was held up

`proofs.intervals` says the same of millions at once.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from faildrill import durations
from faildrill.clock import seconds
from faildrill.record.samples import SEEN_LATE, Sample

SILENCE: Final = 3
"""Intervals without a look that proves anything, beyond what a look may take, after which nobody was watching."""
Word = Literal["ok", "not ok", "saw", "saw not"]


class Interval(NamedTuple):
    """Something was so at some moment between the two (ns)."""

    since: int
    by: int


Sides: TypeAlias = tuple[Interval | None, Interval | None]
"""Where two opposite things were so at some moment: one of them, both, or neither."""
_NOTHING: Final[Sides] = (None, None)


def proof(sample: Sample, slow: int) -> Sides:
    """Return the intervals that hold a moment of life and one of darkness."""
    _, _, sent, answered, outcome, _, detail = sample
    if not outcome.is_look:
        return _NOTHING
    # One comparison decides for nearly all looks; `_, _, sent…` unpacks once, as this is called for each of them.
    if answered - sent <= slow or detail.endswith(SEEN_LATE):
        span = Interval(sent, answered)
        return (span, None) if outcome.is_good else (None, span)
    return Interval(answered - slow, answered) if outcome.is_good else None, Interval(sent, sent + slow)


def is_beyond(sample: Sample, limit: int) -> bool:
    """Tell whether a good answer came later than that (ns), and not only to the prober."""
    return sample.outcome.is_good and proof(sample, limit)[1] is not None


def trouble(sample: Sample, slow: int) -> str | None:
    """Say in words why a look is no good one: how it ended, or how long its answer took; None where it is one."""
    if not sample.outcome.is_good:
        return sample.outcome.in_words(sample.detail)
    took = seconds(sample.answered - sample.sent)
    return f"too slow: {durations.show(took)}" if is_beyond(sample, slow) else None


class Question(NamedTuple):
    """What is asked of looks: a word, and for `saw` and `saw not` of whom."""

    word: Word
    who: str = ""

    @property
    def is_of_each(self) -> bool:
        """Whether, asked of several probes, it must be so of each: else of any of them."""
        return self.word == "ok"

    def answer(self, sample: Sample, slow: int) -> Sides:
        """Return where a look says yes, and where it says no."""
        if self.word == "ok":
            return proof(sample, slow)
        if self.word == "not ok":
            alive, dark = proof(sample, slow)
            return dark, alive
        if not sample.outcome.is_look:
            return _NOTHING
        span = Interval(sample.sent, sample.answered)
        return (span, None) if self.is_met_by(sample.who) else (None, span)

    def is_met_by(self, who: str) -> bool:
        """Tell whether `saw` or `saw not` is met by these names, joined by commas; nobody meets neither."""
        named = who.split(",") if who else []
        return bool(named) and (self.who in named) is (self.word == "saw")
