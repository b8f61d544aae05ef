"""Values by their rank among very many that come in blocks: exact, and in little memory."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np

from faildrill.samples.columns import Integers

Blocks: TypeAlias = Callable[[], "Iterator[Integers]"]
"""Gives all values, block by block, as often as it is called: from 0 to below 2 ** 53, or the largest there is."""
FEW: Final = 1 << 21
"""Values of one bin that are put in order at once."""
_HIGHEST: Final = (1 << 63) - 1
_BINS: Final = 1 << 13
_LEFT_OUT: Final = 46
"""Bits of a float that are left out to tell its bin, so that there are 64 bins to a doubling …"""
_FIRST: Final = 1022 << (52 - _LEFT_OUT)
"""… and what a float just below 1 would have, so that 0 is in the first one."""


def of_ranks(blocks: Blocks, ranks: Sequence[int], few: int = FEW) -> list[int]:
    """Return the values of some ranks, counted from 0, the smallest value first.

    Values are counted by bins, and only those of the bins that are asked about are put in order.
    """
    counts = np.zeros(_BINS, np.int64)
    for values in blocks():
        counts += np.bincount(_bins(values), minlength=_BINS)
    ends = np.cumsum(counts)
    place = {rank: int(np.searchsorted(ends, rank, side="right")) for rank in ranks}
    small = sorted({one for one in place.values() if counts[one] <= few})
    is_wanted = np.isin(np.arange(_BINS), small)
    held = np.sort(np.concatenate([values[is_wanted[_bins(values)]] for values in blocks()]))
    found = {}
    for rank, one in place.items():
        within = rank - int(ends[one] - counts[one])
        if is_wanted[one]:
            found[rank] = int(held[within + sum(int(counts[other]) for other in small if other < one)])
        else:
            found[rank] = _narrowed(blocks, (_lowest(one), max(_lowest(one), _lowest(one + 1) - 1)), within, few)
    return [found[rank] for rank in ranks]


def _narrowed(blocks: Blocks, between: tuple[int, int], rank: int, few: int) -> int:
    """Return the value of a rank among those from one bound to another, both included, where they are many."""
    low, high = between
    count = few + 1
    while count > few and high > low:
        step = (high - low) // _BINS + 1
        counts = np.zeros(_BINS, np.int64)
        for values in blocks():
            counts += np.bincount((values[(values >= low) & (values <= high)] - low) // step, minlength=_BINS)
        ends = np.cumsum(counts)
        one = int(np.searchsorted(ends, rank, side="right"))
        count, rank = int(counts[one]), rank - int(ends[one] - counts[one])
        low, high = low + one * step, min(low + one * step + step - 1, high)
    if high == low:
        return low
    return int(np.sort(np.concatenate([values[(values >= low) & (values <= high)] for values in blocks()]))[rank])


def _bins(values: Integers) -> Integers:
    """Return the numbers of the bins that values fall into, in their order."""
    bits: Integers = values.astype(np.float64).view(np.int64)
    numbers: Integers = np.maximum((bits >> _LEFT_OUT) - _FIRST, 0)
    return numbers


def _lowest(one: int) -> int:
    """Return the smallest whole number of a bin; that of its first one is 0."""
    if one == 0:
        return 0
    edge = float(np.array([(one + _FIRST) << _LEFT_OUT], np.int64).view(np.float64)[0])
    return min(math.ceil(edge), _HIGHEST)
