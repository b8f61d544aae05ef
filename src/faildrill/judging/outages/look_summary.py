"""What the looks of a probe come to, in one pass over them: how they ended, what they prove, how long they took."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from faildrill.judging.numbers.ranks import RankCount
from faildrill.judging.numbers.tallies import Tallies, Tally
from faildrill.judging.outages.bounds import Darkness
from faildrill.proofs.intervals import Proving
from faildrill.record.samples.columns import Columns, Integers, among

PERCENTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


class LookSummary(NamedTuple):
    """What the looks of a probe come to."""

    tally: Tally
    darkness: Darkness
    answer_times: dict[str, int]
    """By name of a percentile, from when a look was due to its good answer, in ns; empty where there is none."""
    lateness: dict[str, int]
    """The same, from when a look was due to its sending."""


def see(looks: Columns, slow: int, marks: Iterable[int]) -> LookSummary:
    """Go through the looks once; `marks` as for `prove`."""
    tallying, proving = Tallies(), Proving(looks, slow, marks)
    answers, late = RankCount(looks, _answer_times, _ranks), RankCount(looks, _lateness, _ranks)
    for first, part in looks.blocks(backwards=True):
        tallying.take(part)
        proving.take(first, part)
        answers.take(part)
        late.take(part)
    percentiles = (dict(zip(PERCENTILES, ranking.found(), strict=False)) for ranking in (answers, late))
    return LookSummary(tallying.found(), Darkness(looks, slow, *proving.found()), *percentiles)


def _ranks(count: int) -> list[int]:
    """Return the ranks of the percentiles, so that each is a time that was really seen."""
    return [max(math.ceil(share * count), 1) - 1 for share in PERCENTILES.values()]


def _answer_times(looks: Columns) -> Integers:
    return among(looks.answered - looks.due, looks.is_good)


def _lateness(looks: Columns) -> Integers:
    return among(looks.sent - looks.due, looks.is_look)
