"""What the words of records say, of thousands at once: which of them are samples, and of which probe."""

from typing import Final, NamedTuple, TypeAlias

import numpy as np

from faildrill.record.samples import Outcome

Words: TypeAlias = "np.typing.NDArray[np.uint64]"
Numbers: TypeAlias = "np.typing.NDArray[np.uint16]"
Mask: TypeAlias = "np.typing.NDArray[np.bool_]"
_CHECK: Final = 0xA5
"""As in `samples`."""
_CHECK_BITS: Final = 8
"""The highest ones of the last word are the check."""
_PROBE: Final = 12
"""Where the probe's number is in a record, in units of its size."""
_OUTCOME_WORD: Final = 15
"""Where what has a name ends: probe, who and detail are before it."""
OUTCOME: Final = 30
"""Where it is how it ended, in bytes."""
_FIRST_OUTCOME: Final = int(min(Outcome))
"""Below it a record is none, whatever its check says."""
_LAST_OUTCOME: Final = int(max(Outcome))


def say_the_same(records: Words) -> bool:
    """Tell whether records say the same but for their times: of one probe, with one end."""
    # The check differs with the times, so its bits are shifted out before they are compared.
    return not ((records[:, -1] ^ records[0, -1]) << np.uint64(_CHECK_BITS)).any()


class Probes(NamedTuple):
    """Of which probe records are."""

    numbers: Numbers
    """The number of the probe of each; 0 of one that is no sample, or that says what has no name."""
    unnamed: int
    """How many would be samples, and say what has no name."""


def probes(records: Words, holding: Mask, names: int) -> Probes:
    """Tell of which probe each record is; `names` is how many names there are.

    Where all of them say the same one of them is told; whether its check holds, `holding` says of each.
    """
    said, ended = records.view(np.uint16)[:, _PROBE:_OUTCOME_WORD], records.view(np.uint8)[:, OUTCOME]
    whole = holding & (ended >= _FIRST_OUTCOME) & (ended <= _LAST_OUTCOME)
    unnamed = 0
    if int(said.max()) >= names:  # of no run whose files are as they were written
        is_named = (said < names).all(axis=1)
        unnamed = int((whole & ~is_named).sum())
        whole &= is_named
    numbers = said[:, 0]
    return Probes(numbers if whole.all() else np.where(whole, numbers, np.uint16(0)), unnamed)


def holds(records: Words) -> Mask:
    """Tell where the check of a record holds, given its words; see `samples.holds`."""
    folded = records[:, 0] ^ records[:, 1] ^ records[:, 2] ^ records[:, 3]
    halved = folded.astype(np.uint32) ^ (folded >> np.uint64(32)).astype(np.uint32)
    for shift in (16, 8):
        halved ^= halved >> np.uint32(shift)
    held: Mask = halved.astype(np.uint8) == _CHECK
    return held
