"""How soon a skew is seen and how seldom there is a false alarm: fixed seeds, few of the 1,000 of docs/spread.md."""

import pytest

from unit.spread.simulating import WORLDS, World, simulate

EVEN = [world for world in WORLDS if world.after is None]
SEEN_WITHIN = {"7:1:1, as in the drill": 2.0, "one gets nothing": 3.0, "twice as much to one": 6.0}


@pytest.mark.parametrize("world", EVEN, ids=lambda world: f"{world.name} {world.rate:g}")
def test_traffic_that_is_even_or_at_the_edge_alarms_nobody(world: World) -> None:
    assert [simulate(world, seed, even_for=30).false for seed in range(4)] == [0] * 4


@pytest.mark.parametrize("name", SEEN_WITHIN)
def test_a_skew_at_the_rate_of_the_drill_is_seen_within_seconds(name: str) -> None:
    world = next(one for one in WORLDS if one.name == name and one.rate == 120)
    seen = [simulate(world, seed, even_for=30).seen for seed in range(10)]
    assert max(one if one is not None else 99 for one in seen) <= SEEN_WITHIN[name]
