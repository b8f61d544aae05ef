"""What an oracle found that the page left open: its sentences on edges, one by one."""

from pathlib import Path

import pytest

from faildrill.judging.aborts.abort_conditions import ErrorsAbove, OutageLonger
from faildrill.judging.result import Verdict
from faildrill.ports import Rate
from faildrill.proofs.look_schedule import Schedule
from faildrill.proofs.looks import Question
from faildrill.proofs.streaks import Asked
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome, Sample
from unit.judging.page.records import SLOW, claimed, exactly, found, instead, judged, look, lost, plan
from unit.judging.runs import END, Run, ns, probe, ticks, wait
from unit.judging.worlds import MS

OK, REFUSED, TIMED_OUT, OPEN = Outcome.OK, Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.OPEN
PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


@pytest.mark.says(
    "With a hold, two of which the later ends less than the hold after the earlier began are of one outage all the "
    "same, whatever lies between."
)
def test_dark_looks_nearer_than_the_hold_are_surely_of_one_outage(tmp_path: Path) -> None:
    for hold, verdict in (("1s", FAILED), ("300ms", PASSED)):
        made = claimed("outage", at_most="1s", hold=hold).saw(ticks(5, 7, 0.5), REFUSED)
        assert found(made, tmp_path / hold).verdict is verdict


@pytest.mark.says("Where none begins so late, it is until the last answer of all.")
def test_an_outage_may_have_lasted_until_the_last_answer_where_its_hold_was_not_seen(tmp_path: Path) -> None:
    for limit, verdict in (("1s", INCONCLUSIVE), ("2s", PASSED)):
        made = claimed("outage", at_most=limit, hold="1s").saw(ticks(19.6, 19.7), REFUSED)
        assert found(made, tmp_path / limit).verdict is verdict


@pytest.mark.says("A limit shorter than that is INCONCLUSIVE.")
def test_a_slow_answer_among_quick_ones_hides_nothing_more(tmp_path: Path) -> None:
    made = claimed("outage", at_most="100ms", hold="0s")
    made.slow = {"pay": 0.5}
    made = instead(made, [(5.0, 5.0, 5.4, OK)])
    assert found(made, tmp_path).verdict is PASSED


def asked(samples: list[Sample], word: str, who: str, hold: int) -> bool:
    schedule = Schedule(plan())
    schedule.fix(SLOW * MS)
    asking = Asked(Question(word, who), {"pay": schedule}, 0, hold * MS)  # type: ignore[arg-type]
    for one in samples:
        schedule.take(one)
        asking.take(one)
    return asking.met is not None


@pytest.mark.says("What proves nothing says nothing, whoever it names.")
@pytest.mark.parametrize("outcome", [OPEN, Outcome.THROTTLED, Outcome.BROKEN])
def test_what_proves_nothing_names_nobody(outcome: Outcome) -> None:
    assert not asked([look(at, 2, outcome, "pay1") for at in range(0, 1000, 20)], "saw", "pay1", 0)


@pytest.mark.says("It stays so, whatever is told of it later.")
def test_who_was_taken_to_be_silent_stays_so() -> None:
    """The look due at 200 ms is told at 700 ms: good, in time."""
    some = [look(at) for at in range(0, 700, 20) if at != 200]
    assert asked([*some[:10], look(200), *some[10:]], "ok", "", 400)
    assert not asked([*some[:10], *some[10:31], look(200)], "ok", "", 450)


def test_what_was_so_between_two_polls_is_met_all_the_same() -> None:
    """Good for 300 ms, and then refused: told at once, it was so for that long."""
    some = [*(look(at) for at in range(0, 320, 20)), *(look(at, 2, REFUSED) for at in range(320, 640, 20))]
    assert asked(some, "ok", "", 250)


def test_a_look_between_refusals_settles_nothing_of_one_that_is_due() -> None:
    """The look due at 60 ms is under way still when one between refusals, sent at 65 ms, was refused."""
    some = [*(look(at, 2, REFUSED) for at in range(0, 60, 20)), look(65, 2, REFUSED)]
    assert not asked(some, "not ok", "", 60)
    assert asked([*some, look(60, 8, REFUSED)], "not ok", "", 60)


def waited(word: str, of: str | None, *, met: bool) -> Run:
    """Give a run of two probes, one of which is not recorded while it waits."""
    until = {"probe": of, "state": word}
    made = Run(probes=[probe(), probe("db")], steps=[wait() | {"until": until}])
    made.usual().without(tl.WaitEnded).good().good("db")
    made.samples["db"] = [one for one in made.samples["db"] if not ns(3.9) <= one.due < ns(14.1)]
    return made.but(14.0, tl.WaitEnded(step="wait", met=met, because="so"))


@pytest.mark.says(
    "With `all`, `is ok` needs such a look of every probe, and the other words of one; it may have been so unseen "
    "where that is so of a probe on which a stretch of `H` could hide."
)
def test_a_wait_for_all_hangs_on_the_probe_that_was_not_recorded(tmp_path: Path) -> None:
    for word, met, verdict in (
        ("ok", True, INCONCLUSIVE), ("not ok", False, INCONCLUSIVE), ("ok", False, INCONCLUSIVE),
    ):  # fmt: skip
        result = judged(waited(word, None, met=met), tmp_path / f"{word}{met}")
        assert next(one for one in result.findings if one.kind == "step").verdict is verdict
    refused = waited("ok", None, met=False).saw(ticks(4, 14, 0.5), REFUSED)
    result = judged(refused, tmp_path / "refused")
    assert next(one for one in result.findings if one.kind == "step").verdict is FAILED


