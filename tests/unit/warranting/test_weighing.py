"""Whether a failover is warranted: what each mixture of testimonies comes to, and what never makes one."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faildrill.ports import witness
from faildrill.ports.witness import Says
from faildrill.warranting.answer import Answer, weigh

A, D, S, E, C, N = Says.ALIVE, Says.DEAD, Says.SLOW, Says.ELSEWHERE, Says.CLEAR, Says.NOTHING
SIGNALS = ("primary", "standby pg2", "patroni", "application", "load balancer")
POSSIBLE = {
    "primary": (A, D, S, N),
    "standby pg2": (A, D, N),
    "patroni": (A, D, N),
    "application": (A, D, S, N),
    "load balancer": (E, C, N),
}


def heard(*says: Says | None) -> list[witness.Testimony]:
    """Make the testimonies of the five observers, in their order; None for one who is not there."""
    there = [(signal, one) for signal, one in zip(SIGNALS, says, strict=False) if one is not None]
    return [witness.Testimony(signal, one, f"{signal} {one}") for signal, one in there]


@pytest.mark.parametrize(
    ("says", "answer", "signal"),
    [
        ((A, A, A, A, C), Answer.NOT_WARRANTED, "primary"),
        ((A, A, A, A, E), Answer.NOT_WARRANTED, "load balancer"),
        ((A, N, N, S, E), Answer.NOT_WARRANTED, "load balancer"),
        ((A, A, A, S, C), Answer.INSUFFICIENT, "application"),
        ((A, D, A, A, C), Answer.INSUFFICIENT, "standby pg2"),
        ((D, D, N, D, C), Answer.WARRANTED, "primary"),
        ((N, D, D, N, N), Answer.WARRANTED, "standby pg2"),
        ((N, D, N, N, N), Answer.INSUFFICIENT, "standby pg2"),
        ((D, N, N, N, N), Answer.INSUFFICIENT, "primary"),
        ((D, A, N, D, C), Answer.INSUFFICIENT, "disagreement"),
        ((D, D, A, D, C), Answer.INSUFFICIENT, "disagreement"),
        ((D, None, N, D, C), Answer.INSUFFICIENT, "standby"),
        ((N, A, A, A, C), Answer.INSUFFICIENT, "primary"),
        ((N, A, A, A, E), Answer.NOT_WARRANTED, "load balancer"),
        ((N, A, A, N, E), Answer.INSUFFICIENT, "primary"),
        ((N, A, A, S, E), Answer.INSUFFICIENT, "primary"),
        ((None, A, A, None, E), Answer.NOT_WARRANTED, "load balancer"),
        ((A, A, A, D, E), Answer.INSUFFICIENT, "application"),
        ((S, A, N, S, C), Answer.INSUFFICIENT, "primary"),
        ((S, A, N, S, E), Answer.INSUFFICIENT, "primary"),
        ((S, N, N, S, C), Answer.INSUFFICIENT, "primary"),
        ((N, N, N, N, N), Answer.INSUFFICIENT, "silence"),
        ((N, N, N, N, E), Answer.INSUFFICIENT, "silence"),
        ((), Answer.INSUFFICIENT, "silence"),
    ],
)
def test_what_the_observers_say_comes_to_one_answer(says: tuple[Says | None, ...], answer: Answer, signal: str) -> None:
    found = weigh(heard(*says))
    assert (found.answer, found.signal) == (answer, signal)
    assert found.because


def test_no_mixture_warrants_a_failover_but_two_who_saw_the_death_and_nobody_who_heard_the_primary() -> None:
    for says in itertools.product(*POSSIBLE.values()):
        if weigh(heard(*says)).answer is Answer.WARRANTED:
            assert sum(one is D for one in says) >= 2
            assert A not in says
            assert S not in says


@given(st.lists(st.tuples(st.sampled_from(SIGNALS), st.sampled_from((N, C, E))), max_size=12))
def test_silence_and_what_is_in_front_never_warrant_a_failover(said: list[tuple[str, Says]]) -> None:
    assert weigh(witness.Testimony(signal, one, "x") for signal, one in said).answer is Answer.INSUFFICIENT


def test_the_same_observer_twice_is_one_voice() -> None:
    twice = [witness.Testimony("standby pg2", D, "x"), witness.Testimony("standby pg2", D, "y")]
    assert weigh(twice).answer is Answer.INSUFFICIENT


def test_several_standbys_whose_streams_are_gone_are_one_voice_as_one_switch_cuts_them_all() -> None:
    both = [witness.Testimony(f"standby {name}", D, "its stream is gone") for name in ("pg2", "pg3")]
    silent = witness.Testimony("primary", N, "pg1 timed out")
    assert weigh([silent, *both]).answer is Answer.INSUFFICIENT


def test_a_primary_that_says_nothing_does_not_work_because_something_in_front_is_wrong_too() -> None:
    found = weigh(heard(N, A, A, N, E))
    assert "only standby pg2, patroni heard it; the primary itself said nothing" in found.because


def test_a_primary_that_stepped_down_as_the_store_is_gone_warrants_nothing() -> None:
    said = [*heard(D, D, None, D, C), witness.Testimony("store", E, "no node has reached the store for 40 s")]
    found = weigh(said)
    assert (found.answer, found.signal) == (Answer.INSUFFICIENT, "store")


@pytest.mark.parametrize(("answer", "code"), [*zip(Answer, (0, 1, 4), strict=True)])
def test_only_a_warranted_failover_exits_0(answer: Answer, code: int) -> None:
    assert answer.exit_code == code
