"""Looks that got to the service and prove nothing of it: on a connection that it was ending, or turned away (429)."""

import io
from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.aborts.abort_conditions import ErrorsAbove, OutageLonger
from faildrill.judging.result import Verdict
from faildrill.model.drill import ProbePlan
from faildrill.ports import Rate
from faildrill.ports.target import KindUse
from faildrill.probing.health import View
from faildrill.record.samples import Files, Outcome, Sample
from faildrill.record.samples.columns import load
from faildrill.record.samples.compact_file import read_compact, write_compact
from faildrill.reports import terminal
from unit.judging.runs import FAULT, Run, ns, probe, ticks

NOTHING = [Outcome.OPEN, Outcome.THROTTLED]
PROBE = ProbePlan(name="pay", use=KindUse(kind="http.request"), every=0.02, timeout=0.5)
SECOND = 1_000_000_000


def told(*expect: dict[str, object], outcome: Outcome, seconds: float, detail: str = "") -> Run:
    made = Run(expect=[*expect]).usual().good()
    return made.saw(ticks(FAULT, FAULT + seconds), outcome, detail=detail)


@pytest.mark.parametrize("outcome", NOTHING)
def test_they_are_neither_good_nor_dark(outcome: Outcome, tmp_path: Path) -> None:
    made = told({"outage": {"of": "pay", "at_most": "5s"}}, outcome=outcome, seconds=2.0)
    result = judge(made.write(tmp_path))
    [pay] = result.probes
    assert (pay.outages, result.verdict) == ([], Verdict.PASSED)
    assert pay.outcomes[outcome.name.lower()] == 100
    assert 2.0 <= pay.unproven < 2.1


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (Outcome.OPEN, "100 looks of pay met a connection that was being closed: use fresh ones, or a safe request"),
        (Outcome.THROTTLED, "100 looks of pay were turned away for the prober's own rate (429): look less often"),
    ],
)
@pytest.mark.parametrize(
    "expect",
    [
        {"outage": {"of": "pay", "at_most": "1s"}},
        {"errors": {"of": "pay", "at_most": "1%"}},
        {"latency": {"of": "pay", "p99": "100ms"}},
        {"error_budget": {"of": "pay", "objective": "99.9%", "over": "1h", "at_most": "5%"}},
    ],
)
def test_where_they_could_decide_nobody_can_tell_and_it_says_what_to_do(
    expect: dict[str, object], outcome: Outcome, advice: str, tmp_path: Path
) -> None:
    result = judge(told(expect, outcome=outcome, seconds=2.0, detail="429").write(tmp_path))
    found = result.findings[0]
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.advice.startswith(advice)


@pytest.mark.parametrize("outcome", NOTHING)
def test_a_load_that_met_them_was_sent_all_the_same(outcome: Outcome, tmp_path: Path) -> None:
    made = Run(load=[probe("users", 0.01, by="load")]).usual().good().good("users", 0.01)
    made.saw(ticks(5, 9, 0.01), outcome, name="users")
    [found] = [one for one in judge(made.write(tmp_path)).findings if one.kind == "load"]
    assert found.verdict is Verdict.PASSED


@pytest.mark.parametrize("outcome", NOTHING)
def test_no_wait_and_no_warm_up_rests_on_them(outcome: Outcome) -> None:
    view = View(PROBE)
    for at in range(100):
        due = at * SECOND // 50
        view.take(Sample("pay", due, due, due + 1000, outcome, detail="429"))
    name = outcome.name.lower()
    assert view.trouble(2 * SECOND) == f"no look yet that proves anything: {name}: 429"
    view.take(Sample("pay", 2 * SECOND, 2 * SECOND, 2 * SECOND + 1000, Outcome.OK))
    assert view.trouble(2 * SECOND + 2000) is None
    view.take(Sample("pay", 3 * SECOND, 3 * SECOND, 3 * SECOND + 1000, outcome, detail="429"))
    assert view.trouble(3 * SECOND + 2000) == f"no look for 1 s, the last one {name}: 429"


@pytest.mark.parametrize("outcome", NOTHING)
def test_no_abort_condition_takes_one_for_a_failure(outcome: Outcome) -> None:
    dark = OutageLonger(of="pay", longer_than="1s").watch({"pay": Rate(0.02)})
    errors = ErrorsAbove(of="pay", above="10%", over="5s").watch({"pay": Rate(0.02)})
    for at in range(200):
        due = at * SECOND // 50
        sample = Sample("pay", due, due, due + 1000, outcome)
        assert dark.feed(sample) is errors.feed(sample) is None


def test_a_report_tells_how_many_they_were(tmp_path: Path) -> None:
    made = told({"outage": {"of": "pay", "at_most": "5s"}}, outcome=Outcome.OPEN, seconds=0.1)
    result = judge(made.saw(ticks(9, 11), Outcome.THROTTLED, detail="429").write(tmp_path))
    written = io.StringIO()
    terminal.summary(result, tmp_path, written)
    assert "pay 5 requests met a connection that was being closed" in written.getvalue()
    assert "pay 100 looks (10.2%) turned away for the prober's own rate" in written.getvalue()


def test_those_that_were_asked_again_and_answered_are_told_with_them(tmp_path: Path) -> None:
    made = told({"errors": {"of": "pay", "at_most": 0}}, outcome=Outcome.OK, seconds=0.06, detail="(asked again)")
    result = judge(made.write(tmp_path))
    assert (result.verdict, result.probes[0].open) == (Verdict.PASSED, 3)


def test_every_outcome_is_kept_by_files_and_by_a_compact_export(tmp_path: Path) -> None:
    made = Run()
    for at, outcome in enumerate(Outcome):
        made.samples.setdefault("pay", []).append(Sample("pay", ns(at), ns(at), ns(at) + 1, outcome))
    looks = load(made.usual().write(tmp_path))
    write_compact(tmp_path / "looks.npz", looks, {})
    for found in (looks["pay"], read_compact(tmp_path / "looks.npz")["pay"]):
        assert found.outcome.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        assert found.is_look.tolist() == [one.is_look for one in Outcome]
    assert Files(tmp_path).samples.exists()
