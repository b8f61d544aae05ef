import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faildrill.reports import lanes
from faildrill.reports.looks import Looks
from faildrill.samples import Outcome


def looks(due: list[float], took: list[float], outcomes: list[Outcome], who: list[int] | None = None) -> Looks:
    sent = np.array(due, dtype=np.float64)
    return Looks(
        probe="pay",
        due=sent,
        sent=sent,
        answered=sent + np.array(took, dtype=np.float64),
        outcome=np.array([int(one) for one in outcomes], dtype=np.uint8),
        who=np.array(who or [0] * len(due), dtype=np.uint16),
        detail=np.zeros(len(due), dtype=np.uint16),
        names=("", "pay1", "pay2", "pay1,pg2"),
    )


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(1e-4, 1), st.sampled_from(Outcome)), min_size=1, max_size=300))
def test_bins_lose_neither_the_extremes_nor_a_look(told: list[tuple[float, float, Outcome]]) -> None:
    told.sort(key=lambda one: one[0])
    seen = looks([one[0] for one in told], [one[1] for one in told], [one[2] for one in told])
    lane = lanes.lane(seen, (0.0, 10.0), 0.01)
    good = (seen.answered - seen.due)[seen.outcome == Outcome.OK]
    assert sum(row.looks for row in lane.failures) == len(told) - len(good)
    assert sum(part.looks for row in lane.failures for part in row.stretches) == len(told) - len(good)
    if len(good):
        assert lane.answers.low.min() == good.min()
        assert lane.answers.high.max() == good.max()
        assert np.all(lane.answers.low <= lane.answers.median)
        assert np.all(lane.answers.median <= lane.answers.high)


def test_a_partial_outage_is_drawn_lower_than_a_total_one() -> None:
    due = [number * 0.01 for number in range(1000)]
    outcomes = [Outcome.REFUSED if number % 3 == 0 or number > 600 else Outcome.OK for number in range(1000)]
    lane = lanes.lane(looks(due, [0.001] * 1000, outcomes), (0.0, 10.0), 0.1)
    levels = [part.level for part in lane.failures[0].stretches]
    assert min(levels) == 1 or min(levels) == 2
    assert lane.failures[0].stretches[-1].level == 3


def test_a_row_begins_with_its_first_look_and_not_with_a_bin() -> None:
    outcomes = [Outcome.OK] * 7 + [Outcome.WRONG] * 5 + [Outcome.OK] * 8
    lane = lanes.lane(looks([float(at) for at in range(20)], [0.25] * 20, outcomes), (0.0, 20.0), 1.0, 6)
    assert lane.failures[0].stretches[0].start == 7.0
    assert lane.failures[0].stretches[-1].end == 11.25


def test_servers_that_take_turns_are_shown_as_serving_all_the_time() -> None:
    due = [number * 0.02 for number in range(600)]
    who = [number % 2 + 1 for number in range(600)]
    lane = lanes.lane(looks(due, [0.001] * 600, [Outcome.OK] * 600, who), (0.0, 12.0), 0.02)
    assert [(row.name, len(row.stretches)) for row in lane.names] == [("pay1", 1), ("pay2", 1)]


def test_a_switch_of_the_server_is_two_stretches() -> None:
    due = [number * 0.1 for number in range(200)]
    who = [1 if number < 100 else 3 for number in range(200)]
    lane = lanes.lane(looks(due, [0.001] * 200, [Outcome.OK] * 200, who), (0.0, 20.0), 0.1, 160)
    rows = {row.name: row for row in lane.names}
    assert rows["pay1"].looks == 200
    assert rows["pg2"].stretches[0].start == pytest.approx(10.001)


def test_a_million_looks_are_reduced_to_what_a_picture_can_show() -> None:
    many = 1_000_000
    due = np.arange(many, dtype=np.float64) * np.float64(0.001)
    chance = np.random.default_rng(1)
    seen = Looks(
        probe="pay",
        due=due,
        sent=due,
        answered=due + chance.lognormal(-5, 0.4, many),
        outcome=np.where(chance.random(many) < 0.01, 2, 1).astype(np.uint8),
        who=chance.integers(1, 3, many).astype(np.uint16),
        detail=np.zeros(many, dtype=np.uint16),
        names=("", "pay1", "pay2"),
    )
    lane = lanes.lane(seen, (0.0, 1000.0), 0.001)
    assert len(lane.answers.at) <= lanes.BINS
