"""Counts are over the schedule, each due look once: against the same, spelled out one by one."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.judging import judge
from faildrill.judging.expectations.error_share import Stretch, worst_stretch
from faildrill.judging.numbers.look_share import exact
from faildrill.judging.result import Finding, Verdict
from faildrill.proofs.dues import Dues, Pace, dues
from faildrill.record.samples import SEEN_LATE, Outcome, Sample
from unit.judging.runs import Run, ns, probe, ticks
from unit.judging.worlds import Look, columns

OK, REFUSED, TIMED_OUT, SKIPPED = Outcome.OK, Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.SKIPPED
EVERY, UNTIL = 10, 300


def plain(looks: list[Look]) -> dict[int, Look | None]:
    """By when a look was due, what answers it; None: it was not recorded."""
    start = min(look.due for look in looks)
    end = max(UNTIL, *(look.due for look in looks))
    found: dict[int, Look | None] = dict.fromkeys(range(start, end + 1, EVERY))
    for look in sorted(looks, key=lambda one: one.answered):
        if look.due in found and found[look.due] is None:
            found[look.due] = look
    if keeps_none(looks):
        return dict(enumerate(looks))
    return found


def keeps_none(looks: list[Look]) -> bool:
    """Tell whether most looks keep no schedule, so that nothing tells what was due."""
    return sum(look.due % EVERY != 0 for look in looks) * 2 > len(looks)


scheduled = st.builds(
    lambda number, took, outcome: Look(number * EVERY, number * EVERY, number * EVERY + took, outcome),
    st.integers(0, 29),
    st.integers(1, 60),
    st.sampled_from([OK, OK, REFUSED, TIMED_OUT, SKIPPED]),
)
beside = st.builds(lambda due, took: Look(due, due, due + took, REFUSED), st.integers(1, 299), st.integers(1, 9))
records = st.tuples(st.lists(scheduled, max_size=40), st.lists(beside, max_size=6)).map(
    lambda some: list({(one.due, one.answered): one for one in [*some[1], *some[0], Look(0, 0, 1, OK)]}.values())[::-1]
)  # no two answers to one look at the same nanosecond: which was recorded first is not in the columns


def made(looks: list[Look]) -> Dues:
    return dues(columns(looks), Pace(EVERY, 0, UNTIL))


@settings(max_examples=200, deadline=None)
@given(records)
def test_each_due_look_is_counted_once_and_each_that_was_not_recorded(looks: list[Look]) -> None:
    expected, found = plain(looks), made(looks)
    recorded = sorted(one for one in expected.values() if one is not None)
    assert len(found.looks) == len(recorded)
    if not keeps_none(looks):
        assert found.looks.due.tolist() == [one.due for one in recorded]
        assert found.looks.answered.tolist() == [one.answered for one in recorded]
    assert found.missing == sum(one is None for one in expected.values())


@pytest.mark.says(
    "| `errors: {of, at_most, over, when?}` | the same in some stretch `[due, due + over)` that begins at a look and "
    "ends by the end of the schedule (one interval after its last look) | the same in every one | there is no such "
    "stretch |"
)
@settings(max_examples=200, deadline=None)
@given(looks=records, length=st.integers(1, 200), at_most=st.sampled_from([0, 1, 3, "20%", "55%"]))
def test_the_worst_stretch_is_that_of_all_that_there_are(looks: list[Look], length: int, at_most: int | str) -> None:
    expected = plain(looks)
    found = made(looks)
    if keeps_none(looks):
        return
    worst = worst_stretch(found, length, at_most)
    assert_worst(expected, EVERY, length, at_most, worst)


def assert_worst(
    expected: dict[int, Look | None], every: int, length: int, at_most: int | str, worst: Stretch | None
) -> None:
    """Hold the worst stretch against all that there are, each weighed by the looks that it holds itself."""
    starts = [due for due in expected if due + length <= max(expected) + every]

    def inside(start: int) -> list[Look | None]:
        return [look for due, look in expected.items() if start <= due < start + length]

    def beyond(start: int, *, surely: bool) -> Fraction:
        looks = inside(start)
        failed = sum(look is not None and look.outcome in (REFUSED, TIMED_OUT) for look in looks)
        bad = failed if surely else sum(look is None or look.outcome is not OK for look in looks)
        return bad - exact(at_most) * (len(looks) if isinstance(at_most, str) else 1)

    if not starts:
        assert worst is None
        return
    assert worst is not None
    assert worst.total == len(inside(worst.begin))
    assert worst.fewest == min(len(inside(start)) for start in starts)
    most = max(beyond(start, surely=True) for start in starts)
    if most > 0:
        assert beyond(worst.begin, surely=True) == most
    else:
        assert beyond(worst.begin, surely=False) == max(beyond(start, surely=False) for start in starts)


@st.composite
def of_two_probers(draw: st.DrawFn) -> dict[int, Look | None]:
    """Give looks of a prober and of the one that took its place, some not recorded: by when each was due."""
    seam = draw(st.integers(EVERY + 1, 200))
    outcomes = st.sampled_from([OK, OK, OK, REFUSED, TIMED_OUT, SKIPPED, None])
    found: dict[int, Look | None] = {}
    for due in [*range(0, seam, EVERY), *range(seam, UNTIL + 1, EVERY)]:
        outcome = OK if due in {0, seam} else draw(outcomes)
        found[due] = None if outcome is None else Look(due, due, due + 1, outcome)
    return found


@settings(max_examples=300, deadline=None)
@given(
    expected=of_two_probers(),
    length=st.integers(1, 200),
    at_most=st.sampled_from([0, 2, "20%", "40%", "33.333333333%"]),
)
def test_where_another_prober_took_over_a_stretch_is_weighed_by_the_looks_that_it_holds(
    expected: dict[int, Look | None], length: int, at_most: int | str
) -> None:
    looks = [look for look in expected.values() if look is not None]
    seams = [due for before, due in pairwise(expected) if due - before != EVERY]
    starts = (0, *(seams or [due for due in expected if due % EVERY]))
    found = dues(replace(columns(looks), starts=starts), Pace(EVERY, 0, UNTIL))
    assert found.missing == sum(look is None for look in expected.values())
    assert_worst(expected, EVERY, length, at_most, worst_stretch(found, length, at_most))


def weighed(run: Run, folder: Path, expect: dict[str, Any]) -> Finding:
    run.expect = [expect]
    return judge(run.write(folder)).findings[0]


def lost(since: float, until: float) -> Run:
    """Give a run of good looks, of which some were never recorded."""
    run = Run().usual().good()
    run.samples["pay"] = [one for one in run.samples["pay"] if not ns(since) <= one.due < ns(until)]
    return run


EXPECTATIONS: list[dict[str, Any]] = [
    {"errors": {"of": "pay", "at_most": 0}},
    {"errors": {"of": "pay", "at_most": "20%", "over": "5s"}},
    {"error_budget": {"of": "pay", "objective": "99.9%", "over": "1h", "at_most": "50%"}},
    {"latency": {"of": "pay", "max": "400ms"}},
]


@pytest.mark.parametrize("expect", EXPECTATIONS, ids=lambda one: next(iter(one)))
def test_looks_that_were_never_recorded_may_have_failed(expect: dict[str, Any], tmp_path: Path) -> None:
    found = weighed(lost(6.0, 15.0), tmp_path, expect)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "never recorded" in found.advice
    whole = weighed(Run().usual().good(), tmp_path / "whole", expect)
    assert whole.verdict is Verdict.PASSED


def test_a_late_answer_that_is_told_after_its_look_was_given_up_weighs_in_no_count(tmp_path: Path) -> None:
    """Every look of 5 s timed out, and each was answered in the end: all of them failed, not a half."""
    run = Run().usual().good().saw(ticks(5.0, 10.0, 0.02), TIMED_OUT, 0.5)
    late = [
        Sample("pay", ns(at) + 40_000, ns(at) + 40_000, ns(at + 0.9), OK, "", "late") for at in ticks(5.0, 10.0, 0.02)
    ]
    run.samples["pay"] += late
    found = weighed(run, tmp_path, {"errors": {"of": "pay", "at_most": "60%", "over": "4s"}})
    assert found.verdict is Verdict.FAILED
    assert found.because.startswith("200 of 200 looks failed (100%)")


def test_refusals_between_the_looks_of_the_schedule_use_up_no_budget(tmp_path: Path) -> None:
    run = Run().usual().good().saw(ticks(5.0, 6.5, 0.02), REFUSED)
    run.samples["pay"] += [Sample("pay", ns(at), ns(at), ns(at) + 1000, REFUSED) for at in ticks(5.003, 6.5, 0.02)]
    budget = {"of": "pay", "objective": "99.9%", "over": "1h", "at_most": "50%"}
    found = weighed(run, tmp_path, {"error_budget": budget})
    assert found.because.startswith("1.5 s of bad service")
    assert found.verdict is Verdict.PASSED


@pytest.mark.says(
    "| `error_budget: {of, objective, over, at_most, slower_than?}` | the bad looks take up more than `at_most * (1 -"
    " objective) * over`, one `every` each | the bad and the unknown ones do not | the limit is less than one `every`"
    " and none is bad |"
)
def test_an_error_budget_that_is_used_up_exactly_holds(tmp_path: Path) -> None:
    """0.1 % of 10 minutes are 0.6 s: of them, half are 15 looks of 20 ms, which floats made a little more."""
    run = Run().usual().good().saw(ticks(5.0, 5.3, 0.02)[:15], REFUSED)
    budget = {"of": "pay", "objective": "99.9%", "over": "10m", "at_most": "50%"}
    assert weighed(run, tmp_path, {"error_budget": budget}).verdict is Verdict.PASSED


def test_an_answer_that_the_prober_saw_late_may_have_been_fast(tmp_path: Path) -> None:
    run = Run().usual().good().saw([6.0], OK, 0.4, detail=f"200 {SEEN_LATE}")
    assert weighed(run, tmp_path / "a", {"latency": {"of": "pay", "max": "200ms"}}).verdict is Verdict.INCONCLUSIVE
    budget = {"of": "pay", "objective": "99.9%", "over": "10s", "at_most": "50%", "slower_than": "200ms"}
    assert weighed(run, tmp_path / "b", {"error_budget": budget}).verdict is Verdict.INCONCLUSIVE


def test_two_probers_of_one_probe_have_a_schedule_each(tmp_path: Path) -> None:
    """The second one begins where it likes: what it sees is no more beside the schedule than what the first saw."""
    run = Run(probes=[probe()]).usual().good()
    first = [one for one in run.samples["pay"] if one.due < ns(10.0)]
    folder = run.write(tmp_path)
    from faildrill.record.samples import Files, Recorder  # noqa: PLC0415 - beside what the run itself wrote

    for path in folder.glob("probes.*"):
        path.unlink()
    for name, some in (("probes", first), ("probes-2", [one._replace(due=one.due + 10_007_000_000) for one in first])):
        recorder = Recorder(Files(folder, name))
        for one in some:
            recorder.record(one)
        recorder.close()
    assert judge(folder).probes[0].looks > 900
