"""The verdict's line: the first cause in time, with the remedy, on a terminal, with `-q` and in JUnit."""

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.result import Result, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from faildrill.reports import junit, terminal
from unit.judging.runs import FAULT, Run, done, probe, put_back, step, ticks


def quiet(result: Result, folder: Path) -> str:
    out = io.StringIO()
    terminal.summary(result, folder, out, quiet=True)
    return out.getvalue()


def first_case(result: Result) -> str:
    case = next(ET.fromstring(junit.render(result)).iter("testcase"))  # noqa: S314 - our own file
    told = next(iter(case), None)
    return "" if told is None else str(told.text)


@pytest.mark.says(
    "**The line of the verdict names the first cause in time**, and what to do next if there is something: on a "
    "terminal, with `-q`, in `result.json` (`because`, and `decided_by` for the finding) and as the first case of "
    "`junit.xml`."
)
def test_an_action_that_was_refused_stands_before_what_it_left_unproven(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "30s"}}, {"steady_again": {"within": "60s"}}])
    made.usual().good().without(tl.Applied, tl.Confirmed)
    made.but(FAULT + 0.1, tl.ApplyFailed(step="crash", how="refused", because="Permission denied; set level admin"))
    result = judge(made.write(tmp_path))
    line = "crash it: takes effect: can't tell, refused: Permission denied; set level admin (and 2 more)"
    assert (result.verdict, result.because) == (Verdict.INCONCLUSIVE, line)
    assert line in quiet(result, tmp_path)
    assert first_case(result).startswith("INCONCLUSIVE: refused: Permission denied; set level admin")
    assert result.findings[result.decided_by].claim == "crash it: takes effect"


@pytest.mark.says(
    "**The line of the verdict names the first cause in time**, and what to do next if there is something: on a "
    "terminal, with `-q`, in `result.json` (`because`, and `decided_by` for the finding) and as the first case of "
    "`junit.xml`."
)
def test_of_two_broken_promises_the_one_broken_first_is_told(tmp_path: Path) -> None:
    expect = [{"outage": {"of": name, "at_most": "1s"}} for name in ("late", "early")]
    made = Run(expect=expect, probes=[probe("late"), probe("early")], slow={"late": 0.05, "early": 0.05})
    made.usual().good("late").good("early")
    made.saw(ticks(8, 11), Outcome.REFUSED, name="late").saw(ticks(4, 7), Outcome.REFUSED, name="early")
    result = judge(made.write(tmp_path))
    assert result.because.startswith("early is never down for more than 1 s: no, early was dark at least 2.9")
    assert result.because.endswith("(and 1 more)")


def test_of_two_undos_that_failed_the_one_that_failed_first_is_told_with_what_to_do(tmp_path: Path) -> None:
    made = Run(expect=[{"steady_again": {"within": "60s"}}], steps=[step("first"), step("second")]).usual().good()
    made.events = [(at, event) for at, event in made.events if not isinstance(event, tl.UndoVerified)]
    made.but(15.3, tl.UndoNotVerified(step="second", because="b is still away"))
    made.but(15.6, tl.UndoNotVerified(step="first", because="a is still away"))
    result = judge(made.write(tmp_path))
    remedy = "next: mend what keeps it from being put back, then run `faildrill recover`"
    assert result.because == f"second it: is put back: no, b is still away; {remedy} (and 1 more)"
    assert remedy in quiet(result, tmp_path)


@pytest.mark.says(
    "**The line of the verdict names the first cause in time**, and what to do next if there is something: on a "
    "terminal, with `-q`, in `result.json` (`because`, and `decided_by` for the finding) and as the first case of "
    "`junit.xml`."
)
def test_the_remedy_of_what_nobody_can_tell_is_in_the_line(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "1s"}}]).usual().good()
    made.saw(ticks(5, 6), Outcome.REFUSED)
    result = judge(made.write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "; next: probe pay every" in result.because
    assert "; next: probe pay every" in quiet(result, tmp_path)


@pytest.mark.says("An expectation that nobody could judge is listed after the step that was not done.")
def test_a_step_that_was_never_reached_is_told_after_the_one_that_was_not_done(tmp_path: Path) -> None:
    made = Run(expect=[{"steady_again": {"within": "60s"}}], steps=[step("a"), step("b")]).usual().good()
    made.events = [(at, event) for at, event in made.events if getattr(event, "step", "") not in ("a", "b")]
    made.events += [one for one in done("b") if not isinstance(one[1], tl.Confirmed | tl.Applied)]
    made.events += [(FAULT + 0.2, tl.NotConfirmed(step="b", because="it runs on")), *put_back("b")]
    result = judge(made.write(tmp_path))
    assert result.because.startswith("b it: takes effect: can't tell, not confirmed: it runs on")
