"""A load that was not sent at its rate makes a drill INCONCLUSIVE, never a pass."""

from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.result import Finding, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.judging.runs import Run, probe, ticks

EVERY = 0.01


def under_load(most: int | None = None) -> Run:
    made = Run(expect=[{"errors": {"of": "users", "at_most": "50%"}}])
    made.load = [probe("users", EVERY, by="load") | ({} if most is None else {"most": most})]
    return made.usual().good().good("users", EVERY)


def the_load(made: Run, folder: Path) -> Finding:
    return next(one for one in judge(made.write(folder)).findings if one.kind == "load")


def test_a_load_that_was_sent_at_its_rate_holds_and_expectations_can_be_of_it(tmp_path: Path) -> None:
    result = judge(under_load().write(tmp_path))
    assert result.verdict is Verdict.PASSED
    [found] = [one for one in result.findings if one.kind == "load"]
    assert found.claim == "the load users is sent at 100/s"
    assert found.because == "1910 of 1910 requests were sent when due"


@pytest.mark.parametrize(
    ("why", "advice"),
    [("too many looks under way", "too many were under way"), ("the prober itself was late", "this machine")],
)
def test_a_load_that_was_not_sent_is_inconclusive_and_says_why(why: str, advice: str, tmp_path: Path) -> None:
    made = under_load().saw(ticks(5, 7, EVERY), Outcome.SKIPPED, name="users", detail=why)
    found = the_load(made, tmp_path)
    assert (found.verdict, found.because) == (
        Verdict.INCONCLUSIVE,
        "1710 of 1910 requests were sent when due, fewer than 95%",
    )
    assert found.advice.startswith(advice)


def test_a_load_that_ended_before_the_run_is_inconclusive(tmp_path: Path) -> None:
    made = under_load(most=500)
    made.samples["users"] = made.samples["users"][:500]
    found = the_load(made, tmp_path)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.advice == "it ended after 5 s, before the run: raise its at_most"


def test_a_load_that_never_sent_anything_is_inconclusive(tmp_path: Path) -> None:
    made = under_load()
    made.samples["users"] = []
    assert the_load(made, tmp_path).verdict is Verdict.INCONCLUSIVE


def test_a_few_requests_too_late_are_no_matter(tmp_path: Path) -> None:
    made = under_load().saw(ticks(5, 5.5, EVERY), Outcome.SKIPPED, name="users", detail="the prober itself was late")
    assert the_load(made, tmp_path).verdict is Verdict.PASSED


def test_the_story_tells_when_the_load_began(tmp_path: Path) -> None:
    made = under_load().but(0.35, tl.ProberStarted(pid=8, samples="load", probes=["users"]))
    told = [one.text for one in judge(made.write(tmp_path)).moments]
    assert "The load users begins" in told
