import itertools
from random import Random
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.judging.outages.bounds import Darkness, Stretch, outages
from faildrill.proofs.intervals import longest_unproven, prove
from faildrill.record.samples import SEEN_LATE, Outcome
from faildrill.record.samples.columns import of
from unit.judging import plainly
from unit.judging.worlds import MODES, MS, SILENT, Look, Window, World, columns, seeded

OK, REFUSED, TIMED_OUT, SKIPPED = Outcome.OK, Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.SKIPPED
SLOW = 10


def look(sent: int, answered: int, outcome: Outcome = OK) -> Look:
    return Look(sent, sent, answered, outcome)


def one(*looks: Look, hold: int = 0) -> Stretch:
    found = outages(columns(looks), SLOW, hold)
    assert len(found) == 1
    return found[0]


@pytest.mark.says(
    "**At most**: from the beginning of the last interval of life that lies wholly before it to the end of the first "
    "one that lies wholly after."
)
def test_a_refusal_between_good_looks_is_an_outage_of_at_least_nothing() -> None:
    found = one(look(0, 2), look(20, 21, REFUSED), look(40, 42))
    assert (found.at_least, found.at_most) == (0, 42)


@pytest.mark.says(
    "**At least**: from the earliest end of a dark interval (by then it had begun) to the latest beginning of one (it"
    " was still on), where no interval of life could have its moment between the two: none begins before the end of "
    "the later dark interval and ends after the beginning of the earlier."
)
def test_refusals_in_a_row_last_from_the_first_answer_to_the_last_sending() -> None:
    found = one(look(0, 2), look(20, 21, REFUSED), look(40, 41, REFUSED), look(60, 61, REFUSED), look(80, 82))
    assert (found.at_least, found.at_most) == (60 - 21, 82 - 0)
    assert (found.last_good, found.first_dark, found.last_dark, found.first_good) == (0, 21, 60, 82)
    assert found.outcomes == {"refused": 3}


def test_silence_is_dark_from_its_sending_on_not_from_when_it_was_given_up() -> None:
    found = one(look(0, 2), look(20, 520, TIMED_OUT), look(40, 540, TIMED_OUT), look(60, 62))
    assert (found.at_least, found.at_most) == (40 - 30, 62)


def test_a_good_answer_later_than_slow_is_dark_time_and_alive_at_its_arrival() -> None:
    found = one(look(0, 2), look(20, 75), look(40, 76), look(60, 77), look(80, 82))
    assert (found.at_least, found.at_most) == (40 - 30, 82 - 0)
    assert found.outcomes == {"slow": 3}


def test_a_hang_shorter_than_the_timeout_is_seen() -> None:
    found = outages(columns([look(at, max(at + 2, 102)) for at in range(0, 200, 1)]), SLOW)
    assert len(found) == 1
    assert found[0].at_least >= 70  # `slow` less on either side, and on the last one twice


@pytest.mark.says(
    "**Looks that overlap**: a good look splits an outage only when its moment of life *must* lie between."
)
def test_a_good_look_that_was_sent_before_the_dark_one_was_answered_does_not_split() -> None:
    found = one(look(0, 2), look(20, 30, REFUSED), look(25, 35), look(26, 36, REFUSED), look(60, 62))
    assert found.stretches == 1
    assert found.at_least == 0


@pytest.mark.says("With `hold: 0s` every proof of life between two dark looks ends one.")
def test_a_good_look_between_two_dark_ones_splits() -> None:
    found = outages(
        columns([look(0, 2), look(20, 21, REFUSED), look(30, 32), look(40, 41, REFUSED), look(60, 62)]), SLOW
    )
    assert [(one.at_most, one.stretches) for one in found] == [(32, 1), (62 - 30, 1)]


def test_good_stretches_shorter_than_the_hold_do_not_split_but_are_counted() -> None:
    found = one(look(0, 2), look(20, 21, REFUSED), look(30, 32), look(40, 41, REFUSED), look(60, 62), hold=50)
    assert (found.at_least, found.at_most, found.stretches) == (40 - 21, 62, 2)


