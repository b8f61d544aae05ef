"""When a look is held back: as long as nothing answers, and never more than the most."""

from itertools import pairwise

import pytest

from faildrill.probing.backoff import NARROWEST, WIDEST, Restraint, most_in_flight
from unit.probing.watched import MILLISECOND


def test_while_something_answers_nothing_is_held_back() -> None:
    restraint = Restraint(512)
    for moment in range(0, 500 * MILLISECOND, MILLISECOND):
        assert restraint.allows(moment, pending=167)
        restraint.sent(moment, pending=167)
        restraint.answered(moment, took=MILLISECOND)


@pytest.mark.parametrize(
    ("took", "widest"),
    [(100_000, NARROWEST), (4 * MILLISECOND, 8 * MILLISECOND), (300 * MILLISECOND, WIDEST)],
)
def test_in_silence_looks_are_spaced_more_and_more_up_to_what_counts_as_slow(took: int, widest: int) -> None:
    restraint = Restraint(512)
    restraint.answered(0, took=took)
    spacings = _spacings(restraint, until=900 * MILLISECOND)
    assert spacings == sorted(spacings)
    assert spacings[0] == MILLISECOND
    assert spacings[-1] == widest


def test_of_a_long_silence_looks_are_spaced_further_so_that_what_piles_up_stays_bounded() -> None:
    restraint = Restraint(10_000)
    spacings = _spacings(restraint, until=30_000 * MILLISECOND)
    assert spacings == sorted(spacings)
    assert max(spacings[:150]) <= NARROWEST
    assert spacings[-1] == WIDEST
    assert len(spacings) < 1_800  # 6,000 where it stays as narrow as at first


def test_what_waited_for_the_end_of_a_silence_does_not_space_the_looks_of_the_next_one() -> None:
    restraint = Restraint(10_000)
    first = _spacings(restraint, until=500 * MILLISECOND)
    for took in range(MILLISECOND, 500 * MILLISECOND, 5 * MILLISECOND):
        restraint.answered(500 * MILLISECOND, took)
    assert _spacings(restraint, until=1000 * MILLISECOND, since=500 * MILLISECOND) == first


def test_a_service_that_always_takes_long_is_known_to() -> None:
    restraint = Restraint(10_000)
    for moment in range(0, 200 * MILLISECOND, MILLISECOND):
        restraint.sent(moment, pending=moment and 1)
        if moment >= 8 * MILLISECOND:
            restraint.answered(moment, took=8 * MILLISECOND)
    spacings = _spacings(restraint, until=900 * MILLISECOND, since=200 * MILLISECOND)
    assert spacings[-1] == 16 * MILLISECOND


def test_a_first_look_after_a_pause_is_no_silence() -> None:
    restraint = Restraint(512)
    restraint.sent(10_000 * MILLISECOND, pending=0)
    assert restraint.allows(10_001 * MILLISECOND, pending=1)


def test_what_does_not_get_there_is_sent_at_its_rate_and_never_more_than_the_most() -> None:
    restraint = Restraint(100)
    restraint.sent(99 * MILLISECOND, pending=50)
    assert not restraint.allows(100 * MILLISECOND, pending=50)
    assert restraint.allows(100 * MILLISECOND, pending=50, is_cut=True)
    assert not restraint.allows(100 * MILLISECOND, pending=100, is_cut=True)


def test_what_the_drill_says_of_looks_in_flight_is_never_exceeded() -> None:
    restraint = Restraint(2)
    assert restraint.allows(1, pending=1)
    assert not restraint.allows(1_000 * MILLISECOND, pending=2)


def test_without_a_word_the_deadline_bounds_the_looks_in_flight() -> None:
    assert most_in_flight(every=0.02, timeout=0.5) == 27
    assert most_in_flight(every=0.001, timeout=60) == 512


def _spacings(restraint: Restraint, until: int, since: int = 0) -> list[int]:
    """Send, once a millisecond of a silence, what may be sent; return how far apart that was."""
    sent: list[int] = []
    for moment in range(since + MILLISECOND, until, MILLISECOND):
        if restraint.allows(moment, pending=len(sent) + 1):
            restraint.sent(moment, pending=len(sent) + 1)
            sent.append(moment)
    return [later - one for one, later in pairwise(sent)]
