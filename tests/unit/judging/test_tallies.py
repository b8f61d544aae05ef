"""Looks counted and numbered in one pass."""

import numpy as np
import pytest

from faildrill.judging.numbers.tallies import first
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import BLOCK, Columns, Mask, of

FAILED = (5, BLOCK + 3, BLOCK + 9, 3 * BLOCK)


def looks() -> Columns:
    """Give the looks of four blocks, of which those failed."""
    due = np.arange(4 * BLOCK, dtype=np.int64)
    ended = np.full(len(due), Outcome.OK, np.uint8)
    ended[list(FAILED)] = Outcome.REFUSED
    nothing = np.zeros(len(due), np.uint16)
    return of((due, due, due), (ended, nothing, nothing), ("",))


@pytest.mark.parametrize(("most", "blocks"), [(0, 0), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4)])
def test_the_first_looks_are_numbered_and_none_is_gone_through_beyond_them(most: int, blocks: int) -> None:
    asked = []

    def is_bad(part: Columns) -> Mask:
        asked.append(part)
        return ~part.is_good

    assert first(looks(), is_bad, most) == [*FAILED[:most]]
    assert len(asked) == blocks