def test_a_good_stretch_that_may_be_as_long_as_the_hold_is_not_counted_as_surely_dark() -> None:
    looks = [look(0, 2), look(20, 21, REFUSED), look(30, 32), look(70, 72), look(90, 91, REFUSED), look(100, 102)]
    assert one(*looks, hold=50).at_least == 0
    assert one(*looks, hold=72).at_least == 90 - 21


def test_a_good_stretch_that_is_surely_as_long_as_the_hold_parts_two_outages() -> None:
    looks = [look(0, 2), look(20, 21, REFUSED), look(30, 32), look(82, 83), look(90, 91, REFUSED), look(100, 102)]
    assert len(outages(columns(looks), SLOW, 50)) == 2
    assert len(outages(columns(looks), SLOW, 51)) == 1


def test_a_good_look_that_ends_when_the_dark_one_is_sent_lies_before_it() -> None:
    found = one(look(0, 2), look(18, 20), look(20, 21, REFUSED), look(40, 42))
    assert (found.last_good, found.at_most) == (18, 24)


@pytest.mark.says(
    "While a good look is under way that was sent before the dark ones, nothing is surely dark: then *at least* is "
    "smaller."
)
def test_nothing_is_surely_dark_while_a_good_look_is_under_way_that_was_sent_before() -> None:
    """Its moment of life may lie anywhere in it: between the two refusals, too."""
    looks = [look(0, 100), look(10, 12), look(50, 51, REFUSED), look(60, 61, REFUSED), look(110, 112)]
    found = outages(columns(looks), 200)
    assert [(one.at_least, one.at_most) for one in found] == [(0, 102)]


def test_skipped_looks_prove_nothing_and_widen_the_bounds() -> None:
    found = one(look(0, 2), look(20, 21, REFUSED), look(40, 40, SKIPPED), look(60, 60, SKIPPED), look(80, 82))
    assert (found.at_least, found.at_most) == (0, 82)


def test_broken_looks_prove_nothing() -> None:
    assert outages(columns([look(0, 2), look(20, 21, Outcome.BROKEN), look(40, 42)]), SLOW) == []


def test_a_deadline_before_slow_is_dark_all_the_same() -> None:
    found = one(look(0, 2), look(20, 23, TIMED_OUT), look(40, 42))
    assert (found.first_dark, found.at_most) == (23, 42)


@pytest.mark.says("Where there is none before or none after, its start or its end was not seen.")
def test_an_outage_that_is_not_over_has_no_most() -> None:
    found = one(look(0, 2), look(20, 21, REFUSED), look(40, 41, REFUSED))
    assert (found.at_least, found.at_most, found.first_good) == (19, None, None)


@pytest.mark.says("Where there is none before or none after, its start or its end was not seen.")
def test_an_outage_that_began_before_the_looking_has_no_most() -> None:
    found = one(look(20, 21, REFUSED), look(40, 42))
    assert (found.at_most, found.last_good) == (None, None)


def test_no_looks_prove_no_outage() -> None:
    assert outages(columns([]), SLOW) == []


@pytest.mark.parametrize("outcome", [OK, TIMED_OUT])
def test_a_look_that_the_prober_saw_late_proves_no_slowness(outcome: Outcome) -> None:
    looks = columns([look(0, 2), look(20, 90, outcome), look(100, 102)], ("", f"x {SEEN_LATE}"), (0, 1, 0))
    found = outages(looks, SLOW)
    assert [one.first_dark for one in found] == ([] if outcome is OK else [90])


def test_a_good_look_is_not_slow_when_its_answer_comes_exactly_at_the_limit() -> None:
    assert outages(columns([look(0, 10)]), SLOW) == []
    assert len(outages(columns([look(0, 11)]), SLOW)) == 1


