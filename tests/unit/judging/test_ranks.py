"""Values by their rank, as sorting all of them would tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.judging.expectations.latency import FOREVER
from faildrill.judging.numbers.ranks import RankCount, of_ranks
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, Integers, of


def answered(values: list[int]) -> Columns:
    """Make looks, due at once, whose answers came at these times."""
    nothing = np.zeros(len(values), np.int64)
    numbers = np.zeros(len(values), np.uint16)
    ended = np.full(len(values), Outcome.OK, np.uint8)
    return of((nothing, nothing, np.array(values, np.int64)), (ended, numbers, numbers), ("",))


def times(part: Columns) -> Integers:
    return part.answered


numbers = st.one_of(
    st.integers(0, 40),
    st.integers(-(1 << 40), (1 << 53) - 1),
    st.sampled_from([FOREVER, (1 << 31) - 1, 1 << 31, -(1 << 31)]),
    st.integers(10**8, 10**8 + 3000),
)


@settings(max_examples=120, deadline=None)
@given(values=st.lists(numbers, min_size=1, max_size=60), few=st.sampled_from([0, 1, 5, 1000]))
def test_each_rank_has_the_value_that_sorting_tells(values: list[int], few: int) -> None:
    ranks = list(range(len(values)))
    assert of_ranks(answered(values), times, ranks, len(values), few) == sorted(values)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(numbers, min_size=1, max_size=60), size=st.integers(1, 20))
def test_parts_may_come_in_any_order(values: list[int], size: int) -> None:
    looks = answered(values)
    ranking = RankCount(looks, times, lambda count: [0, count // 2, count - 1])
    for _, part in looks.blocks(size, backwards=True):
        ranking.take(part)
    assert ranking.found() == [sorted(values)[rank] for rank in (0, len(values) // 2, len(values) - 1)]


@pytest.mark.parametrize("few", [10, 10**6])
def test_very_many_of_the_same_value_are_no_matter(few: int) -> None:
    looks = answered([400_000] * 50_000 + [400_001, 399_999, FOREVER])
    assert of_ranks(looks, times, [0, 1, 49_999, 50_001, 50_002], len(looks), few) == [
        399_999,
        400_000,
        400_000,
        400_001,
        FOREVER,
    ]


@pytest.mark.parametrize("few", [100, 10**6])
@pytest.mark.parametrize("every", [1, 64, 192])
def test_a_guess_by_looks_that_are_unlike_the_others_is_only_slower(every: int, few: int) -> None:
    values = np.random.default_rng(every).integers(0, 10**6, 40_000)
    values[::every] //= 1_000
    looks, ranks = answered(values.tolist()), [0, 1, 20_000, 39_600, 39_999]
    assert of_ranks(looks, times, ranks, len(looks), few) == np.sort(values)[ranks].tolist()
