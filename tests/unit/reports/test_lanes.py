from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.clock import NANOSECONDS, nanoseconds
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import of
from faildrill.reports.html import lanes
from faildrill.reports.html.look_times import Look, Looks
from faildrill.reports.html.responders import presences

NAMES = ("", "pay1", "pay2", "pay1,pg2")
told_looks = st.lists(
    st.tuples(st.floats(0, 10), st.floats(1e-4, 1), st.sampled_from([*[Outcome.OK] * 16, *Outcome]), st.integers(0, 3)),
    min_size=1,
    max_size=120,
)


def looks(due: list[float], took: list[float], outcomes: list[Outcome], who: list[int] | None = None) -> Looks:
    begun = np.array([nanoseconds(at) for at in due], dtype=np.int64)
    lasted = np.array([nanoseconds(one) for one in took], dtype=np.int64)
    numbers = np.array(who or [0] * len(due), dtype=np.uint16)
    ended = np.array([int(one) for one in outcomes], dtype=np.uint8)
    nothing = np.zeros(len(due), dtype=np.uint16)
    return Looks("pay", of((begun, begun, begun + lasted), (ended, numbers, nothing), NAMES), 0)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(1e-4, 1), st.sampled_from(Outcome)), min_size=1, max_size=300))
def test_bins_lose_neither_the_extremes_nor_a_look(told: list[tuple[float, float, Outcome]]) -> None:
    told.sort(key=lambda one: one[0])
    seen = looks([one[0] for one in told], [one[1] for one in told], [one[2] for one in told])
    lane = lanes.lane(seen, (0.0, 10.0), 0.01)
    columns = seen.columns
    good = (columns.answered - columns.due)[columns.is_good] / NANOSECONDS
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
    due = np.arange(many, dtype=np.int64) * 1_000_000
    chance = np.random.default_rng(1)
    answered = due + (chance.lognormal(-5, 0.4, many) * NANOSECONDS).astype(np.int64)
    outcome = np.where(chance.random(many) < 0.01, 2, 1).astype(np.uint8)
    who, nothing = chance.integers(1, 3, many).astype(np.uint16), np.zeros(many, dtype=np.uint16)
    seen = Looks("pay", of((due, due, answered), (outcome, who, nothing), NAMES), 0)
    lane = lanes.lane(seen, (0.0, 1000.0), 0.001)
    assert len(lane.answers.at) <= lanes.BINS


@settings(max_examples=50, deadline=None)
@given(told_looks, st.integers(1, 40), st.integers(0, 10))
def test_a_lane_reduced_in_blocks_is_that_reduced_whole(
    told: list[tuple[float, float, Outcome, int]], block: int, few: int
) -> None:
    told.sort(key=lambda one: one[0])
    seen = looks(*([one[column] for one in told] for column in range(4)))  # type: ignore[arg-type]
    for span, every, bins in (((0.0, 10.0), 0.01, 5), ((3.0, 6.0), 0.05, 7), ((0.0, 10.0), 0.001, lanes.BINS)):
        pieces = lanes.lane(seen, span, every, bins, lanes.Pieces(block, few))
        whole = lanes.lane(seen, span, every, bins, lanes.Pieces(1000, 1000))
        assert (pieces.failures, pieces.names) == (whole.failures, whole.names)
        for array in ("at", "low", "median", "high"):
            assert np.array_equal(getattr(pieces.answers, array), getattr(whole.answers, array))


@given(told_looks, st.floats(0.01, 2), st.integers(1, 40))
def test_the_answers_of_a_row_are_those_that_a_sorted_list_tells(
    told: list[tuple[float, float, Outcome, int]], gap: float, block: int
) -> None:
    told.sort(key=lambda one: one[0])
    seen = looks(*([one[column] for one in told] for column in range(4)))  # type: ignore[arg-type]
    for row in presences(seen, gap):
        for _, part in seen.columns.blocks(block):
            row.add(part)
        codes = [code for code, name in enumerate(NAMES) if row.name in name.split(",")]
        times = sorted(seen.columns.answered[np.isin(seen.columns.who, codes)].tolist())
        breaks = [place for place in range(1, len(times)) if times[place] - times[place - 1] > nanoseconds(gap)]
        parts = [times[begin:end] for begin, end in pairwise([0, *breaks, len(times)])]
        assert row.stretches == [(one[0], one[-1], len(one)) for one in parts]


@given(told_looks, st.floats(0, 10), st.floats(0, 4), st.integers(1, 8))
def test_the_nearest_looks_are_those_under_way_and_no_others_are_nearer(
    told: list[tuple[float, float, Outcome, int]], start: float, length: float, most: int
) -> None:
    told.sort(key=lambda one: one[0])
    seen = looks(*([one[column] for one in told] for column in range(4)))  # type: ignore[arg-type]
    found = seen.nearest(start, start + length, most)
    since, until = nanoseconds(start), nanoseconds(start + length)
    every = [seen.look(number) for number in range(len(seen))]
    under_way = [one for one in every if nanoseconds(one.answered) >= since and nanoseconds(one.due) <= until]
    middle = start + length / 2

    def distance(look: Look) -> float:
        return max(look.due - middle, middle - look.answered, 0.0)

    assert len(found) == min(most, len(under_way))
    assert [one for one in under_way if one in found] == found or len(set(every)) < len(every)
    if found:
        furthest = max(distance(one) for one in found)
        assert sum(distance(one) < furthest - 1e-8 for one in under_way) < len(found)
