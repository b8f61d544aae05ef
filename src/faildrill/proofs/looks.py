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

from typing import Final, Literal, NamedTuple

from faildrill.samples import SEEN_LATE, Outcome, Sample

SILENCE: Final = 3
"""Intervals without a look that proves anything, beyond what a look may take, after which nobody was watching."""
Word = Literal["ok", "not ok", "saw", "saw not"]


class Interval(NamedTuple):
    """Something was so at some moment between the two (ns)."""

    since: int
    by: int


class Says(NamedTuple):
    """What a look says to a question: a moment at which the answer is yes, one at which it is no, both or neither."""

    pro: Interval | None
    con: Interval | None


NOTHING = Says(None, None)


def life(sample: Sample, slow: int) -> Interval | None:
    """Return the interval that holds a moment of life, or None."""
    if sample.outcome is not Outcome.OK:
        return None
    since = sample.answered - slow if _is_beyond(sample, slow) else sample.sent
    return Interval(max(since, sample.sent), sample.answered)


def darkness(sample: Sample, slow: int) -> Interval | None:
    """Return the interval that holds a moment of darkness, or None."""
    beyond = _is_beyond(sample, slow)
    if not sample.outcome.is_look or (sample.outcome is Outcome.OK and not beyond):
        return None
    by = sample.sent + slow if beyond else sample.answered
    return Interval(sample.sent, min(by, sample.answered))


def _is_beyond(sample: Sample, slow: int) -> bool:
    """Tell whether it was answered, or given up, beyond `slow`, and not by the prober's own fault."""
    return sample.answered - sample.sent > slow and not sample.detail.endswith(SEEN_LATE)


class Question(NamedTuple):
    """What is asked of looks: a word, and for `saw` and `saw not` of whom."""

    word: Word
    who: str = ""

    @property
    def is_of_each(self) -> bool:
        """Whether, asked of several probes, it must be so of each: else of any of them."""
        return self.word == "ok"

    def answer(self, sample: Sample, slow: int) -> Says:
        """Return what a look says to it."""
        if self.word == "ok":
            return Says(life(sample, slow), darkness(sample, slow))
        if self.word == "not ok":
            return Says(darkness(sample, slow), life(sample, slow))
        if not sample.outcome.is_look:
            return NOTHING
        seen = Interval(sample.sent, sample.answered)
        return Says(seen, None) if self.is_met_by(sample.who) else Says(None, seen)

    def is_met_by(self, who: str) -> bool:
        """Tell whether `saw` or `saw not` is met by these names, joined by commas; nobody meets neither."""
        named = who.split(",") if who else []
        return bool(named) and (self.who in named) is (self.word == "saw")
