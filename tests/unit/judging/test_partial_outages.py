"""Partial outages, flapping and error budgets: when each holds, is broken, or can't be told."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.judging import judge
from faildrill.judging.result import Finding, Verdict
from faildrill.kinds import build
from faildrill.ports.target import KindUse
from faildrill.record.samples import Outcome
from unit.judging.runs import Run, probe, ticks

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def run(kind: str, every: float = 0.02, **params: Any) -> Run:
    made = Run(expect=[{kind: {"of": "pay", **params}}], probes=[probe(every=every)])
    return made.usual().good(every=every)


def weighed(made: Run, folder: Path) -> Finding:
    return judge(made.write(folder)).findings[0]


def one_of_three(since: float, until: float) -> list[float]:
    """A backend of three is dark: every third look fails."""
    return ticks(since, until)[::3]


# errors, in any stretch


@pytest.mark.parametrize(("limit", "verdict"), [("40%", PASSED), ("30%", FAILED), (90, PASSED), (80, FAILED)])
def test_one_dark_backend_of_three_is_a_third_of_the_looks_in_the_worst_stretch(
    limit: str | int, verdict: Verdict, tmp_path: Path
) -> None:
    found = weighed(run("errors", at_most=limit, over="5s").saw(one_of_three(5.0, 12.0), Outcome.REFUSED), tmp_path)
    assert found.verdict is verdict
    assert "84 of 250 looks failed (33.6%) in the worst, 5 s after the start" in found.because
    assert found.evidence[0] == "sample:pay:230"


def test_what_is_little_over_the_run_is_much_in_its_worst_stretch(tmp_path: Path) -> None:
    dark = ticks(6.0, 7.0)
    assert weighed(run("errors", at_most="10%").saw(dark, Outcome.RESET), tmp_path / "run").verdict is PASSED
    found = weighed(run("errors", at_most="10%", over="2s").saw(dark, Outcome.RESET), tmp_path / "stretch")
    assert found.verdict is FAILED
    assert "50 of 100 looks failed (50%)" in found.because


def test_skipped_looks_that_could_decide_a_stretch_are_inconclusive(tmp_path: Path) -> None:
    made = run("errors", at_most="10%", over="1s").saw(ticks(6.0, 6.2), Outcome.SKIPPED, 0)
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


@pytest.mark.says(
    "| `errors: {of, at_most, over, when?}` | the same in some stretch `[due, due + over)` that begins at a look and "
    "ends by the end of the schedule (one interval after its last look) | the same in every one | there is no such "
    "stretch |"
)
def test_a_run_shorter_than_the_stretch_proves_nothing(tmp_path: Path) -> None:
    found = weighed(run("errors", at_most="10%", over="1h"), tmp_path)
    assert (found.verdict, found.because) == (INCONCLUSIVE, "pay looked for less than 1 h")


# flaps


def flapping(**params: Any) -> Run:
    made = run("flaps", **params)
    for start in (5.0, 6.0, 7.0):
        made.saw(ticks(start, start + 0.4), Outcome.REFUSED)
    return made


@pytest.mark.says(
    "| `flaps: {of, at_most, hold?}` (`hold` is `0s` where it isn't given) | it went dark more often, by as many dark"
    " looks as there are with life proven between each and the next, and (with `hold`) proven for so long: from the "
    "end of the first interval of life that lies wholly after the one to the beginning of the last that lies wholly "
    "before the other, nothing dark between | it can't have gone dark more often, as looks show it: in the order of "
    "their moments (a look's sending; of a good one beyond `slow`, its answer) dark looks with a good one between, "
    "and (with `hold`) at least that long from the beginning of the one interval to the end of the next (of several "
    "at one moment, of the one that ends last), count as apart | |"
)
@pytest.mark.parametrize(("at_most", "verdict"), [(3, PASSED), (2, FAILED)])
def test_each_time_that_it_goes_dark_is_counted(at_most: int, verdict: Verdict, tmp_path: Path) -> None:
    found = weighed(flapping(at_most=at_most), tmp_path)
    assert found.verdict is verdict
    assert found.because.startswith("it went dark 3 times")


@pytest.mark.says(
    "| `flaps: {of, at_most, hold?}` (`hold` is `0s` where it isn't given) | it went dark more often, by as many dark"
    " looks as there are with life proven between each and the next, and (with `hold`) proven for so long: from the "
    "end of the first interval of life that lies wholly after the one to the beginning of the last that lies wholly "
    "before the other, nothing dark between | it can't have gone dark more often, as looks show it: in the order of "
    "their moments (a look's sending; of a good one beyond `slow`, its answer) dark looks with a good one between, "
    "and (with `hold`) at least that long from the beginning of the one interval to the end of the next (of several "
    "at one moment, of the one that ends last), count as apart | |"
)
def test_life_shorter_than_the_hold_parts_nothing(tmp_path: Path) -> None:
    found = weighed(flapping(at_most=1, hold="1s"), tmp_path)
    assert (found.verdict, found.because) == (PASSED, "it went dark once")


@pytest.mark.says("the probe has no sample that counts;")
def test_a_probe_without_looks_tells_no_flaps(tmp_path: Path) -> None:
    made = run("flaps", at_most=1)
    made.samples.clear()
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


def test_a_quiet_service_does_not_flap_as_far_as_the_looks_can_tell(tmp_path: Path) -> None:
    found = weighed(run("flaps", at_most=0), tmp_path)
    assert (found.verdict, found.because[-45:]) == (PASSED, "shorter than 22 ms can hide between the looks")


# error budgets: 99.9% over 1 h allow 3.6 s


def budget(**params: Any) -> Run:
    return run("error_budget", objective="99.9%", over="1h", **params)


@pytest.mark.says(
    "| `error_budget: {of, objective, over, at_most, slower_than?}` | the bad looks take up more than `at_most * (1 -"
    " objective) * over`, one `every` each | the bad and the unknown ones do not | the limit is less than one `every`"
    " and none is bad |"
)
@pytest.mark.parametrize(("at_most", "verdict"), [("60%", PASSED), ("50%", FAILED)])
def test_each_failed_look_uses_up_an_interval_of_the_budget(at_most: str, verdict: Verdict, tmp_path: Path) -> None:
    found = weighed(budget(at_most=at_most).saw(ticks(5.0, 7.0), Outcome.REFUSED), tmp_path)
    assert found.verdict is verdict
    assert found.because == "2 s of bad service, 55.556% of the budget"
    assert "its error budget of 3.6 s (99.9% over 1 h)" in found.claim


def test_a_brown_out_uses_up_the_budget_too(tmp_path: Path) -> None:
    slow = budget(at_most="50%", slower_than="100ms").saw(ticks(5.0, 7.0), Outcome.OK, 0.2)
    assert weighed(slow, tmp_path / "counted").verdict is FAILED
    fast = budget(at_most="50%").saw(ticks(5.0, 7.0), Outcome.OK, 0.2)
    assert weighed(fast, tmp_path / "not").verdict is PASSED


def test_time_that_nobody_looked_at_may_have_used_up_the_budget(tmp_path: Path) -> None:
    found = weighed(budget(at_most="50%").saw(ticks(5.0, 7.0), Outcome.SKIPPED, 0), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "that nobody looked at" in found.because


@pytest.mark.says(
    "| `error_budget: {of, objective, over, at_most, slower_than?}` | the bad looks take up more than `at_most * (1 -"
    " objective) * over`, one `every` each | the bad and the unknown ones do not | the limit is less than one `every`"
    " and none is bad |"
)
def test_a_budget_smaller_than_a_look_stands_for_can_not_be_weighed(tmp_path: Path) -> None:
    found = weighed(budget(at_most="0.1%"), tmp_path)
    assert (found.verdict, found.advice) == (INCONCLUSIVE, "probe pay every 3.6 ms or faster")


@pytest.mark.parametrize("wrong", [{"objective": "100%"}, {"objective": 5}, {"at_most": 3}, {"over": "0s"}])
def test_an_objective_without_a_budget_is_refused(wrong: dict[str, Any]) -> None:
    good: dict[str, Any] = {"of": "pay", "objective": "99.9%", "over": "30d", "at_most": "5%"}
    build(KindUse(kind="error_budget", params=good), "expectation")
    with pytest.raises(ValidationError):
        build(KindUse(kind="error_budget", params=good | wrong), "expectation")