@pytest.mark.says(
    "Where looks prove that a probe was not good from then on for that long, it is FAILED, and UNSAFE, whatever the "
    "run saw."
)
def test_a_run_that_saw_it_steady_in_the_dark_is_not_believed(tmp_path: Path) -> None:
    made = Run(expect=[{"steady_again": {"within": "10s"}}]).usual().good().saw(ticks(17.0, 18.5), REFUSED)
    result = judged(made, tmp_path)
    assert (result.findings[0].verdict, result.verdict) == (FAILED, Verdict.UNSAFE)


@pytest.mark.says(
    "Of two looks with the same `due` the one told first counts, and one that is told late is weighed with all that "
    "failed within `over` after it."
)
def test_errors_that_are_told_late_are_weighed_with_those_after_them() -> None:
    """Half a second of hanging, told after half a second of refusals: more than 40 of them failed within a second."""
    watcher = ErrorsAbove.model_validate({"of": "pay", "above": 40, "over": "1s"}).watch({"pay": Rate(0.02, 0.1, 2.0)})
    hung = [look(at, 2000, TIMED_OUT) for at in range(0, 500, 20)]
    refused = [look(at, 2, REFUSED) for at in range(500, 1000, 20)]
    good = [look(at) for at in range(1000, 2600, 20)]
    told = [watcher.feed(one) or watcher.tick(one.answered) for one in sorted([*hung, *refused, *good], key=_answer)]
    assert any(told)


def test_a_late_answer_is_no_look_more() -> None:
    watcher = ErrorsAbove.model_validate({"of": "pay", "above": "60%", "over": "1s"}).watch(
        {"pay": Rate(0.1, 0.1, 0.5)}
    )
    hung = [look(at, 500, TIMED_OUT) for at in range(0, 3000, 100)]
    late = [look(at, 501, detail="late answer") for at in range(0, 3000, 100)]
    told = [watcher.feed(one) or watcher.tick(one.answered) for one in sorted([*hung, *late], key=_answer)]
    assert any(told)


def test_a_hang_with_a_long_timeout_ends_the_run_as_soon_as_any() -> None:
    """Silent from 1 s on, given up after 5 s: a limit of 8 s is over at 9 s, and an answer and three looks later."""
    watcher = OutageLonger.model_validate({"of": "pay", "longer_than": "8s"}).watch({"pay": Rate(0.02, 0.1, 5.0)})
    watcher.tick(0)
    some = [*(look(at) for at in range(0, 1000, 20)), *(look(at, 5000, TIMED_OUT) for at in range(1000, 12_000, 20))]
    when = next(one.answered for one in some if watcher.feed(one) or watcher.tick(one.answered))
    assert when <= (9000 + 2 * 100 + 3 * 20) * MS


def _answer(one: Sample) -> int:
    return one.answered


@pytest.mark.says(
    "They are asked of the whole run; with `when`, ten looks of that part must prove something, too, unless it is an "
    "`outage`, which may be seen beyond its part."
)
def test_ten_looks_of_a_part_must_prove_something(tmp_path: Path) -> None:
    for made in (claimed("errors", at_most="50%", when="before"), claimed("latency", p50="1s", when="before")):
        made.saw(ticks(0.4, 3.4), Outcome.SKIPPED)
        assert found(made, tmp_path / next(iter(made.expect[0]))).verdict is INCONCLUSIVE
    made = claimed("outage", at_most="4s", hold="0s", when="before").saw(ticks(0.4, 3.4), Outcome.SKIPPED)
    assert found(made, tmp_path / "outage").verdict is PASSED


@pytest.mark.says(
    "`outage`, `brown_out`, `flaps`, `never`, `writers` and `detected` count nothing, so they weigh also what is "
    "beside the schedule."
)
def test_who_is_seen_beside_the_schedule_was_seen(tmp_path: Path) -> None:
    made = claimed("never", who="pg1", saw="pg2")
    made.samples["pay"].append(Sample("pay", ns(5.005), ns(5.005), ns(5.006), OK, "pg2", ""))
    assert found(made, tmp_path / "never").verdict is FAILED
    made = exactly(claimed("outage", at_most="0s"), [(5.005, 5.005, 5.006, REFUSED)])
    assert found(made, tmp_path / "outage").verdict is FAILED


@pytest.mark.says("Of a probe that never names anybody `writers` is INCONCLUSIVE.")
def test_who_names_nobody_saw_no_writer(tmp_path: Path) -> None:
    assert found(claimed("writers", at_most=1), tmp_path).verdict is INCONCLUSIVE


def test_what_was_not_recorded_at_the_end_of_a_schedule_is_in_every_stretch(tmp_path: Path) -> None:
    made = lost(claimed("errors", at_most=10, over="1s"), 19.0, END)
    assert found(made, tmp_path).verdict is INCONCLUSIVE