@pytest.mark.says(
    "**Nothing dark seen** does not mean nothing dark: an outage can hide that is as long as the longest stretch of "
    "`[since, until]` in which no interval of life lies."
)
def test_what_can_hide_between_good_looks_is_from_a_sending_to_the_next_answer() -> None:
    life, _ = prove(columns([look(0, 2), look(20, 22), look(70, 71), look(90, 92)]), SLOW)
    assert longest_unproven(life, 0, 92) == 71 - 20


def test_what_can_hide_after_the_last_look_counts() -> None:
    life, _ = prove(columns([look(0, 2), look(20, 22)]), SLOW)
    assert longest_unproven(life, 0, 500) == 480


def test_what_can_hide_without_a_look_is_everything() -> None:
    life, _ = prove(columns([]), SLOW)
    assert longest_unproven(life, 100, 500) == 400


def test_nothing_can_hide_in_a_time_that_ends_before_it_begins() -> None:
    life, _ = prove(columns([look(0, 2), look(20, 22)]), SLOW)
    assert [longest_unproven(life, since, 10) for since in (10, 15, 25, 500)] == [0, 0, 0, 0]


worlds = st.builds(
    lambda seed, mode, every, slowest, length, timeout, lateness, in_flight: (
        seeded(seed),
        mode,
        World(
            windows=(Window(before := 5 * every + 3 * slowest + 2 * lateness, before + length, mode),),
            every=every,
            slowest=slowest,
            timeout=max(timeout, 2 * slowest + 1),
            lateness=lateness,
            in_flight=in_flight,
            until=before + length + 9 * every + 8 * slowest + 2 * timeout + 2 * lateness,
        ),
    ),
    seed=st.integers(0, 2**32),
    mode=st.sampled_from(MODES),
    every=st.integers(1 * MS, 50 * MS),
    slowest=st.integers(10_000, 80 * MS),
    length=st.integers(1, 700 * MS),
    timeout=st.integers(20 * MS, 300 * MS),
    lateness=st.integers(0, 10 * MS),
    in_flight=st.sampled_from([1, 2, 7, 10**6]),
)


@pytest.mark.says(
    "The truth lies between, always; tests prove it for refusals, resets, wrong answers, requests that are held and "
    "answered later, lost, or sent again by TCP, with jitter, with looks that overlap and with any cap on them."
)
@settings(max_examples=150, deadline=None)
@given(worlds)
def test_the_truth_lies_within_the_bounds_always(made: tuple[Random, str, World]) -> None:
    random, _, world = made
    looks = columns(world.seen(random))
    slow = 2 * world.slowest
    began, ended, _ = world.windows[0]
    for hold in (0, 100 * MS):
        found = outages(looks, slow, hold)
        assert len(found) <= 1
        if not found:
            life, _ = prove(looks, slow)
            assert ended - began <= longest_unproven(life, 0, world.until + world.timeout)
            continue
        assert found[0].at_least <= ended - began
        assert found[0].last_good is not None
        assert found[0].last_good <= began
        if found[0].first_good is not None and found[0].at_most is not None:
            assert found[0].first_good >= ended
            assert ended - began <= found[0].at_most


@pytest.mark.says(
    "The bounds are as wide as an interval and an answer on either side; for silence, `slow` more, and twice more at "
    "the end where what had waited is answered then."
)
@settings(max_examples=100, deadline=None)
@given(worlds)
def test_the_bounds_are_an_interval_and_an_answer_wide_on_either_side(made: tuple[Random, str, World]) -> None:
    random, mode, world = made
    seen = world.seen(random)
    if any(one.outcome is SKIPPED for one in seen):
        return
    answers = world.slowest * (1 if world.slowest < world.every else 2)
    side = world.every + answers + world.lateness + (2 * world.slowest if mode in SILENT else 0)
    answered_then = 4 * world.slowest if mode == "held" else 0
    for found in outages(columns(seen), 2 * world.slowest):
        if found.at_most is not None:
            assert found.at_most - found.at_least <= 2 * side + answered_then


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    modes=st.lists(st.sampled_from(("refused", "reset", "wrong", "lost")), min_size=2, max_size=5),
    length=st.integers(60 * MS, 200 * MS),
)
def test_every_outage_of_several_is_bounded_on_its_own(seed: int, modes: list[str], length: int) -> None:
    windows = tuple(
        Window((100 + 500 * at) * MS, (100 + 500 * at) * MS + length, mode) for at, mode in enumerate(modes)
    )
    world = World(windows, 10 * MS, 5 * MS, 100 * MS, MS, 10**6, 500 * MS * (len(modes) + 1))
    looks = columns(world.seen(seeded(seed)))
    found = outages(looks, 10 * MS)
    assert len(found) == len(modes)
    for one in found:
        assert one.at_most is not None
        assert one.at_least <= length <= one.at_most
    held = outages(looks, 10 * MS, hold=600 * MS)
    assert [one.stretches for one in held] == [len(modes)]
    assert held[0].at_most is not None
    assert held[0].at_least <= windows[-1].ended - windows[0].began <= held[0].at_most


