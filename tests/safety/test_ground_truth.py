"""A server that knows when it was dark, and what judging makes of the prober's samples: the truth, within bounds.

With `--soak` there are 100 windows of 20 ms to 30 s a mode and connection instead of two, and the figures are printed.
"""

import asyncio
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pytest

from faildrill.judging.outages.bounds import Stretch, outages
from faildrill.judging.outages.estimate import likely
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, load
from unit.probing.darkening import EVERY, LOUD, PARTIAL, SILENT, SLOW, dropped, lacking, windows
from unit.probing.ground import Dark
from unit.probing.watched import MILLISECOND

AROUND: Final = 80 * MILLISECOND
"""As a drill has it whose warm-up was answered well."""
SHORT: Final = (0.02, 0.15)
LONGER: Final = 0.04
"""A silence is seen once it is longer than `slow`."""
FEW_LONG: Final = 4
"""Of the windows of a soak, as many are 10 to 30 s long; the others 20 ms to 5 s, evenly in the logarithm."""
HOLD: Final = 50 * MILLISECOND
MODES: Final = {**LOUD, **SILENT}

Many = Callable[[int, int], int]
Figure = Callable[[str], None]


class Found(NamedTuple):
    """An outage as judging bounds it, the looks around it, and the truth."""

    outage: Stretch
    near: Columns
    truth: Dark


@pytest.mark.parametrize("connection", ["fresh", "kept"])
@pytest.mark.parametrize("mode", MODES)
def test_the_truth_lies_within_the_bounds_when(
    mode: str, connection: str, tmp_path: Path, many: Many, figure: Figure
) -> None:
    lengths = _lengths(many(len(SHORT), 100), longer=LONGER if mode in SILENT else 0.0)
    truths = asyncio.run(windows(MODES[mode], connection, tmp_path, lengths))
    found = _found(truths, load(tmp_path)["pay"], hold=0)
    for one in found:
        _holds(one)
        _is_sharp(one, silent=mode in SILENT)
    figure(f"{mode}, {connection}: {_figures(found)}")


@pytest.mark.parametrize("connection", ["fresh", "kept"])
def test_the_truth_lies_within_the_bounds_when_every_packet_is_dropped(
    connection: str, tmp_path: Path, many: Many, figure: Figure
) -> None:
    if (why := lacking()) is not None:
        pytest.skip(why)
    truths = dropped(tmp_path, connection, _lengths(many(len(SHORT), 100), longer=LONGER))
    found = _found(truths, load(tmp_path)["pay"], hold=0)
    for one in found:
        _holds(one)
        _is_sharp(one, silent=True)
    figure(f"every packet is dropped, {connection}: {_figures(found)}")


@pytest.mark.parametrize("mode", PARTIAL)
def test_of_a_partial_outage_a_third_of_the_looks_fail_and_its_bounds_are_no_longer_than_it(
    mode: str, tmp_path: Path, many: Many, figure: Figure
) -> None:
    truths = asyncio.run(windows(PARTIAL[mode], "fresh", tmp_path, _lengths(many(len(SHORT), 100), longer=0.2)))
    columns = load(tmp_path)["pay"]
    shares = []
    for one in _found(truths, _without_others(columns, truths), hold=HOLD):
        looks = columns.between(*one.truth.surely)
        looks = looks.where(looks.is_look)
        shares.append(float(np.mean(~looks.is_good)))
        assert 1 / 4 < shares[-1] < 1 / 2
        assert one.outage.at_least <= one.truth.perhaps[1] - one.truth.perhaps[0]
        assert one.outage.at_most is not None
        # Two of three looks go well at its beginning and at its end: what they see is no outage yet, or none any more.
        unseen = 2 * (3 * round(EVERY * 1e9) + _lateness(one.near))
        assert one.outage.at_most >= one.truth.surely[1] - one.truth.surely[0] - unseen
    figure(f"{mode}: {len(shares)} windows, {min(shares):.1%} to {max(shares):.1%} of the looks failed")


