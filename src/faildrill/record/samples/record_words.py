"""What the words of records say, of thousands at once: which of them are samples, and of which probe."""

from typing import Final, TypeAlias

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
"""Where the probe's number is in a record, in units of its size …"""
OUTCOME: Final = 30
"""… as is how it ended."""
_FIRST_OUTCOME: Final = int(min(Outcome))
"""Below it a record is none, whatever its check says."""
_LAST_OUTCOME: Final = int(max(Outcome))


def say_the_same(records: Words) -> bool:
    """Tell whether records say the same but for their times: of one probe, with one end."""
    # The check differs with the times, so its bits are shifted out before they are compared.
    return not ((records[:, -1] ^ records[0, -1]) << np.uint64(_CHECK_BITS)).any()


def probes(records: Words, holding: Mask, names: int) -> Numbers:
    """Return the number of the probe of each record; 0 for one that is no sample.

    Where all of them say the same one of them is told; whether its check holds, `holding` says of each.
    """
    numbers, ended = records.view(np.uint16)[:, _PROBE], records.view(np.uint8)[:, OUTCOME]
    whole = holding & (ended >= _FIRST_OUTCOME) & (ended <= _LAST_OUTCOME) & (numbers < names)
    return numbers if whole.all() else np.where(whole, numbers, np.uint16(0))


def holds(records: Words) -> Mask:
    """Tell where the check of a record holds, given its words; see `samples.holds`."""
    folded = records[:, 0] ^ records[:, 1] ^ records[:, 2] ^ records[:, 3]
    halved = folded.astype(np.uint32) ^ (folded >> np.uint64(32)).astype(np.uint32)
    for shift in (16, 8):
        halved ^= halved >> np.uint32(shift)
    held: Mask = halved.astype(np.uint8) == _CHECK
    return held
