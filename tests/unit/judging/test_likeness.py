"""How unlike two shares are: by the exact test, beside all the ways in which looks may fall, counted one by one."""

import itertools
from math import comb

import pytest

from faildrill.judging.likeness import Share, chance, looks_needed, tails


def counted(one: Share, other: Share) -> tuple[float, float]:
    """Count, of all ways to choose which looks are of the first time, those with so few hits, and with so many."""
    looks = [1] * (one.hits + other.hits) + [0] * (one.total + other.total - one.hits - other.hits)
    hits = [sum(some) for some in itertools.combinations(looks, one.total)]
    return sum(some <= one.hits for some in hits) / len(hits), sum(some >= one.hits for some in hits) / len(hits)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Share(0, 5), Share(4, 8)),
        (Share(3, 4), Share(2, 8)),
        (Share(2, 2), Share(0, 6)),
        (Share(1, 6), Share(1, 6)),
        (Share(0, 3), Share(0, 4)),
    ],
)
def test_it_is_what_counting_all_ways_gives(one: Share, other: Share) -> None:
    fewer, more = counted(one, other)
    assert tails([(one, other)]) == pytest.approx((fewer, more))
    assert chance(one, other) == pytest.approx(min(1.0, 2 * min(fewer, more)))


def test_strata_are_weighed_together_and_each_by_itself() -> None:
    """Where none of two probes saw one, both chances must have come about."""
    first, second = (Share(0, 5), Share(4, 8)), (Share(0, 3), Share(3, 9))
    assert tails([first, second])[0] == pytest.approx(tails([first])[0] * tails([second])[0])


def test_what_one_probe_sees_anyway_proves_nothing_of_another() -> None:
    """One probe never meets a server that the other one meets always: that is so before and since (E. H. Simpson)."""
    assert tails([(Share(0, 40), Share(0, 10)), (Share(10, 10), Share(40, 40))])[0] == pytest.approx(1.0)


@pytest.mark.parametrize(("hits", "total", "level"), [(10, 30, 9e-4), (5, 60, 1e-3), (400, 1200, 9e-4)])
def test_one_look_less_than_needed_is_too_few(hits: int, total: int, level: float) -> None:
    needed = looks_needed(Share(hits, total), level)
    assert needed is not None
    ways = [comb(total, hits) / comb(total + many, hits) for many in (needed - 1, needed)]
    assert ways[1] <= level < ways[0]


def test_no_number_of_looks_shows_that_one_that_never_answered_answers_no_more() -> None:
    assert looks_needed(Share(0, 30), 1e-3) is None