def _lengths(count: int, longer: float) -> list[float]:
    """Choose how long the windows are, in seconds; the same every time."""
    if count == len(SHORT):
        return [one + longer for one in SHORT]
    chance = random.Random(count)  # noqa: S311 - the same windows every time
    usual = [math.exp(chance.uniform(math.log(0.02 + longer), math.log(5.0))) for _ in range(count - FEW_LONG)]
    lengths = usual + [chance.uniform(10.0, 30.0) for _ in range(FEW_LONG)]
    chance.shuffle(lengths)
    return lengths


def _without_others(columns: Columns, truths: list[Dark]) -> Columns:
    """Leave out bad looks of no window: with a hold, an outage of the machine beside one would be part of it."""
    ours = columns.is_good | ~columns.is_look
    for truth in truths:
        ours |= (columns.due >= truth.began[0] - round(EVERY * 1e9)) & (columns.due <= truth.ended[1])
    return columns.where(ours)


def _found(truths: list[Dark], columns: Columns, hold: int) -> list[Found]:
    """Bound the outages; there must be one, and one only, at each window."""
    assert not np.any(columns.outcome == Outcome.BROKEN)
    found = []
    for truth in truths:
        near = columns.between(truth.began[0] - AROUND, truth.ended[1] + AROUND)
        within = [one for one in outages(near, SLOW, hold) if _overlap(one, truth)]
        assert len(within) == 1
        found.append(Found(within[0], near, truth))
    return found


def _overlap(outage: Stretch, truth: Dark) -> bool:
    """Tell them from outages of the machine: on a busy one, a good server may be silent for longer than `slow`."""
    return outage.first_dark <= truth.ended[1] and outage.last_dark >= truth.began[0]


def _holds(found: Found) -> None:
    outage, truth = found.outage, found.truth
    assert outage.last_good is not None
    assert outage.first_good is not None
    assert outage.at_most is not None
    assert outage.last_good <= truth.began[1]
    assert outage.first_good >= truth.ended[0]
    assert outage.at_least <= truth.perhaps[1] - truth.perhaps[0]
    assert outage.at_most >= truth.surely[1] - truth.surely[0]


def _is_sharp(found: Found, *, silent: bool) -> None:
    """The width is an interval and an answer on either side, `slow` for silence and twice more, and our lateness."""
    outage, near, truth = found.outage, found.near, found.truth
    assert outage.at_most is not None
    unsure = truth.began[1] - truth.began[0] + truth.ended[1] - truth.ended[0]
    good = near.where(near.is_good & (near.answered - near.sent <= SLOW))
    slowest = int(np.max(good.answered - good.sent))
    either = round(EVERY * 1e9) + slowest + _lateness(near) + (SLOW if silent else 0)
    answered_then = 2 * SLOW if silent else 0
    assert outage.at_most - outage.at_least <= 2 * either + answered_then + unsure + MILLISECOND


def _lateness(near: Columns) -> int:
    """Tell how much further apart than an interval looks were sent, at most: held back, or not looked in time."""
    sent = np.sort(near.where(near.is_look).sent)
    return max(int(np.max(np.diff(sent))) - round(EVERY * 1e9), 0)


def _figures(found: list[Found]) -> str:
    widths = [(one.outage.at_most or 0) - one.outage.at_least for one in found]
    above = [(one.outage.at_most or 0) - (sum(one.truth.ended) - sum(one.truth.began)) // 2 for one in found]
    wrong = [abs(_likely(one) - (sum(one.truth.ended) - sum(one.truth.began)) // 2) for one in found]
    late = [int(np.max((one.near.sent - one.near.due)[one.near.is_look])) for one in found]
    told = (
        f"{name} {np.median(some) / 1e6:.1f}, {max(some) / 1e6:.1f} ms"
        for name, some in (
            ("width", widths),
            ("upper bound - truth", above),
            ("likeliest, error", wrong),
            ("latest look", late),
        )
    )
    return f"{len(found)} of {len(found)} windows inside; median and largest: {'; '.join(told)}"


def _likely(found: Found) -> int:
    estimate = likely(found.near, found.outage)
    assert estimate is not None
    assert found.outage.at_least <= estimate <= (found.outage.at_most or 0)
    return estimate