some_looks = st.lists(
    st.builds(
        lambda sent, took, outcome: Look(sent, sent, sent + took, outcome),
        sent=st.integers(0, 300),
        took=st.integers(1, 40),
        outcome=st.sampled_from([OK, OK, OK, REFUSED, TIMED_OUT, Outcome.WRONG, SKIPPED]),
    ),
    max_size=40,
)


@pytest.mark.says(
    "**At most**: from the beginning of the last interval of life that lies wholly before it to the end of the first "
    "one that lies wholly after."
)
@pytest.mark.says(
    "**At least**: from the earliest end of a dark interval (by then it had begun) to the latest beginning of one (it"
    " was still on), where no interval of life could have its moment between the two: none begins before the end of "
    "the later dark interval and ends after the beginning of the earlier."
)
@settings(max_examples=200, deadline=None)
@given(looks=some_looks, slow=st.integers(1, 40), hold=st.sampled_from([0, 0, 15, 60]))
def test_the_fast_bounds_are_those_of_the_plain_definition(looks: list[Look], slow: int, hold: int) -> None:

    seen = columns(looks)
    fast = [
        plainly.Outage(one.at_least, one.at_most, one.first_dark, one.first, one.last)
        for one in outages(seen, slow, hold)
    ]
    assert fast == plainly.outages(seen, slow, hold)


marks = st.lists(st.integers(-5, 350), max_size=4)


@settings(max_examples=200, deadline=None)
@given(looks=some_looks, hold=st.sampled_from([0, 15]), block=st.integers(1, 9), marked=marks)
def test_proofs_of_which_only_the_ends_are_kept_tell_the_same(
    looks: list[Look], hold: int, block: int, marked: list[int]
) -> None:
    slow = 20
    seen = columns(looks)
    all_kept, thinned = prove(seen, slow, block=1), prove(seen, slow, marked, block)
    found = Darkness(seen, slow, *all_kept).outages(hold)
    assert Darkness(seen, slow, *thinned).outages(hold) == found
    over = [one.first_good for one in found if one.first_good is not None]
    for since, until in itertools.product([*marked, *over], marked):
        assert longest_unproven(thinned[0], since, until) == longest_unproven(all_kept[0], since, until)


def test_of_a_long_time_without_anything_dark_next_to_nothing_is_kept() -> None:
    looks = columns([look(at, at + 1) for at in range(0, 60_000, 2)] + [look(30_001, 30_002, REFUSED)])
    life, dark = prove(looks, SLOW, marks=(0, 60_000), block=100)
    assert (len(dark.sample), len(life.since) < 1500) == (1, True)


def test_a_million_looks_are_judged_in_a_moment() -> None:
    count = 1_000_000
    due = np.arange(count, dtype=np.int64) * MS
    outcome = np.full(count, OK, np.uint8)
    outcome[300_000:305_000] = REFUSED
    zeros = np.zeros(count, np.uint16)
    looks = of((due, due, due + 900_000), (outcome, zeros, zeros), ("",))
    started = process_time()
    found = outages(looks, 2 * MS, 1000 * MS)
    took = process_time() - started
    assert len(found) == 1
    assert took < 1.0
