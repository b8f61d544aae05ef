"""A set of runs: its verdict, its order, how often it failed over, and what each run did to the users."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from faildrill.errors import JournalDamaged, WrongUsage
from faildrill.judging.result import Verdict
from faildrill.judging.set_result import SetResult, encode, judge
from faildrill.model.drill import Drill
from faildrill.record import run_set
from faildrill.record.samples import Outcome
from unit.judging.runs import END, FAULT, Run, SetClock, probe, step, ticks

PASSED, FAILED, INCONCLUSIVE, ABORTED = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.ABORTED
SEED = "a seed"


def of(name: str, *, failover: str = "needless", changes: bool = False, slow: float = 0.05) -> Run:
    """A run of a drill that watches payments and who writes, and whether the writer changed in it."""
    probes = [probe(), probe("writer", every=0.1, kind="patroni.writer")]
    said: dict[str, Any] = {"name": name, "failover": failover}
    made = Run(expect=[{"outage": {"of": "pay", "at_most": "10s"}}], probes=probes, slow={"pay": slow}, more=said)
    made.usual().good().good("writer", 0.1, who="pg1")
    return made.saw(ticks(6.0, END, 0.1), Outcome.OK, name="writer", who="pg2") if changes else made


def broken(name: str) -> Run:
    """The same with an outage that is too long."""
    return of(name).saw(ticks(FAULT, FAULT + 12), Outcome.REFUSED)


def twins(folder: Path, *runs: Run, times: int = 1, seed: str = SEED, end: run_set.SetEnded | None = None) -> Path:
    """Write a set of twins whose runs went in that order."""
    first = run_set.SetStarted(
        set=folder.name,
        sort="twins",
        members=["crash", "skew"],
        times=times,
        seal=run_set.seal(SEED),
        drill="crash",
        environment="lab",
        version="1",
        host="here",
        user="ada",
    )
    return written(folder, first, runs, end or run_set.SetEnded(seed=seed))


def ways(folder: Path, **runs: Run) -> Path:
    """Write a set of ways, each a run of the same drill."""
    for name, run in runs.items():
        run.more |= {"name": "skew", "way": {"name": name, "steps": [step("answer")]}}
    first = run_set.SetStarted(
        set=folder.name,
        sort="ways",
        members=list(runs),
        times=1,
        drill="skew",
        environment="lab",
        version="1",
        host="here",
        user="ada",
    )
    return written(folder, first, tuple(runs.values()), run_set.SetEnded())


def written(folder: Path, first: run_set.SetStarted, runs: tuple[Run, ...], end: run_set.SetEnded) -> Path:
    folder.mkdir(parents=True)
    file = run_set.SetFile.create(folder, SetClock())
    file.record(first)
    for number, run in enumerate(runs, 1):
        run.write(folder / f"run-{number}-abcdef")
        file.record(run_set.RunBegun(folder=f"run-{number}-abcdef"))
    file.record(end)
    file.close()
    return folder


def drawn(*names: str, times: int = 1) -> list[str]:
    return run_set.order(list(names), times, SEED)


def in_order(tmp_path: Path, crash: Run, skew: Run, **more: Any) -> SetResult:
    by_name = {"crash": crash, "skew": skew}
    return judge(twins(tmp_path / "set", *(by_name[name] for name in drawn("crash", "skew")), **more))


def test_the_verdict_of_a_set_is_the_worst_of_its_runs(tmp_path: Path) -> None:
    good = in_order(tmp_path / "good", of("crash"), of("skew"))
    assert (good.verdict, good.exit_code) == (PASSED, 0)
    bad = in_order(tmp_path / "bad", of("crash"), broken("skew"))
    assert (bad.verdict, bad.exit_code) == (FAILED, 1)
    assert "(skew): pay is never down for more than 10 s: no" in bad.because


def test_the_same_set_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = twins(tmp_path / "set", of("crash"), of("skew"))
    assert encode(judge(folder)) == encode(judge(folder))


def test_failovers_are_counted_by_what_the_drills_declare_of_them(tmp_path: Path) -> None:
    result = in_order(tmp_path, of("crash", failover="warranted", changes=True), of("skew", changes=True))
    assert (result.warranted.runs, result.warranted.done) == (1, 1)
    assert (result.needless.runs, result.needless.done) == (1, 1)
    quiet = in_order(tmp_path / "quiet", of("crash", failover="warranted", changes=True), of("skew"))
    assert (quiet.needless.runs, quiet.needless.done, quiet.needless.unknown) == (1, 0, 0)


def test_a_failover_that_nobody_could_see_is_neither_done_nor_not(tmp_path: Path) -> None:
    unseen = of("skew").saw(ticks(6.0, 12.0, 0.1), Outcome.TIMED_OUT, 0.5, name="writer")
    result = in_order(tmp_path, of("crash"), unseen)
    assert (result.needless.runs, result.needless.done, result.needless.unknown) == (2, 0, 1)


def test_a_timeline_tells_of_a_failover_that_the_writers_names_hide(tmp_path: Path) -> None:
    made = of("skew")
    made.probes.append(probe("line", every=0.1, kind="patroni.timeline"))
    made.good("line", 0.1, who="3").saw(ticks(12.0, END, 0.1), Outcome.OK, name="line", who="5")
    result = in_order(tmp_path, of("crash"), made)
    assert (result.needless.done, result.needless.unknown) == (1, 0)


def test_a_set_that_was_cut_short_is_aborted_and_says_how_far_it_came(tmp_path: Path) -> None:
    first = drawn("crash", "skew")[0]
    end = run_set.SetEnded(seed=SEED, because="run 1 ended ABORTED")
    result = judge(twins(tmp_path / "told", of(first), end=end))
    assert result.verdict is ABORTED
    assert "1 of 2 were: run 1 ended ABORTED" in result.because
    folder = twins(tmp_path / "killed", of(first))
    lines = (folder / run_set.FILE).read_bytes().splitlines(keepends=True)
    (folder / run_set.FILE).write_bytes(b"".join(lines[:-1]))
    assert judge(folder).verdict is ABORTED


def test_a_run_that_began_and_left_nothing_is_inconclusive(tmp_path: Path) -> None:
    folder = twins(tmp_path / "set", *(of(name) for name in drawn("crash", "skew")))
    (folder / "run-2-abcdef" / "timeline.jsonl").unlink()
    assert judge(folder).verdict is INCONCLUSIVE


def test_an_order_that_is_not_the_sealed_one_is_no_pass(tmp_path: Path) -> None:
    swapped = [of(name) for name in reversed(drawn("crash", "skew"))]
    result = judge(twins(tmp_path / "swapped", *swapped))
    assert result.verdict is INCONCLUSIVE
    assert "the runs were" in result.because


@pytest.mark.parametrize(("seed", "said"), [("another seed", "the seed is another one"), ("", "never revealed")])
def test_a_seed_that_does_not_fit_its_seal_is_no_pass(seed: str, said: str, tmp_path: Path) -> None:
    result = judge(twins(tmp_path / "set", *(of(name) for name in drawn("crash", "skew")), seed=seed))
    assert result.verdict is INCONCLUSIVE
    assert said in result.because


def test_an_altered_file_of_a_set_is_not_judged(tmp_path: Path) -> None:
    folder = twins(tmp_path / "set", of("crash"), of("skew"))
    path = folder / run_set.FILE
    path.write_bytes(path.read_bytes().replace(b"ada", b"bob"))
    with pytest.raises(JournalDamaged):
        judge(folder)


def test_a_folder_without_a_set_is_said_to_hold_none(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="holds no set"):
        judge(tmp_path)


def test_an_order_is_drawn_alike_everywhere_and_holds_everybody_so_many_times() -> None:
    order = run_set.order(["a", "b", "c"], 4, "seed")
    assert sorted(order) == sorted(["a", "b", "c"] * 4)
    assert "".join(order) == "bccaaabbcbac"
    assert run_set.order(["a", "b"], 2) == ["a", "b", "a", "b"]
    assert run_set.seal("seed") == hashlib.sha256(b"seed").hexdigest()


def test_both_orders_of_two_are_drawn_about_as_often() -> None:
    firsts = [run_set.order(["a", "b"], 1, f"seed {number}")[0] for number in range(400)]
    assert 150 < firsts.count("a") < 250


def test_a_way_is_the_drill_with_its_own_steps_and_expectations_behind() -> None:
    use = {"kind": "member.kill", "params": {}}
    drill = Drill.model_validate(
        {
            "name": "skew",
            "environment": "lab",
            "probes": [],
            "steps": [{"id": "skew", "name": "skew", "use": use}],
            "expect": [{"kind": "outage"}],
            "ways": [
                {
                    "name": "mended",
                    "steps": [{"id": "mend", "name": "mend", "use": use}],
                    "expect": [{"kind": "errors"}],
                }
            ],
        }
    )
    taken = drill.taking(drill.ways[0])
    assert [one.id for one in taken.steps] == ["skew", "mend"]
    assert [one.kind for one in taken.expect] == ["outage", "errors"]
    assert taken.way == drill.ways[0]
    assert taken.declared() == drill.declared() == drill


# what it did to the users


def impact(tmp_path: Path, run: Run, other: Run | None = None) -> Any:  # noqa: ANN401 - a record of figures
    return judge(ways(tmp_path / "set", one=run, two=other or of("skew"))).runs[0].impacts[0]


def answered(run: Run, at: float) -> Run:
    """Let a step of the way be applied at that time."""
    from faildrill.record import timeline as tl  # noqa: PLC0415 - used here alone

    run.steps.append(step("answer"))
    return run.but(at, tl.Applying(step="answer"), tl.Applied(step="answer", answer={}))


def test_looks_that_fail_and_answers_that_are_late_hurt_from_the_fault_on(tmp_path: Path) -> None:
    run = of("skew").saw(ticks(1.0, 1.2), Outcome.WRONG)  # before the first step: does not count
    run.saw(ticks(5.0, 6.0), Outcome.WRONG).saw(ticks(8.0, 8.2), Outcome.OK, 0.3)
    seen = impact(tmp_path, run)
    assert (seen.failed, seen.late) == (50, 10)
    assert seen.hurt == 2 + 1  # two seconds from the fault's own beginnings, and one
    assert seen.is_over


def test_the_tail_counts_from_the_answer_to_the_end_of_the_last_look_that_hurt(tmp_path: Path) -> None:
    run = answered(of("skew").saw(ticks(5.0, 11.0), Outcome.WRONG, 0.01), 8.0)
    assert impact(tmp_path, run).tail == pytest.approx(3.0 - 0.02 + 0.01, abs=0.001)


def test_where_nothing_answers_the_tail_counts_from_putting_it_back(tmp_path: Path) -> None:
    run = of("skew").saw(ticks(5.0, 16.0), Outcome.WRONG, 0.01)  # put back at 15
    assert impact(tmp_path, run).tail == pytest.approx(1.0 - 0.02 + 0.01, abs=0.001)


def test_a_pain_that_goes_on_when_the_looking_ends_has_no_tail(tmp_path: Path) -> None:
    seen = impact(tmp_path, of("skew").saw(ticks(5.0, END), Outcome.WRONG))
    assert (seen.is_over, seen.tail) == (False, None)


def test_late_is_the_same_in_every_run_of_a_set(tmp_path: Path) -> None:
    generous = of("skew", slow=0.5)
    run = of("skew").saw(ticks(8.0, 8.2), Outcome.OK, 0.3)
    assert impact(tmp_path / "strict", run).late == 10
    run = of("skew").saw(ticks(8.0, 8.2), Outcome.OK, 0.3)
    assert impact(tmp_path / "generous", run, generous).late == 0


def test_a_percentile_counts_a_failed_look_as_slower_than_any_other(tmp_path: Path) -> None:
    seen = impact(tmp_path, of("skew").saw(ticks(5.0, 9.0), Outcome.WRONG))
    assert seen.p50[1] == pytest.approx(0.002, abs=0.0001)
    assert seen.p99 == [None, None]
    assert seen.p99_good[1] == pytest.approx(0.002, abs=0.0001)


def test_only_what_users_are_promised_stands_for_them(tmp_path: Path) -> None:
    result = judge(ways(tmp_path / "set", one=of("skew"), two=of("skew")))
    assert [[one.probe for one in run.impacts] for run in result.runs] == [["pay"], ["pay"]]


def test_set_json_keeps_the_names_that_its_readers_know(tmp_path: Path) -> None:
    [run, *_] = json.loads(encode(judge(ways(tmp_path / "set", one=of("skew"), two=of("skew")))))["runs"]
    assert {"pains", "books"} <= set(run)


def suite(folder: Path, *events: run_set.AnyEvent, members: tuple[str, ...] = ("a", "b"), **runs: Run) -> SetResult:
    """Judge a suite whose file holds these events after its first, with a folder for each of these runs."""
    folder.mkdir(parents=True)
    file = run_set.SetFile.create(folder, SetClock())
    file.record(
        run_set.SetStarted(
            set=folder.name,
            sort="suite",
            members=list(members),
            times=1,
            drill="nightly",
            environment="lab",
            version="1",
            host="here",
            user="ada",
        )
    )
    for name, run in runs.items():
        run.write(folder / name)
    for event in events:
        file.record(event)
    file.close()
    return judge(folder)


def begun(folder: str, member: str, attempt: int = 1) -> run_set.RunBegun:
    return run_set.RunBegun(folder=folder, member=member, attempt=attempt)


def test_the_verdict_of_a_suite_is_the_worst_of_its_drills(tmp_path: Path) -> None:
    events = (begun("run_1", "a"), begun("run_2", "b"), run_set.SetEnded())
    good = suite(tmp_path / "good", *events, run_1=of("a"), run_2=of("b"))
    assert (good.verdict, good.conclusive, good.because) == (PASSED, True, "all 2 runs passed")
    bad = suite(tmp_path / "bad", *events, run_1=of("a"), run_2=broken("b"))
    assert (bad.verdict, bad.conclusive, bad.exit_code) == (FAILED, True, 1)
    assert [one.verdict for one in bad.runs] == [PASSED, FAILED]
    assert bad.runs[1].headline is not None
    assert bad.runs[1].headline.outage is not None
    assert encode(judge(tmp_path / "bad")) == encode(bad)


def test_of_several_tries_the_last_one_counts_and_all_are_kept(tmp_path: Path) -> None:
    events = (begun("run_1", "a"), begun("run_2", "a", 2), run_set.SetEnded())
    result = suite(tmp_path / "set", *events, members=("a",), run_1=broken("a"), run_2=of("a"))
    assert (result.verdict, [one.verdict for one in result.runs]) == (PASSED, [FAILED, PASSED])
    assert [(one.attempt, one.tried_again) for one in result.runs] == [(1, True), (2, False)]


def test_a_drill_that_was_not_run_is_listed_and_makes_the_suite_no_pass(tmp_path: Path) -> None:
    left = run_set.NotRun(member="b", because="the budget is spent")
    result = suite(tmp_path / "set", begun("run_1", "a"), left, run_set.SetEnded(), run_1=of("a"))
    assert (result.verdict, result.conclusive) == (INCONCLUSIVE, False)
    assert [(one.name, one.because, one.verdict) for one in result.not_run] == [
        ("b", "the budget is spent", INCONCLUSIVE)
    ]
    ended = run_set.NotRun(member="b", because="ended by SIGTERM", interrupted=True)
    assert suite(tmp_path / "ended", begun("run_1", "a"), ended, run_1=of("a")).verdict is ABORTED


def test_a_suite_that_was_cut_short_lists_what_nobody_wrote_of(tmp_path: Path) -> None:
    result = suite(tmp_path / "set", begun("run_1", "a"), run_1=of("a"))
    assert (result.verdict, [one.name for one in result.not_run]) == (ABORTED, ["b"])
    assert "cut short" in result.not_run[0].because


def test_a_run_of_a_suite_that_can_not_be_judged_is_what_its_exit_code_said(tmp_path: Path) -> None:
    events = (begun("run_1", "a"), run_set.RunOver(folder="run_1", code=6), begun("run_2", "b"), run_set.SetEnded())
    result = suite(tmp_path / "set", *events, run_2=of("b"))
    assert [one.verdict for one in result.runs] == [Verdict.UNSAFE, PASSED]
    assert (result.verdict, result.exit_code) == (Verdict.UNSAFE, 6)
