"""The statistics of a spread: bounds that hold, sizes that matter, and what is seen how soon."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from faildrill.spread import bounds, divergence, jain, weigh

EVEN = {"a": 1.0, "b": 1.0, "c": 1.0}
Counts = some.dictionaries(some.sampled_from("abcde"), some.integers(0, 100_000), min_size=1)


def test_a_tiny_skew_is_harmless_in_however_many_requests() -> None:
    """A test of significance alone calls 0.3% of ten million requests a skew; its size does not matter."""
    found = weigh({"a": 3_366_667, "b": 3_333_333, "c": 3_300_000}, EVEN)
    assert found.verdict == "even"


def test_a_skew_of_the_incident_is_proven_by_less_than_a_hundred_requests() -> None:
    assert weigh({"a": 78, "b": 11, "c": 11}, EVEN).verdict == "skewed"
    assert weigh({"a": 78, "b": 11, "c": 11}, EVEN).off[0] == "a"


def test_a_handful_of_requests_proves_nothing() -> None:
    assert weigh({"a": 5}, EVEN).verdict == "open"


def test_half_as_much_again_is_proven_and_a_tenth_more_is_not() -> None:
    assert weigh({"a": 15_000, "b": 7_500, "c": 7_500}, EVEN).overloaded == ("a",)
    assert weigh({"a": 11_000, "b": 9_500, "c": 9_500}, EVEN).verdict == "even"


def test_a_starved_server_is_off_as_well() -> None:
    found = weigh({"a": 1000, "b": 1000, "c": 0}, EVEN)
    assert found.off == ("c", "a", "b") or set(found.off) == {"a", "b", "c"}
    assert found.shares["c"].times == 0


def test_dues_are_taken_in_proportion() -> None:
    assert weigh({"a": 3000, "b": 1000}, {"a": 30, "b": 10}).verdict == "even"
    assert weigh({"a": 2000, "b": 2000}, {"a": 30, "b": 10}).verdict == "skewed"


def test_requests_to_a_server_that_nobody_approved_are_a_skew() -> None:
    assert "stranger" in weigh({"a": 300, "b": 300, "c": 300, "stranger": 300}, EVEN).off


def test_jains_index_is_one_where_all_have_their_due_and_a_third_where_one_of_three_has_all() -> None:
    assert weigh({"a": 10, "b": 10, "c": 10}, EVEN).jain == pytest.approx(1)
    assert weigh({"a": 30}, EVEN).jain == pytest.approx(1 / 3)
    assert jain([0.0, 0.0]) == 1


def test_nothing_at_all_is_open() -> None:
    assert weigh({}, EVEN).verdict == "open"
    assert weigh({"a": 10}, {}).verdict == "open"


@given(Counts, Counts)
def test_no_counts_and_no_dues_break_it_and_shares_sum_to_one(counts: dict[str, int], due: dict[str, int]) -> None:
    found = weigh(counts, due)
    if found.shares:
        assert sum(one.part for one in found.shares.values()) == pytest.approx(1)
        assert sum(one.due for one in found.shares.values()) == pytest.approx(1)
        assert 0 <= found.jain <= 1 + 1e-9
    assert (found.verdict == "skewed") == bool(found.off)


@given(some.floats(0.01, 0.99), some.integers(1, 400), some.integers(0, 2**32))
def test_what_is_exactly_due_is_never_off(part: float, total: int, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - it must be the same for the same seed
    hits = sum(draw.random() < part for _ in range(total))
    assert weigh({"a": hits, "b": total - hits}, {"a": part, "b": 1 - part}, tolerance=0.25).verdict != "skewed"


@given(some.floats(0.001, 0.999), some.floats(0.001, 0.999))
def test_the_divergence_is_at_least_what_pinsker_says(part: float, true: float) -> None:
    assert divergence(part, true) >= 2 * (part - true) ** 2 - 1e-12


@given(some.integers(0, 500), some.integers(1, 500), some.floats(1e-9, 0.5))
def test_bounds_hold_the_share_that_was_seen(hits: int, more: int, wrong: float) -> None:
    low, high = bounds(hits, hits + more, wrong)
    assert 0 <= low <= hits / (hits + more) <= high <= 1


def test_bounds_are_wrong_no_more_often_than_they_say() -> None:
    draw = random.Random(1)  # noqa: S311 - it must be the same every time
    true, total, wrong = 0.2, 60, 0.05
    missed = 0
    for _ in range(2000):
        low, high = bounds(sum(draw.random() < true for _ in range(total)), total, wrong)
        missed += not low <= true <= high
    assert missed / 2000 <= 2 * wrong
    assert math.isclose(bounds(0, 0, wrong)[1], 1.0)
