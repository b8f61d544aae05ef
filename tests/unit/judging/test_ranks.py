"""Values by their rank, as sorting all of them would tell."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.judging.latency import FOREVER
from faildrill.judging.ranks import of_ranks
from faildrill.samples.columns import Integers


def in_blocks(values: list[int], size: int) -> Callable[[], Iterator[Integers]]:
    whole = np.array(values, np.int64)
    return lambda: (whole[first : first + size] for first in range(0, len(whole), size))


numbers = st.one_of(
    st.integers(0, 40), st.integers(0, (1 << 53) - 1), st.just(FOREVER), st.integers(10**8, 10**8 + 3000)
)


@settings(max_examples=300, deadline=None)
@given(values=st.lists(numbers, min_size=1, max_size=60), size=st.integers(1, 20), few=st.sampled_from([0, 1, 5, 1000]))
def test_each_rank_has_the_value_that_sorting_tells(values: list[int], size: int, few: int) -> None:
    ranks = list(range(len(values)))
    assert of_ranks(in_blocks(values, size), ranks, few) == sorted(values)


@pytest.mark.parametrize("few", [10, 10**6])
def test_very_many_of_the_same_value_are_no_matter(few: int) -> None:
    values = [400_000] * 50_000 + [400_001, 399_999, FOREVER]
    assert of_ranks(in_blocks(values, 1000), [0, 1, 49_999, 50_001, 50_002], few) == [
        399_999,
        400_000,
        400_000,
        400_001,
        FOREVER,
    ]
