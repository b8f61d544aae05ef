"""A server that knows when it was dark, and what judging makes of the prober's samples: the truth, within bounds."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from faildrill.judging.bounds import Silence, Stretch, outages
from faildrill.probing.restraint import WIDEST
from faildrill.samples import Outcome
from faildrill.samples.columns import Columns, load
from unit.probing.ground import Dark, Ground, ground
from unit.probing.watched import MILLISECOND, plan, watching

EVERY: Final = 0.002
SLOW: Final = 20 * MILLISECOND
AROUND: Final = 80 * MILLISECOND
WINDOWS: Final = (0.02, 0.15)
LONGER: Final = 0.04
"""A silence is seen once it is longer than `slow`."""

MODES: Final[dict[str, Callable[[Ground, float], Dark]]] = {
    "the listener is closed": lambda server, seconds: server.dark("refused", seconds),
    "each request is reset": lambda server, seconds: server.dark("reset", seconds),
    "each answer is HTTP 500": lambda server, seconds: server.dark("500", seconds),
    "requests are held and answered at the end": lambda server, seconds: server.dark("held", seconds + LONGER),
    "requests are taken in and lost": lambda server, seconds: server.dark("silent", seconds + LONGER),
    "the process is stopped": lambda server, seconds: server.stopped(seconds + LONGER),
}
SILENT: Final = set(list(MODES)[3:])


@pytest.mark.parametrize("connection", ["fresh", "kept"])
@pytest.mark.parametrize("mode", MODES)
def test_the_truth_lies_within_the_bounds_when(mode: str, connection: str, tmp_path: Path) -> None:
    truths, columns = asyncio.run(_windows(mode, connection, tmp_path))
    assert not np.any(columns.outcome == Outcome.BROKEN)
    for truth in truths:
        near = columns.between(truth.began[0] - AROUND, truth.ended[1] + AROUND)
        within = [one for one in outages(near, Silence(SLOW, SLOW)) if _overlap(one, truth)]
        assert len(within) == 1
        _holds(within[0], truth)
        _is_sharp(within[0], near, silent=mode in SILENT)


def _overlap(outage: Stretch, truth: Dark) -> bool:
    """Tell them from outages of the machine: on a busy one, a good server may be silent for longer than `slow`."""
    return outage.first_dark <= truth.ended[1] and outage.last_dark >= truth.began[0]


def _holds(outage: Stretch, truth: Dark) -> None:
    assert outage.last_good is not None
    assert outage.first_good is not None
    assert outage.at_most is not None
    assert outage.last_good <= truth.began[1]
    assert outage.first_good >= truth.ended[0]
    assert outage.at_least <= truth.perhaps[1] - truth.perhaps[0]
    assert outage.at_most >= truth.surely[1] - truth.surely[0]


def _is_sharp(outage: Stretch, near: Columns, *, silent: bool) -> None:
    """The width is an interval and an answer on either side, for silence `slow` too, and what we were late."""
    assert outage.at_most is not None
    good = near.where(near.is_good & (near.answered - near.sent <= SLOW))
    slowest = int(np.max(good.answered - good.sent))
    sent = near.where(near.is_look)
    late = int(np.max(sent.sent - sent.due)) + int(np.count_nonzero(near.outcome == Outcome.SKIPPED) > 0) * WIDEST
    either = round(EVERY * 1e9) + slowest + late + (SLOW if silent else 0)
    assert outage.at_most - outage.at_least <= 2 * either + MILLISECOND


async def _windows(mode: str, connection: str, folder: Path) -> tuple[list[Dark], Columns]:
    truths: list[Dark] = []
    with ground() as server:
        async with watching(folder, [plan(url=server.url, connection=connection, every=EVERY)]):
            for seconds in WINDOWS:
                truths.append(await asyncio.to_thread(MODES[mode], server, seconds))
                await asyncio.sleep(0.1)
    return truths, load(folder)["pay"]
