"""P24: no occurrence of a game day is run twice, and none is missed without a word."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from safety.year_of_ticks import HOSTS, Year

SOAKED: Final = 10_000
PARTS: Final = 4
"""Tests that share the schedules, so that several processors can go through them."""


@pytest.mark.parametrize("part", range(PARTS))
def test_in_a_year_of_kills_and_wrong_clocks_nothing_is_run_twice_or_silently_missed(
    part: int, ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    assert ground.is_dir()
    seeds = range(part, many(PARTS, SOAKED), PARTS)
    occurrences = kills = begun = ticks = 0
    for seed in seeds:
        year = Year(seed, f"day-{seed}")
        year.live()
        assert year.twice() == [], f"seed {seed}"
        assert year.silently_missed() == [], f"seed {seed}"
        assert year.unexplained() == [], f"seed {seed}"
        assert year.untrue() == [], f"seed {seed}"
        occurrences += len(year.planned)
        kills, begun, ticks = kills + year.kills, begun + len(year.begun), ticks + year.ticks
    assert 0 < begun < occurrences
    assert kills
    figure(
        f"P24 a year of {len(seeds):,} schedules, {HOSTS} hosts that tick: {occurrences:,} occurrences, {begun:,} "
        f"begun, {ticks:,} ticks, {kills:,} of them killed; 0 run twice, 0 silently missed"
    )
