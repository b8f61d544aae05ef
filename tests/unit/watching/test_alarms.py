"""When people are told: after a while, once, and that it is over; however it flaps."""

import random

import pytest

from faildrill.watching.alarms import Alarms, Condition

AFTER, CALM = 5.0, 60.0


def told(states: list[tuple[float, bool]], until: float) -> list[tuple[float, str, str]]:
    """Let one condition be bad or good from given times on, and return when people were told what."""
    alarms = Alarms("lab", AFTER, CALM)
    found: list[tuple[float, str, str]] = []
    for at in (step * 0.5 for step in range(int(until * 2))):
        now = [bad for since, bad in states if since <= at]
        alarms.see([Condition("weight of pay1", now[-1] if now else False, "10, not 1", "put it right")], at)
        found += [(at, one.sort, one.body) for one in alarms.notices(at)]
    return found


def test_what_stays_bad_is_told_once_with_its_evidence_and_the_next_step() -> None:
    [(at, sort, body)] = told([(10.0, True)], 3600.0)
    assert (at, sort) == (15.0, "alert")
    assert body == "- 10, not 1\n  next: put it right"


def test_what_is_bad_for_a_moment_is_not_told() -> None:
    assert told([(10.0, True), (14.0, False)], 300.0) == []


def test_what_is_over_is_told_when_it_has_been_calm() -> None:
    [_, (at, sort, body)] = told([(10.0, True), (100.0, False)], 600.0)
    assert (at, sort) == (160.0, "recovery")
    assert body == "- weight of pay1: good again for 1 min, alerted for 1 min 25 s"


def test_what_flaps_is_one_alert_and_one_recovery_that_says_how_often() -> None:
    flapping = [(10.0 + 10 * number, number % 2 == 0) for number in range(20)]
    [(_, first, _), (_, second, body)] = told(flapping, 900.0)
    assert (first, second) == ("alert", "recovery")
    assert "flapped 9 times" in body


@pytest.mark.parametrize("seed", range(20))
def test_whatever_it_does_people_get_no_more_than_two_messages_in_a_hold_and_a_calm(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    states, at = [], 0.0
    for number in range(200):
        at += chance.expovariate(1 / chance.choice((1.0, 6.0, 70.0)))
        states.append((at, number % 2 == 0))
    times = [at for at, _, _ in told(states, at)]
    assert all(third - first >= AFTER + CALM for first, third in zip(times, times[2:], strict=False))


def test_many_at_once_are_one_message() -> None:
    alarms = Alarms("lab", 0.0, 0.0)
    alarms.see([Condition(f"setting {number}", bad=True) for number in range(30)], 1.0)
    [notice] = alarms.notices(1.0)
    assert notice.title == "lab: 30 settings or probes deviate"
    assert notice.body.endswith("and 10 more")


def test_what_nobody_finds_again_is_over() -> None:
    alarms = Alarms("lab", 0.0, 1.0)
    alarms.see([Condition("weight", bad=True)], 1.0)
    assert [one.sort for one in alarms.notices(1.0)] == ["alert"]
    alarms.absent(["weight"], 2.0)
    assert [one.sort for one in alarms.notices(3.0)] == ["recovery"]
    assert list(alarms.states()) == []
