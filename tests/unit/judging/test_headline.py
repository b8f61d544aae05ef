"""The headline is the failover's; the failback has its own figure, and phases count from what caused the outage."""

from pathlib import Path
from typing import Any

import pytest

from faildrill.judging import judge
from faildrill.judging.result import Result, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.judging.runs import FAULT, Run, done, probe, step, ticks

BACK = 15.0
"""When `Run.usual` begins to put back."""


def run(*expect: dict[str, Any]) -> Run:
    """A failover that takes 300 ms, and a failback that takes more than three seconds."""
    made = Run(expect=[*expect] or [{"outage": {"of": "pay", "at_most": "30s"}}]).usual().good()
    made.saw(ticks(FAULT + 0.1, FAULT + 0.4), Outcome.REFUSED)
    return made.saw(ticks(BACK + 0.2, BACK + 3.6), Outcome.REFUSED)


def judged(made: Run, folder: Path) -> Result:
    return judge(made.write(folder))


@pytest.mark.says("Beside it stands the **failback**: the longest from when something was first put back on.")
@pytest.mark.says(
    "The figure that a report shows large is the longest outage that **followed the fault**: that began before "
    "anything was put back."
)
def test_the_headline_is_the_outage_after_the_fault_though_putting_back_took_longer(tmp_path: Path) -> None:
    told = judged(run(), tmp_path).headline
    assert told is not None
    assert told.outage is not None
    assert told.failback is not None
    assert told.outage.length.at_least == pytest.approx(0.3, abs=0.05)
    assert told.failback.length.at_least == pytest.approx(3.4, abs=0.05)
    assert (told.outage.followed, told.failback.followed) == ("fault", "putting back")


@pytest.mark.says(
    "The **phases** of an outage count from what it followed: the first thing done or put back since the last good "
    "look, else the last one before it."
)
def test_phases_count_from_what_caused_the_outage(tmp_path: Path) -> None:
    told = judged(run(), tmp_path).headline
    assert told is not None
    assert told.outage is not None
    assert told.failback is not None
    assert told.outage.phases["first_dark"] == pytest.approx(0.1, abs=0.01)
    assert told.failback.phases["first_dark"] == pytest.approx(0.2, abs=0.01)


@pytest.mark.says(
    "The **phases** of an outage count from what it followed: the first thing done or put back since the last good "
    "look, else the last one before it."
)
def test_phases_count_from_the_first_thing_done_since_the_last_good_look(tmp_path: Path) -> None:
    made = Run(probes=[probe(every=2.0)], steps=[step("a"), step("b")], slow={"pay": 0.05})
    made.usual().good(every=2.0).saw([6.0, 8.0], Outcome.REFUSED)
    made.events = [(at, event) for at, event in made.events if getattr(event, "step", "") not in ("a", "b")]
    made.events += [*done("a", 4.5), *done("b", 5.5)]
    [outage] = judged(made, tmp_path).probes[0].outages
    assert outage.cause == "a"
    assert outage.phases["first_dark"] == pytest.approx(1.5, abs=0.01)


def test_where_putting_back_alone_was_felt_the_failover_has_none(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "30s"}}]).usual().good()
    told = judged(made.saw(ticks(BACK + 0.2, BACK + 1.0), Outcome.REFUSED), tmp_path).headline
    assert told is not None
    assert told.outage is None
    assert told.failback is not None


@pytest.mark.says(
    "An outage belongs to what it followed in its whole length; one that lasts until the fault is put back is the "
    "fault's."
)
def test_an_outage_that_lasts_until_it_is_put_back_is_the_faults(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "30s"}}]).usual().good()
    told = judged(made.saw(ticks(FAULT + 0.1, BACK + 0.5), Outcome.REFUSED), tmp_path).headline
    assert told is not None
    assert told.outage is not None
    assert told.outage.length.at_least > BACK - FAULT
    assert told.failback is None


@pytest.mark.says(
    "An `outage` counts in the part in which it began, in its whole length; where more than one thing was done "
    "between the last good look and the first dark one, nobody can tell which part that was, and an outage that could"
    " decide there is INCONCLUSIVE."
)
@pytest.mark.parametrize(
    ("when", "at_most", "verdict"),
    [
        ("whole", "2600ms", Verdict.FAILED),
        ("fault", "2600ms", Verdict.PASSED),
        ("fault", "200ms", Verdict.FAILED),
        ("putting back", "2600ms", Verdict.FAILED),
        ("putting back", "6s", Verdict.PASSED),
        ("crash", "2600ms", Verdict.PASSED),
        ("during", "2600ms", Verdict.FAILED),
        ("before", "500ms", Verdict.PASSED),
    ],
)
def test_an_outage_counts_in_the_part_of_the_run_that_it_followed(
    when: str, at_most: str, verdict: Verdict, tmp_path: Path
) -> None:
    found = judged(run({"outage": {"of": "pay", "at_most": at_most, "when": when}}), tmp_path).findings[0]
    assert (found.verdict, found.because) == (verdict, found.because)


@pytest.mark.says("The other expectations count the looks that were due in the part.")
@pytest.mark.parametrize(
    ("when", "at_most", "verdict"),
    [
        ("fault", 20, Verdict.PASSED),
        ("fault", 10, Verdict.FAILED),
        ("putting back", 20, Verdict.FAILED),
        ("before", 0, Verdict.PASSED),
        ("whole", 20, Verdict.FAILED),
        ("crash", "10%", Verdict.PASSED),
        ("putting back", "10%", Verdict.FAILED),
    ],
)
def test_failed_looks_count_in_the_part_of_the_run_in_which_they_were_due(
    when: str, at_most: int | str, verdict: Verdict, tmp_path: Path
) -> None:
    found = judged(run({"errors": {"of": "pay", "at_most": at_most, "when": when}}), tmp_path).findings[0]
    assert found.verdict is verdict, found.because


