"""What a run has cost its place in outage: the upper bound, never less than what was seen."""

from typing import Any

import pytest

from faildrill.judging.outage_cost import cost
from faildrill.judging.result import Bounds, Headline, Outage, ProbeFigures, Result, Verdict

ACTED = 40.0
"""Seconds from the first step to the end, in the runs of these tests."""


def outage(at_least: float, at_most: float | None) -> Outage:
    length = Bounds(at_least=at_least, at_most=at_most)
    return Outage(probe="pay", length=length, last_good=0.0, first_dark=1.0, last_dark=2.0, first_good=None, looks={})


def probe(*outages: Outage, name: str = "pay", left_out: int = 0) -> ProbeFigures:
    return ProbeFigures(
        probe=name, kind="http.request", every=0.02, slow=None, looks=9, outcomes={}, skipped=0, broken=0, damaged=0,
        outages=list(outages), outages_left_out=left_out, answer_times={}, lateness={},
    )  # fmt: skip


def result(*probes: ProbeFigures, **said: Any) -> Result:
    told: dict[str, Any] = {
        "headline": Headline(probe="pay", failback_probe="pay", unproven=0.02, failback_unproven=0.04),
        "verdict": Verdict.PASSED,
        "phases": {"warming up": [0.0, 3.0], "acting": [3.0, 20.0], "undoing": [20.0, 25.0], "steadying": [25.0, 43.0]},
        "whole": True,
        **said,
    }
    return Result(
        run="run", drill="d", about="", environment="e", identity="i", owner="", runbook="", version="1", host="h",
        user="u", started="", ended="", duration=50.0, because="", conclusive=True, exit_code=0, findings=[],
        probes=list(probes), steps=[], moments=[], **told,
    )  # fmt: skip


def test_it_is_the_upper_bounds_of_all_outages_of_what_stands_for_the_users() -> None:
    others = probe(outage(9, 10), name="writer")
    assert cost(result(probe(outage(1, 2), outage(3, 3.5)), others)) == 5.5


def test_outages_that_are_left_out_count_as_the_shortest_that_is_listed() -> None:
    assert cost(result(probe(outage(1, 2), outage(3, 4), left_out=3))) == 12.0


def test_where_no_outage_was_seen_it_is_the_longest_that_could_hide() -> None:
    assert cost(result(probe())) == 0.04


@pytest.mark.parametrize("told", [{"headline": None}, {}])
def test_where_an_end_was_not_seen_or_nobody_looked_it_is_all_of_the_run(told: dict[str, Any]) -> None:
    assert cost(result(probe(outage(1, None)), **told)) == ACTED


def test_it_is_never_more_than_the_run_took() -> None:
    assert cost(result(probe(outage(1, 100)))) == ACTED


def test_an_outage_that_goes_on_in_a_place_that_is_not_put_back_is_not_known_yet() -> None:
    assert cost(result(probe(outage(1, None)), verdict=Verdict.UNSAFE)) is None


def test_a_run_without_an_end_is_not_known_yet() -> None:
    assert cost(result(probe(outage(1, 2)), whole=False)) is None


def test_a_run_that_was_refused_or_did_nothing_costs_nothing() -> None:
    assert cost(result(probe(), verdict=Verdict.REFUSED, whole=False)) == 0.0
    assert cost(result(probe(), headline=None, phases={"warming up": [0.0, 3.0]})) == 0.0
