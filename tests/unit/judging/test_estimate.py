from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faildrill.judging.outages.bounds import outages
from faildrill.judging.outages.estimate import likely
from faildrill.record.samples import Outcome
from unit.judging.worlds import MODES, MS, Look, Window, World, columns, seeded

SLOW = 10 * MS
BEFORE = 100 * MS


def estimated(mode: str, length: int, seed: int, *, every: int = MS, in_flight: int = 10**6) -> tuple[int, int, int]:
    """Return the least, the likeliest and the longest that a window seen by a prober can have been."""
    window = Window(BEFORE + seed % every, BEFORE + seed % every + length, mode)
    world = World((window,), every, MS // 2, 500 * MS, MS // 10, in_flight, window.ended + 700 * MS)
    looks = columns(world.seen(seeded(seed)))
    (found,) = outages(looks, SLOW)
    estimate = likely(looks, found)
    assert estimate is not None
    assert found.at_most is not None
    return found.at_least, estimate, found.at_most


@given(
    mode=st.sampled_from(MODES),
    length=st.integers(30 * MS, 900 * MS),
    seed=st.integers(0, 2**32),
    every=st.integers(MS, 10 * MS),
    in_flight=st.sampled_from([2, 20, 10**6]),
)
def test_the_likeliest_length_is_always_within_the_bounds(
    mode: str, length: int, seed: int, every: int, in_flight: int
) -> None:
    least, estimate, most = estimated(mode, length, seed, every=every, in_flight=in_flight)
    assert least <= estimate <= most


@pytest.mark.parametrize("mode", MODES)
def test_it_is_right_to_within_an_interval_and_an_answer(mode: str) -> None:
    lengths = range(40 * MS, 500 * MS, 9_700_000)
    errors = [abs(estimated(mode, length, seed)[1] - length) for seed, length in enumerate(lengths)]
    assert max(errors) <= 2 * MS
    assert np.median(errors) <= MS / 2


def test_of_a_hang_it_is_far_sharper_than_the_bounds() -> None:
    least, estimate, most = estimated("held", 200 * MS, seed=1)
    assert most - least > 15 * MS
    assert abs(estimate - 200 * MS) < MS


@pytest.mark.parametrize("apart", [100_000, 4 * MS])
def test_looks_that_tcp_sent_again_together_do_not_tell_the_end(apart: int) -> None:
    good = [Look(at, at, at + MS // 5, Outcome.OK) for at in range(0, 100 * MS, MS)]
    lost = [Look(at, at, at + 500 * MS, Outcome.TIMED_OUT) for at in range(100 * MS, 200 * MS, 5 * MS)]
    again = [Look(at, at, 324 * MS, Outcome.OK) for at in (120 * MS, 120 * MS + apart)]
    after = [Look(at, at, at + MS // 5, Outcome.OK) for at in range(340 * MS, 900 * MS, MS)]
    looks = columns(chain(good, lost, again, after))
    found = outages(looks, SLOW)[0]
    estimate = likely(looks, found)
    assert found.first_good is not None
    assert estimate is not None
    assert found.last_dark < 99 * MS + estimate < found.first_good - MS


def test_an_outage_whose_end_was_not_seen_has_no_likeliest_length() -> None:
    good = [Look(at, at, at + MS // 5, Outcome.OK) for at in range(0, 100 * MS, MS)]
    dark = [Look(at, at, at + MS // 5, Outcome.REFUSED) for at in range(100 * MS, 200 * MS, MS)]
    (found,) = outages(looks := columns([*good, *dark]), SLOW)
    assert likely(looks, found) is None


def test_a_few_looks_are_enough() -> None:
    times = [(0, MS, Outcome.OK), (9 * MS, 10 * MS, Outcome.REFUSED), (20 * MS, 21 * MS, Outcome.OK)]
    looks = columns([Look(sent, sent, answered, outcome) for sent, answered, outcome in times])
    (found,) = outages(looks, SLOW)
    assert likely(looks, found) == (20 + 9 - 10 - 1) * MS // 2
