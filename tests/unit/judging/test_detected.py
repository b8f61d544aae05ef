"""`detected`: an alarm that must go off after a step, soon enough, and was not on before."""

from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.result import Finding, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.judging.runs import END, FAULT, Run, ns, probe, ticks

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
EVERY = 0.5


def run(within: str = "5s", **more: object) -> Run:
    made = Run(expect=[{"detected": {"of": "spread", "after": "crash", "within": within, **more}}])
    made.probes.append(probe("spread", EVERY))
    return made.usual().good().good("spread", EVERY)


def alarm(made: Run, since: float, until: float = END, outcome: Outcome = Outcome.WRONG) -> Run:
    return made.saw(ticks(since, until, EVERY), outcome, name="spread", who="pay1", detail="pay1 80% (due 35%)")


def weighed(made: Run, folder: Path) -> Finding:
    return judge(made.write(folder)).findings[0]


@pytest.mark.says(
    "With an alarm: PASSED when it was answered within the limit of the beginning, FAILED when `p` is beyond the "
    "limit of the effect and nobody stood still, INCONCLUSIVE otherwise."
)
def test_an_alarm_in_time_is_detection_and_says_when_and_what(tmp_path: Path) -> None:
    found = weighed(alarm(run(), FAULT + 2), tmp_path)
    assert found.verdict is PASSED
    assert found.claim == "spread notices within 5 s of crash"
    assert found.because == "at least 1.30 s, at most 2.01 s after it: pay1 80% (due 35%)"
    assert found.evidence == ["sample:spread:10"]


@pytest.mark.says(
    "With an alarm: PASSED when it was answered within the limit of the beginning, FAILED when `p` is beyond the "
    "limit of the effect and nobody stood still, INCONCLUSIVE otherwise."
)
def test_an_alarm_that_comes_late_is_none(tmp_path: Path) -> None:
    assert weighed(alarm(run("5s"), FAULT + 6), tmp_path).verdict is FAILED


@pytest.mark.says(
    "Without an alarm: INCONCLUSIVE when the step was put back before the limit after its effect was over, else "
    "FAILED when nobody stood still, INCONCLUSIVE otherwise."
)
def test_an_alarm_that_never_comes_fails(tmp_path: Path) -> None:
    found = weighed(run(), tmp_path)
    assert (found.verdict, found.because) == (FAILED, "none of 11 looks in that time noticed")


@pytest.mark.says(
    "With an alarm: PASSED when it was answered within the limit of the beginning, FAILED when `p` is beyond the "
    "limit of the effect and nobody stood still, INCONCLUSIVE otherwise."
)
def test_a_limit_within_the_time_that_the_step_took_is_inconclusive(tmp_path: Path) -> None:
    assert weighed(alarm(run("1.9s"), FAULT + 2), tmp_path).verdict is INCONCLUSIVE


@pytest.mark.says(
    "INCONCLUSIVE when the step took no effect, or when the last look answered before it began is an alarm already, "
    "or there is no such look."
)
def test_an_alarm_that_was_on_before_detects_nothing(tmp_path: Path) -> None:
    found = weighed(alarm(run(), FAULT - 1), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "bad already" in found.because


@pytest.mark.says(
    "*The alarm* is the first answered bad look (with `says`, one whose `detail` or `who` holds it) that was sent "
    "from the beginning on."
)
def test_an_alarm_must_say_what_is_asked_for(tmp_path: Path) -> None:
    assert weighed(alarm(run(says="pay1 80%"), FAULT + 2), tmp_path / "1").verdict is PASSED
    assert weighed(alarm(run(says="pay2"), FAULT + 2), tmp_path / "2").verdict is FAILED


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.BROKEN])
def test_an_alarm_that_could_not_look_is_no_failure_to_notice(outcome: Outcome, tmp_path: Path) -> None:
    found = weighed(alarm(run(), FAULT, outcome=outcome), tmp_path)
    assert found.verdict is INCONCLUSIVE


@pytest.mark.says(
    "Without an alarm: INCONCLUSIVE when the step was put back before the limit after its effect was over, else "
    "FAILED when nobody stood still, INCONCLUSIVE otherwise."
)
def test_an_alarm_that_stopped_looking_is_no_failure_to_notice(tmp_path: Path) -> None:
    made = run("5s")
    made.samples["spread"] = [one for one in made.samples["spread"] if one.due < made.samples["pay"][300].due]
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


@pytest.mark.says(
    "Without an alarm: INCONCLUSIVE when the step was put back before the limit after its effect was over, else "
    "FAILED when nobody stood still, INCONCLUSIVE otherwise."
)
def test_a_step_that_was_put_back_before_the_limit_was_over_proves_nothing(tmp_path: Path) -> None:
    found = weighed(run("15s"), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert found.because.startswith("crash was put back after 11.5 s")


@pytest.mark.says(
    "INCONCLUSIVE when the step took no effect, or when the last look answered before it began is an alarm already, "
    "or there is no such look."
)
def test_a_step_that_was_never_done_can_not_be_noticed(tmp_path: Path) -> None:
    made = alarm(run(), FAULT + 2).without(tl.Applying, tl.Applied, tl.Confirmed)
    assert weighed(made, tmp_path).verdict is INCONCLUSIVE


@pytest.mark.says("It counts only if it was answered before the step's undo began.")
def test_an_alarm_after_the_step_was_put_back_is_none(tmp_path: Path) -> None:
    """It is put back at 15 s; an alarm a second later may be one of the undo."""
    found = weighed(alarm(run("30s"), 16.0), tmp_path)
    assert found.verdict is INCONCLUSIVE
    assert "put back" in found.because


@pytest.mark.says(
    "*The alarm* is the first answered bad look (with `says`, one whose `detail` or `who` holds it) that was sent "
    "from the beginning on."
)
def test_the_first_alarm_is_the_one_that_was_answered_first(tmp_path: Path) -> None:
    """One that was due before the limit and answered beyond it is later than one due after it and answered at once."""
    made = run("3s").saw([FAULT + 2], Outcome.WRONG, 4.0, name="spread", detail="late")
    made.saw([FAULT + 2.5], Outcome.WRONG, 0.1, name="spread", detail="soon")
    found = weighed(made, tmp_path)
    assert found.verdict is PASSED
    assert found.because.endswith("soon")


@pytest.mark.says(
    "*Nobody stood still* where, from the beginning to the limit after the effect, there is no stretch longer than `3"
    " * every + timeout` in which no look was sent that proves something."
)
def test_where_nobody_looked_until_the_limit_an_alarm_beyond_it_is_no_late_one(tmp_path: Path) -> None:
    made = run("3s").saw(ticks(FAULT, FAULT + 4, EVERY), Outcome.SKIPPED, 0, name="spread")
    found = weighed(alarm(made, FAULT + 4), tmp_path)
    assert found.verdict is INCONCLUSIVE


def test_an_alarm_before_the_effect_began_is_none_of_it(tmp_path: Path) -> None:
    """The action dates its effect to 2 s after its call: what went off and on before is of something else."""
    made = run("5s").but(FAULT + 2.1, tl.Happened(step="crash", told="it died", at=ns(FAULT + 2), began=True))
    made.saw([FAULT + 1], Outcome.WRONG, name="spread", detail="another one")
    assert weighed(made, tmp_path).verdict is FAILED