def test_the_samples_that_are_cited_are_those_of_that_part(tmp_path: Path) -> None:
    made = run({"errors": {"of": "pay", "at_most": 0, "when": "putting back"}})
    result = judged(made, tmp_path)
    assert result.findings[0].evidence[0] == f"sample:pay:{round((BACK + 0.2 - 0.4) / 0.02)}"


@pytest.mark.says("A part that the run never came to proves nothing.")
@pytest.mark.parametrize("kind", ["outage", "errors"])
@pytest.mark.parametrize("when", ["putting back", "crash"])
def test_a_part_that_the_run_never_came_to_proves_nothing(kind: str, when: str, tmp_path: Path) -> None:
    at_most: str | int = "30s" if kind == "outage" else 100
    made = Run(expect=[{kind: {"of": "pay", "at_most": at_most, "when": when}}]).usual().good()
    made.events = [(at, event) for at, event in made.events if getattr(event, "step", "") != "crash"]
    found = judged(made.without(tl.Undoing), tmp_path).findings[0]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "had no such time" in found.because


@pytest.mark.says(
    "An `outage` counts in the part in which it began, in its whole length; where more than one thing was done "
    "between the last good look and the first dark one, nobody can tell which part that was, and an outage that could"
    " decide there is INCONCLUSIVE."
)
def test_an_outage_that_may_have_followed_either_of_two_things_is_not_told_apart(tmp_path: Path) -> None:
    expect = [{"outage": {"of": "pay", "at_most": "1s", "when": when}} for when in ("fault", "putting back")]
    made = Run(expect=expect, probes=[probe(every=1.0)], slow={"pay": 0.05}).usual().good(every=1.0)
    made.events = [(at, event) for at, event in made.events if getattr(event, "step", "") != "crash"]
    made.events += [*done("crash", 9.3), (9.6, tl.Undoing(step="crash", by="runner"))]
    made.events += [(9.9, tl.Undone(step="crash")), (10.0, tl.UndoVerified(step="crash", because="a runs again"))]
    made.saw([10.0, 11.0, 12.0], Outcome.REFUSED)
    for found in judged(made, tmp_path).findings[:2]:
        assert found.verdict is Verdict.INCONCLUSIVE
        assert "nobody can tell whether it began" in found.because


def test_the_list_and_the_finding_use_the_same_time_to_recover(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "30s", "hold": "3s"}}]).usual().good()
    made.saw(ticks(4, 5), Outcome.REFUSED).saw(ticks(7, 8), Outcome.REFUSED)
    result = judged(made, tmp_path)
    [outage] = result.probes[0].outages
    assert result.probes[0].hold == 3.0
    assert "dark at least 3.9" in result.findings[0].because
    assert outage.length.at_least == pytest.approx(3.98, abs=0.02)


def test_an_outage_that_ended_while_it_was_put_back_is_none_of_putting_back(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "1s", "when": "putting back"}}]).usual().good()
    found = judged(made.saw(ticks(FAULT + 0.1, BACK + 1.5), Outcome.REFUSED), tmp_path).findings[0]
    assert (found.verdict, found.because[:27]) == (Verdict.PASSED, "no look proves pay dark; no")


def hiding(when: str, at_most: str) -> Run:
    """Lay out a run of which nothing is seen from before it is put back (15 s) until long after."""
    made = Run(expect=[{"outage": {"of": "pay", "at_most": at_most, "hold": "0s", "when": when}}]).usual().good()
    return made.saw(ticks(BACK - 1, BACK + 3.5), Outcome.SKIPPED)


@pytest.mark.says(
    "What hides counts so as well: the longest stretch without an interval of life is asked of those that begin in the "
    "part, after the first good answer of what was dark before it, also where they go on beyond it."
)
@pytest.mark.parametrize("when", ["fault", "crash"])
def test_an_outage_that_could_hide_where_a_part_ends_is_none_that_holds(when: str, tmp_path: Path) -> None:
    assert judged(hiding(when, "5s"), tmp_path / "wide").findings[0].verdict is Verdict.PASSED
    found = judged(hiding(when, "4s"), tmp_path / "narrow").findings[0]
    assert (found.verdict, found.because[:36]) == (Verdict.INCONCLUSIVE, "nothing proves pay alive for 4.52 s ")


def test_what_was_dark_before_a_part_takes_all_of_it(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "1s", "hold": "0s", "when": "fault"}}]).usual().good()
    made.saw(ticks(FAULT - 1, BACK + 2), Outcome.REFUSED)
    assert judged(made, tmp_path).findings[0].verdict is Verdict.PASSED


@pytest.mark.says("Only where an outage was on as the part ended, the stretch is asked until then.")
def test_darkness_that_began_with_the_putting_back_hides_nothing_of_the_fault(tmp_path: Path) -> None:
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "1s", "hold": "0s", "when": "fault"}}]).usual().good()
    found = judged(made.saw(ticks(BACK, BACK + 3), Outcome.REFUSED), tmp_path).findings[0]
    assert (found.verdict, found.because[:27]) == (Verdict.PASSED, "no look proves pay dark; no")
