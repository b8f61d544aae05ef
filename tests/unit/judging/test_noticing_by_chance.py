"""A step that did nothing is noticed less than once in a thousand runs, and one that did by few looks."""

import pytest

from faildrill.judging.noticed_steps import noticed
from faildrill.judging.noticed_undos import noticed_undos
from unit.judging.simulated_steps import DRAINED, EVEN, SKEWED, simulated

FIGURES = (
    "Of 20,000 simulated steps that did nothing (6 to 40 looks; three servers that answer at random or in turn) "
    "one was noticed; of simulated drains half by 19 looks, nine in ten by 24, and 99.6 % or more by 40."
)
FEW = 90
"""Steps of each: 20,000 in benchmarks/witnesses.py."""


@pytest.mark.says(FIGURES)
@pytest.mark.parametrize("looks", [6, 12, 20, 40])
def test_a_step_that_did_nothing_is_noticed_by_none_of_a_few(looks: int) -> None:
    found = sum(bool(noticed(simulated(seed, looks, EVEN).evidence(), "it")) for seed in range(FEW))
    assert found == 0


@pytest.mark.says(FIGURES)
def test_a_drain_of_forty_looks_is_noticed_whoever_answers_in_what_order() -> None:
    assert all(noticed(simulated(seed, 40, DRAINED).evidence(), "it") for seed in range(FEW))


@pytest.mark.parametrize("weights", [DRAINED, SKEWED], ids=["drained", "skewed"])
def test_what_is_not_put_back_is_never_seen_put_back_and_what_is_put_back_never_against_it(
    weights: dict[str, int],
) -> None:
    for seed in range(FEW // 3):
        [left_on] = noticed_undos(simulated(seed, 60, weights, put_back=False, after=60).evidence())
        [put_back] = noticed_undos(simulated(seed, 60, weights, after=60).evidence())
        assert not left_on.seen_by
        assert not put_back.against
