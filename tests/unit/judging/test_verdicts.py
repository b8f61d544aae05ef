"""Which verdict a run gets, for the right reason: one situation each, in files as a run leaves them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from faildrill.errors import JournalDamaged, WrongUsage
from faildrill.judging import judge
from faildrill.judging.result import Finding, Result, Verdict
from faildrill.record import timeline as tl
from faildrill.record.samples import Files, Outcome, Recorder, Sample
from unit.judging.runs import END, FAULT, Run, intended, met, ns, probe, put_back, step, ticks, wait

OUTAGE = {"outage": {"of": "pay", "at_most": "30s"}}
AT_SIX = 11
"""The number of an entry that is added to a usual run 6 s after its start."""
STEADY = {"steady_again": {"within": "60s"}}


def usual(*expect: Mapping[str, object], **more: object) -> Run:
    return Run(expect=list(expect) or [OUTAGE], **more).usual().good()  # type: ignore[arg-type]


def deciding(result: Result) -> list[Finding]:
    return [one for one in result.findings if one.verdict is result.verdict]


@pytest.mark.says(
    "| PASSED | every expectation holds, every step took effect, everything was put back and seen steady again | 0 |"
)
def test_a_run_in_which_all_goes_as_it_should_passes(tmp_path: Path) -> None:
    result = judge(usual(OUTAGE, STEADY).write(tmp_path))
    assert result.verdict is Verdict.PASSED
    assert result.exit_code == 0
    assert {one.verdict for one in result.findings} == {Verdict.PASSED}
    assert [one.kind for one in result.findings] == ["outage", "steady_again", "step", "undo", "steady"]
    assert result.whole


@pytest.mark.says("**No data is never a pass**, and neither is a drill that expects nothing or does nothing.")
def test_no_expectation_is_never_a_pass(tmp_path: Path) -> None:
    run = Run().usual().good()
    result = judge(run.write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "expects nothing" in result.because


@pytest.mark.says("**No data is never a pass**, and neither is a drill that expects nothing or does nothing.")
def test_nothing_done_is_never_a_pass(tmp_path: Path) -> None:
    result = judge(usual(steps=[wait()]).write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "nothing is done" in result.because


@pytest.mark.says("**No data is never a pass**, and neither is a drill that expects nothing or does nothing.")
def test_no_data_is_never_a_pass(tmp_path: Path) -> None:
    result = judge(Run(expect=[OUTAGE]).usual().write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no look" in result.because


@pytest.mark.says("| FAILED | an expectation is broken; a `wait` ran out; steady again only after its limit | 1 |")
def test_a_total_outage_that_is_over_by_the_end_fails_when_it_is_longer_than_the_limit(tmp_path: Path) -> None:
    run = usual({"outage": {"of": "pay", "at_most": "2s"}}).saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED)
    result = judge(run.write(tmp_path))
    assert result.verdict is Verdict.FAILED
    (outage,) = result.probes[0].outages
    assert outage.length.at_most is not None
    assert outage.length.at_least <= 3.0 <= outage.length.at_most
    assert outage.length.at_most - outage.length.at_least < 0.05


def test_one_bad_sample_between_good_ones_is_recorded_and_weighed(tmp_path: Path) -> None:
    run = usual({"outage": {"of": "pay", "at_most": "3s"}}, {"errors": {"of": "pay", "at_most": 0}})
    result = judge(run.saw([6.0], Outcome.RESET).write(tmp_path))
    assert [one.verdict for one in result.findings[:2]] == [Verdict.PASSED, Verdict.FAILED]
    assert result.probes[0].outages[0].looks == {"reset": 1}


def test_refused_timed_out_and_wrong_are_told_apart(tmp_path: Path) -> None:
    run = usual().saw([6.0], Outcome.REFUSED).saw([6.02], Outcome.TIMED_OUT, 0.5).saw([6.04], Outcome.WRONG)
    result = judge(run.write(tmp_path))
    assert result.probes[0].outages[0].looks == {"refused": 1, "timed_out": 1, "wrong": 1}


@pytest.mark.says(
    "| INCONCLUSIVE | the drill proves nothing: an action was refused or failed, its effect was not seen, too few "
    "looks, a limit finer than the looks can tell, no data | 4 |"
)
@pytest.mark.parametrize("how", ["refused", "failed"])
def test_an_action_that_is_refused_or_fails_is_never_a_pass(how: str, tmp_path: Path) -> None:
    run = usual().without(tl.Applied, tl.Confirmed)
    run.but(FAULT + 0.1, tl.ApplyFailed(step="crash", how=how, because="AccessDenied"))  # type: ignore[arg-type]
    result = judge(run.write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert any(one.kind == "step" and "AccessDenied" in one.because for one in deciding(result))


def test_an_action_that_failed_is_no_pass_even_if_its_effect_was_seen(tmp_path: Path) -> None:
    run = usual().but(FAULT + 0.1, tl.ApplyFailed(step="crash", how="failed", because="broke half way"))
    assert judge(run.write(tmp_path)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.says(
    "**No expectation passes in a run whose steps did not all take effect.** It becomes INCONCLUSIVE and names "
    "the step."
)
def test_no_expectation_passes_in_a_run_whose_step_took_no_effect(tmp_path: Path) -> None:
    run = usual().without(tl.Confirmed).but(FAULT + 0.2, tl.NotConfirmed(step="crash", because="a still runs"))
    result = judge(run.write(tmp_path))
    assert [one.verdict for one in result.findings if one.kind == "outage"] == [Verdict.INCONCLUSIVE]
    assert "crash it" in result.findings[0].because


@pytest.mark.says(
    "| INCONCLUSIVE | the drill proves nothing: an action was refused or failed, its effect was not seen, too few "
    "looks, a limit finer than the looks can tell, no data | 4 |"
)
def test_a_call_that_returned_and_whose_effect_nobody_looked_for_is_never_a_pass(tmp_path: Path) -> None:
    assert judge(usual().without(tl.Confirmed).write(tmp_path)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.says(
    "A call whose outcome was left open (a 503, a timeout after sending) counts as done when its effect was *seen*, "
    "and only then."
)
@pytest.mark.parametrize("how", ["unknown", "late"])
def test_an_open_outcome_is_settled_by_what_was_seen(how: str, tmp_path: Path) -> None:
    run = usual().without(tl.Applied)
    run.but(FAULT + 0.1, tl.ApplyFailed(step="crash", how=how, because="HTTP 503"))  # type: ignore[arg-type]
    result = judge(run.write(tmp_path))
    assert result.verdict is Verdict.PASSED
    assert "HTTP 503" in result.steps[0].because


@pytest.mark.says(
    "A call whose outcome was left open (a 503, a timeout after sending) counts as done when its effect was *seen*, "
    "and only then."
)
def test_an_open_outcome_that_nobody_settled_is_never_a_pass(tmp_path: Path) -> None:
    run = usual().without(tl.Applied, tl.Confirmed)
    run.but(FAULT + 0.1, tl.ApplyFailed(step="crash", how="unknown", because="HTTP 503"))
    result = judge(run.write(tmp_path))
    assert (result.verdict, result.steps[0].outcome) == (Verdict.INCONCLUSIVE, "unknown")


def test_a_step_that_was_never_reached_is_never_a_pass(tmp_path: Path) -> None:
    run = usual(steps=[step(), step("hang")])
    run.events = [(at, event) for at, event in run.events if getattr(event, "step", "") != "hang"]
    result = judge(run.write(tmp_path))
    assert (result.verdict, result.steps[1].outcome) == (Verdict.INCONCLUSIVE, "not reached")


@pytest.mark.says("| FAILED | an expectation is broken; a `wait` ran out; steady again only after its limit | 1 |")
def test_a_wait_that_ran_out_fails(tmp_path: Path) -> None:
    run = usual(steps=[step(), wait()]).without(tl.WaitStarted, tl.WaitEnded)
    run.events += met("wait", was=False)
    result = judge(run.write(tmp_path))
    assert (result.verdict, result.steps[1].outcome) == (Verdict.FAILED, "not met")
    assert "not seen within 10 s" in result.because


def test_a_wait_that_was_cut_short_proves_nothing(tmp_path: Path) -> None:
    result = judge(usual(steps=[step(), wait()]).without(tl.WaitEnded).write(tmp_path))
    assert (result.verdict, result.steps[1].outcome) == (Verdict.INCONCLUSIVE, "not reached")


def test_steps_of_a_group_are_weighed_one_by_one(tmp_path: Path) -> None:
    group = {"id": "both", "name": "both", "steps": [step("one"), step("two")]}
    run = usual(steps=[step("one"), step("two")])
    run.steps = [group]
    result = judge(run.write(tmp_path))
    assert [one.id for one in result.steps] == ["one", "two"]
    assert result.verdict is Verdict.PASSED


@pytest.mark.says("An undo counts when the state from before was *seen*, whatever the call returned.")
@pytest.mark.says("| UNSAFE | something was not put back, or nobody saw that it was: the environment is dirty | 6 |")
def test_an_undo_that_was_not_verified_is_unsafe(tmp_path: Path) -> None:
    run = usual().without(tl.UndoVerified).but(15.9, tl.UndoNotVerified(step="crash", because="a is still gone"))
    result = judge(run.write(tmp_path))
    assert (result.verdict, result.exit_code, result.steps[0].undo) == (Verdict.UNSAFE, 6, "not verified")
    assert "a is still gone" in result.because


def test_an_undo_that_failed_and_nobody_saw_undone_is_unsafe(tmp_path: Path) -> None:
    run = usual().without(tl.UndoVerified, tl.Undone).but(15.9, tl.UndoFailed(step="crash", because="no route"))
    assert judge(run.write(tmp_path)).steps[0].undo == "failed"


@pytest.mark.says("An undo counts when the state from before was *seen*, whatever the call returned.")
def test_an_undo_that_failed_and_was_seen_undone_all_the_same_is_not_unsafe(tmp_path: Path) -> None:
    run = usual().without(tl.Undone).but(15.5, tl.UndoFailed(step="crash", because="timed out"))
    assert judge(run.write(tmp_path)).verdict is Verdict.PASSED


@pytest.mark.says("An intent on disk without a verified undo is UNSAFE, also in a timeline that breaks off there.")
@pytest.mark.says("| UNSAFE | something was not put back, or nobody saw that it was: the environment is dirty | 6 |")
def test_an_intent_that_nobody_put_back_is_unsafe(tmp_path: Path) -> None:
    result = judge(usual().without(tl.Undoing, tl.Undone, tl.UndoVerified).write(tmp_path))
    assert (result.verdict, result.steps[0].undo_because) == (Verdict.UNSAFE, "nothing was put back")


def test_an_undo_that_began_and_whose_end_nobody_saw_is_unsafe(tmp_path: Path) -> None:
    assert judge(usual().without(tl.Undone, tl.UndoVerified).write(tmp_path)).verdict is Verdict.UNSAFE


def test_an_undo_that_began_again_after_it_was_seen_done_and_did_not_end_is_unsafe(tmp_path: Path) -> None:
    assert judge(usual().but(16.0, tl.Undoing(step="crash", by="recover")).write(tmp_path)).verdict is Verdict.UNSAFE


def test_a_refusal_of_the_call_itself_needs_no_undo(tmp_path: Path) -> None:
    run = usual().without(tl.Applied, tl.Confirmed, tl.Undoing, tl.Undone, tl.UndoVerified)
    result = judge(run.but(FAULT + 0.1, tl.ApplyFailed(step="crash", how="refused", because="403")).write(tmp_path))
    assert (result.verdict, result.steps[0].undo) == (Verdict.INCONCLUSIVE, "not needed")


@pytest.mark.says("`undo: none` in the drill is allowed, but a finding says that the effect stays.")
def test_what_the_drill_leaves_applied_is_no_fault_and_is_said(tmp_path: Path) -> None:
    run = usual().without(tl.Undoing, tl.Undone, tl.UndoVerified)
    run.but(15.0, tl.LeftApplied(step="crash", by="drill", because="the drill says `undo: none`"))
    result = judge(run.write(tmp_path))
    assert result.verdict is Verdict.PASSED
    assert [one.claim for one in result.findings if one.kind == "undo"] == ["crash it: stays applied"]


@pytest.mark.says("`--leave-applied` is UNSAFE: the environment is dirty.")
def test_what_a_person_leaves_applied_is_unsafe(tmp_path: Path) -> None:
    run = usual().without(tl.Undoing, tl.Undone, tl.UndoVerified)
    run.but(15.0, tl.LeftApplied(step="crash", by="person", because="--leave-applied was typed"))
    assert judge(run.write(tmp_path)).verdict is Verdict.UNSAFE


@pytest.mark.says("What was never seen steady is UNSAFE.")
def test_an_environment_that_was_never_steady_again_is_unsafe(tmp_path: Path) -> None:
    run = usual(OUTAGE, STEADY).without(tl.SteadyAgain)
    result = judge(run.but(19.5, tl.NotSteady(probes={"pay": "refused"}, waited=120.0)).write(tmp_path))
    assert result.verdict is Verdict.UNSAFE
    assert "pay: refused" in result.because
    assert [one.verdict for one in result.findings if one.kind == "steady_again"] == [Verdict.FAILED]


@pytest.mark.says("| FAILED | an expectation is broken; a `wait` ran out; steady again only after its limit | 1 |")
def test_steady_again_only_after_its_limit_fails(tmp_path: Path) -> None:
    result = judge(usual({"steady_again": {"within": "400ms"}}).write(tmp_path))
    assert result.verdict is Verdict.FAILED
    assert "steady 500 ms after" in result.because


@pytest.mark.says("| `steady_again: {within}` | see above | | nobody watched |")
def test_a_run_that_nobody_watched_to_be_steady_is_never_a_pass(tmp_path: Path) -> None:
    assert judge(usual().without(tl.SteadyAgain).write(tmp_path)).verdict is Verdict.INCONCLUSIVE


def refused(*events: tl.AnyEvent) -> Run:
    run = Run(expect=[OUTAGE])
    return run.but(0.2, *events).but(0.5, tl.RunEnded(by="runner"))


@pytest.mark.says("| REFUSED | a guard objects, or a probe is not good in the warm-up: nothing was touched | 3 |")
def test_a_guards_objection_refuses(tmp_path: Path) -> None:
    result = judge(refused(tl.GuardAnswered(guard="word", objection="it is not staging")).write(tmp_path))
    assert (result.verdict, result.exit_code) == (Verdict.REFUSED, 3)
    assert result.because == "nothing was started: it is not staging"
    assert [one.verdict for one in result.findings if one.kind == "outage"] == [Verdict.INCONCLUSIVE]


@pytest.mark.says("| REFUSED | a guard objects, or a probe is not good in the warm-up: nothing was touched | 3 |")
def test_a_probe_that_is_unwell_in_the_warm_up_refuses(tmp_path: Path) -> None:
    result = judge(refused(tl.NotHealthy(probes={"pay": "refused"})).write(tmp_path))
    assert result.verdict is Verdict.REFUSED
    assert "pay: refused" in result.because


@pytest.mark.says("| ABORTED | an abort condition, a person or the death of the runner ended it; all put back | 5 |")
@pytest.mark.parametrize("by", ["person", "condition", "signal", "sentinel"])
def test_a_run_that_was_ended_early_and_put_back_is_aborted(by: str, tmp_path: Path) -> None:
    run = usual().but(6.0, tl.AbortAsked(by=by, because="pay is dark for 2 min"))  # type: ignore[arg-type]
    result = judge(run.write(tmp_path))
    assert (result.verdict, result.exit_code) == (Verdict.ABORTED, 5)
    assert "pay is dark for 2 min" in result.because
    assert [one.evidence for one in deciding(result)] == [[f"timeline:{AT_SIX}"]]


@pytest.mark.says("| ABORTED | an abort condition, a person or the death of the runner ended it; all put back | 5 |")
def test_a_run_whose_runner_died_and_that_was_put_back_is_aborted(tmp_path: Path) -> None:
    run = usual().without(tl.SteadyAgain, tl.RunEnded).but(14.0, tl.RunnerDied(how="was killed by SIGKILL", boot="b1"))
    result = judge(run.but(END, tl.RunEnded(by="sentinel")).write(tmp_path))
    assert result.verdict is Verdict.ABORTED
    assert "was killed by SIGKILL" in result.because


def test_a_run_whose_runner_died_and_that_was_not_put_back_is_unsafe(tmp_path: Path) -> None:
    run = usual().without(tl.Undoing, tl.Undone, tl.UndoVerified, tl.SteadyAgain)
    assert judge(run.but(14.0, tl.RunnerDied(how="was killed", boot="b1")).write(tmp_path)).verdict is Verdict.UNSAFE


@pytest.mark.says("| ERROR | faildrill itself broke; all put back | 7 |")
def test_a_runner_that_broke_is_an_error_and_never_exits_1(tmp_path: Path) -> None:
    result = judge(usual().but(6.0, tl.RunnerBroke(error="KeyError: 'x'", traceback="…")).write(tmp_path))
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 7)


def test_a_timeline_without_an_end_is_aborted_when_all_is_put_back(tmp_path: Path) -> None:
    result = judge(usual().without(tl.RunEnded).write(tmp_path))
    assert (result.verdict, result.whole) == (Verdict.ABORTED, False)


@pytest.mark.says("An intent on disk without a verified undo is UNSAFE, also in a timeline that breaks off there.")
def test_a_timeline_without_an_end_is_unsafe_when_an_intent_is_open(tmp_path: Path) -> None:
    run = Run(expect=[OUTAGE]).but(FAULT, intended("crash"), tl.Applying(step="crash"))
    assert judge(run.write(tmp_path)).verdict is Verdict.UNSAFE


def test_a_torn_tail_is_left_out_and_named(tmp_path: Path) -> None:
    folder = usual().write(tmp_path)
    with (folder / tl.FILE).open("r+b") as file:
        file.truncate(file.seek(0, 2) - 9)
    result = judge(folder)
    assert (result.verdict, result.whole) == (Verdict.ABORTED, False)
    assert "torn" in result.because


def test_a_prober_that_ended_by_itself_is_never_a_pass(tmp_path: Path) -> None:
    run = usual().but(8.0, tl.ProberEnded(pid=7, asked=False, because="exited with 1"))
    result = judge(run.write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "exited with 1" in result.because


@pytest.mark.says("All findings are listed whatever the verdict.")
def test_where_several_verdicts_apply_the_worst_wins_and_all_findings_are_listed(tmp_path: Path) -> None:
    run = usual({"outage": {"of": "pay", "at_most": "1s"}}).saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED)
    run.but(6.0, tl.AbortAsked(by="person", because="Ctrl-C"), tl.RunnerBroke(error="x", traceback=""))
    kinds = {one.verdict for one in judge(run.write(tmp_path)).findings}
    assert kinds == {Verdict.ERROR, Verdict.ABORTED, Verdict.FAILED, Verdict.PASSED}
    assert judge(tmp_path).verdict is Verdict.ERROR


@pytest.mark.says(
    "**One expectation hides no other.** One that can't be judged (its kind is gone, it has a defect) is "
    "INCONCLUSIVE and says why; the others are judged."
)
def test_an_expectation_that_this_version_does_not_know_is_never_a_pass(tmp_path: Path) -> None:
    result = judge(usual({"no_such": {"of": "pay"}}).write(tmp_path))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no_such" in result.because


@pytest.mark.says("A timeline that was altered, or a file of names that holds none, is not judged at all.")
def test_an_altered_timeline_is_not_judged(tmp_path: Path) -> None:
    folder = usual().write(tmp_path)
    content = (folder / tl.FILE).read_bytes().replace(b'"killed":"a"', b'"killed":"b"')
    (folder / tl.FILE).write_bytes(content)
    with pytest.raises(JournalDamaged, match="altered"):
        judge(folder)


@pytest.mark.says("A timeline that was altered, or a file of names that holds none, is not judged at all.")
def test_an_altered_file_of_names_is_not_judged(tmp_path: Path) -> None:
    folder = usual().write(tmp_path)
    (folder / "probes.names").write_bytes(b"pay\n")
    with pytest.raises(JournalDamaged, match="names"):
        judge(folder)


def test_a_folder_without_a_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="holds no run"):
        judge(tmp_path)


def test_probes_of_the_environment_are_judged_like_those_of_the_drill(tmp_path: Path) -> None:
    place = {"name": "lab", "probes": [probe("standby", by="environment")]}
    run = usual({"outage": {"of": "standby", "at_most": "1s"}}, place=place).good("standby")
    result = judge(run.write(tmp_path))
    assert result.verdict is Verdict.PASSED
    assert [one.probe for one in result.probes] == ["standby", "pay"]


def test_events_of_a_later_boot_are_put_onto_the_first_ones_clock(tmp_path: Path) -> None:
    """After a power loss the monotonic clock begins anew: times are then told by the wall clock."""
    run = usual().without(tl.Undoing, tl.Undone, tl.UndoVerified, tl.SteadyAgain, tl.RunEnded, tl.PhaseStarted)
    folder = run.without(tl.ProberEnded).write(tmp_path)

    class Rebooted:
        def now_ns(self) -> int:
            return 5

        def wall(self) -> str:
            return "2026-11-22T10:05:00.000000Z"

    timeline = tl.Timeline.resume(folder, Rebooted())
    timeline.record(tl.RunnerDied(how="was found gone", boot="b2"))
    timeline.record(tl.ProberStarted(pid=9, samples="probes-2", probes=["pay"]))
    for _, event in put_back("crash"):
        timeline.record(event)
    timeline.record(tl.SteadyAgain(since=3, after=0.5))
    timeline.record(tl.RunEnded(by="recover"))
    timeline.close()
    looks = judge(folder).probes[0].looks
    recorder = Recorder(Files(folder, "probes-2"))
    recorder.record(Sample("pay", ns(10.001), ns(10.001), ns(10.002), Outcome.REFUSED))
    recorder.close()
    result = judge(folder)
    assert (result.verdict, result.probes[0].looks) == (Verdict.ABORTED, looks)
    assert result.duration == 300.0
    assert [one.at for one in result.moments] == sorted(one.at for one in result.moments)


@pytest.mark.says(
    "Where the target counts (Patroni: timelines; Redis: epochs; MariaDB: resets; HAProxy: reloads; a reach: starts), "
    "an undo that was asked for once and done more often is INCONCLUSIVE, though all is as before."
)
@pytest.mark.parametrize(("times", "verdict"), [(1, Verdict.PASSED), (3, Verdict.INCONCLUSIVE)])
def test_an_undo_that_was_done_more_often_than_it_was_asked_for_proves_nothing(
    times: int, verdict: Verdict, tmp_path: Path
) -> None:
    run = usual().without(tl.UndoVerified)
    result = judge(run.but(15.9, tl.UndoVerified(step="crash", because="a leads", times=times)).write(tmp_path))
    assert result.verdict is verdict
    assert ("put back 3 times, and asked for once" in result.because) is (times == 3)


@pytest.mark.says(
    "What nobody could see for four seconds before it is put back without comparing, which is INCONCLUSIVE: it may "
    "have been somebody else's by then."
)
@pytest.mark.parametrize(("uncompared", "verdict"), [(False, Verdict.PASSED), (True, Verdict.INCONCLUSIVE)])
def test_what_was_put_back_without_comparing_may_have_been_somebody_elses(
    uncompared: bool, verdict: Verdict, tmp_path: Path
) -> None:
    run = usual().without(tl.UndoVerified)
    back = tl.UndoVerified(step="crash", because="a leads", uncompared=uncompared)
    result = judge(run.but(15.9, back).write(tmp_path))
    assert result.verdict is verdict
    assert ("it may have been somebody else's" in result.because) is uncompared
