"""Outages of a part of the run, where nobody can tell when they began: the sentences of docs/judging.md on them."""

from pathlib import Path

import pytest

from faildrill.judging.result import Finding, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome, Sample
from unit.judging.page.records import claimed, found, judged
from unit.judging.runs import END, FAULT, Run, done, ns, probe, step, ticks, wait

REFUSED = Outcome.REFUSED
PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
BACK = 15.0
"""When `Run.usual` begins to put back."""
RESUMED = (
    "Where nobody can tell whether it was good for the hold between two of its stretches, the later one may be an "
    "outage of its own, in another part than the whole: in either it is INCONCLUSIVE where it could decide."
)


def twice_dark(folder: Path, *, good: float = 1.0, **params: object) -> Finding:
    """Weigh a run that is dark for a moment, good for about so long, and dark for six seconds from its crash on."""
    crash = 8.0
    expect = [{"outage": {"of": "pay", **params}}]
    made = Run(expect=expect, probes=[probe(every=0.2)], steps=[step("first"), step("crash")]).usual().good(every=0.2)
    made.events = [(at, event) for at, event in made.events if getattr(event, "step", "") != "crash" or at >= BACK]
    made.events += done("crash", crash)
    made.saw([crash - good], REFUSED).saw(ticks(crash + 0.2, crash + 6, 0.2), REFUSED)
    return found(made, folder)


@pytest.mark.says(RESUMED)
def test_what_may_have_begun_after_a_step_is_not_passed_as_one_that_began_before(tmp_path: Path) -> None:
    """Looks prove it good for 0.8 s, and it may have been good for 1.2 s: the hold of 1 s lies between."""
    told = twice_dark(tmp_path, at_most="2s", when="crash")
    assert told.verdict is INCONCLUSIVE
    assert "nobody can tell whether it began from crash until it is put back" in told.because


@pytest.mark.says(RESUMED)
def test_what_surely_goes_on_or_surely_ended_is_told(tmp_path: Path) -> None:
    """0.6 s of good looks are less than the hold, whatever was between looks; 3 s of them are more."""
    assert twice_dark(tmp_path / "on", good=0.6, at_most="2s", when="crash").verdict is PASSED
    assert twice_dark(tmp_path / "over", good=3.0, at_most="2s", when="crash").verdict is FAILED
    assert twice_dark(tmp_path / "short", at_most="20s", when="crash").verdict is PASSED


@pytest.mark.says(RESUMED)
def test_what_may_have_begun_later_is_not_held_against_the_part_before(tmp_path: Path) -> None:
    made = claimed("outage", every=0.2, at_most="3s", when="before").saw([2.4], REFUSED)
    told = found(made.saw(ticks(FAULT + 0.1, FAULT + 6, 0.2), REFUSED), tmp_path)
    assert (told.verdict, "at least 0 ms" in told.because) == (INCONCLUSIVE, True)


def test_what_the_hold_can_hide_decides_also_where_two_things_were_done(tmp_path: Path) -> None:
    """It lasted four seconds at most, and eight with what its hold can hide."""
    expect = [{"outage": {"of": "pay", "at_most": at_most, "when": "putting back"}} for at_most in ("5s", "9s")]
    made = Run(expect=expect, probes=[probe(every=1.0)], slow={"pay": 0.05}).usual().good(every=1.0)
    made.events = [(at, event) for at, event in made.events if getattr(event, "step", "") != "crash"]
    made.events += [*done("crash", 9.3), (9.8, tl.Undoing(step="crash", by="runner"))]
    made.events += [(9.9, tl.Undone(step="crash")), (10.0, tl.UndoVerified(step="crash", because="a runs again"))]
    weighed = judged(made.saw([10.0, 11.0, 12.0], REFUSED), tmp_path).findings
    assert [one.verdict for one in weighed[:2]] == [INCONCLUSIVE, PASSED]


@pytest.mark.says(
    "A wait does nothing: the first step is the first action, and a run without one has only the time before it."
)
def test_a_wait_is_no_first_step(tmp_path: Path) -> None:
    made = Run(expect=[{"errors": {"of": "pay", "at_most": 0, "when": "before"}}], steps=[wait()])
    assert found(made.usual().good().saw([END - 2], REFUSED), tmp_path / "before").verdict is FAILED
    made.expect = [{"errors": {"of": "pay", "at_most": 0, "when": "after"}}]
    assert "had no such time" in found(made, tmp_path / "after").because


@pytest.mark.says(
    "**A number that only grows** (`patroni.timeline`, `postgres.timeline`) hides nothing between two looks that saw "
    "the same one, whatever `never` asks of it: only the time before the first and after the last of them counts."
)
@pytest.mark.parametrize("asked", [{"changes": True}, {"saw": "3"}, {"promotions": True}])
def test_a_number_that_only_grows_hides_nothing_between_two_looks(asked: dict[str, object], tmp_path: Path) -> None:
    made = Run(expect=[{"never": {"of": "pay", **asked}}], probes=[probe(kind="patroni.timeline")]).usual()
    made.good(who="2").saw(ticks(8.0, 12.0), REFUSED)
    assert found(made, tmp_path / "between").verdict is PASSED
    assert found(made.saw(ticks(12.0, END), REFUSED), tmp_path / "after").verdict is INCONCLUSIVE


def test_one_look_that_took_no_time_is_not_three_in_a_row(tmp_path: Path) -> None:
    made = claimed("writers", who="a")
    made.samples["pay"].append(Sample("pay", ns(6.005), ns(6.005), ns(6.005), Outcome.OK, "a,b"))
    assert found(made, tmp_path).verdict is INCONCLUSIVE
