"""The likeliest length of an outage: one number between its bounds, for those who want one beside them.

The bounds hold every time, so they allow for the longest answer that is still usual. Most answers take far less; and a
good look needs a service that is alive from its sending until its answer. So an outage most likely

- began in the middle between the answer of the last good look and that of the first dark one, or where there was none,
  when a typical one would have come;
- ended, where looks of different ages that had waited were answered together, half a typical answer before the first of
  these. One alone tells nothing, nor do those of one age: TCP may have sent them again long after the end;
- ended, otherwise, in the middle between the sending of the last dark look and that of the first good one after it.

It is no proof, and no verdict rests on it: docs/decisions/0014 says why it is there at all.
"""

from typing import Final

import numpy as np

from faildrill.judging.outages.bounds import Stretch
from faildrill.record.samples.columns import Columns

NEAR: Final = 256
"""Looks before the first dark one, and on either side of the last one, that are taken into account."""
BRISK: Final = 4
"""An answer that took this many typical ones had to wait."""
TICKS: Final = 10_000_000
"""What TCP sends again it sends at a tick of the kernel's clock: what is no further apart (ns) may be sent together."""


def likely(columns: Columns, outage: Stretch) -> int | None:
    """Return the likeliest length in ns, always within the bounds; None where there is no single one.

    That is where an edge of the outage was not seen, or life within it.
    """
    if outage.at_most is None or outage.last_good is None or outage.stretches > 1:
        return None
    typical = _typical(columns, outage)
    first = columns.sample("", outage.first)
    first_dark = min(first.sent + typical, first.answered)
    began = (outage.last_good + typical + first_dark) // 2
    ended = _answered_together(columns, outage, typical) or _answered_again(columns, outage)
    return min(max(ended - began, outage.at_least), outage.at_most)


def _typical(columns: Columns, outage: Stretch) -> int:
    """Return how long an answer took before the outage, in the median."""
    before = columns.part(max(outage.first - NEAR, 0), outage.first)
    took = (before.answered - before.sent)[before.is_good]
    return int(np.median(took)) if len(took) else 0


def _answered_together(columns: Columns, outage: Stretch, typical: int) -> int | None:
    """Return when a service came back that answered what had waited for it; None where none did."""
    near, last_dark = columns.part(max(outage.last - NEAR, 0), outage.last + NEAR), columns.sample("", outage.last).sent
    waited = near.is_good & (near.answered - near.sent > BRISK * typical)
    waited &= (near.answered >= last_dark) & (near.sent <= last_dark)
    sent, answered = near.sent[waited], near.answered[waited]
    if not len(answered):
        return None
    first = int(answered.min())
    ages = int(np.ptp(sent[answered <= first + BRISK * typical]))
    if not typical or ages <= max(2 * BRISK * typical, TICKS):
        return None
    return min(first, outage.first_good or first) - typical // 2


def _answered_again(columns: Columns, outage: Stretch) -> int:
    """Return the middle between the sending of the last dark look and that of the first good one after it."""
    after, last_dark = columns.part(outage.last + 1, outage.last + NEAR), columns.sample("", outage.last).sent
    good = after.sent[after.is_good & (after.sent >= last_dark)]
    return (last_dark + int(good.min())) // 2 if len(good) else last_dark
